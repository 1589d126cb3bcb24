//! The proof that the simulation bites.

use std::fs;

use sim::planted::{BUGS, Catch, Garden, SOON, median, table, workspace};

use super::{Mishap, Verdict};

/// What stands before and behind the table in the README.
const MARKS: (&str, &str) = ("<!-- planted bugs -->\n", "<!-- end of planted bugs -->\n");

/// Plants the bugs whose name has `only` in it, one at a time, and prints how each was found.
pub(super) fn planted(only: &str, write: bool) -> Result<Verdict, Mishap> {
    let garden = Garden::new().map_err(mishap)?;
    let mut catches = Vec::new();
    for bug in BUGS.iter().filter(|bug| bug.name.contains(only)) {
        let catch = garden.try_out(bug).map_err(mishap)?;
        println!("{}: {catch:?}", bug.name);
        catches.push((*bug, catch));
    }
    if catches.is_empty() {
        return Err(format!("no bug has {only:?} in its name"));
    }
    let table = table(&catches);
    println!("\n{table}");
    if write {
        let file = workspace().join("sim/README.md");
        let readme = fs::read_to_string(&file).map_err(mishap)?;
        let (head, rest) = readme.split_once(MARKS.0).ok_or("sim/README.md has no place for the table")?;
        let (_, tail) = rest.split_once(MARKS.1).ok_or("the place for the table has no end")?;
        let readme = [head, MARKS.0, &table, MARKS.1, tail].concat();
        fs::write(&file, readme).map_err(mishap)?;
    }
    let all = catches.iter().all(|(_, catch)| matches!(catch, Catch::Found(..)));
    let soon = median(&catches) < SOON;
    Ok(if all && soon { Verdict::Fine } else { Verdict::Failed })
}

fn mishap(error: std::io::Error) -> Mishap {
    error.to_string()
}
