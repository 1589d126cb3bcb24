//! Proof that the simulation bites: bugs planted one at a time, and how many seeds it takes to find each.

mod bugs;

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, str};

pub use bugs::BUGS;

use crate::tier::On;

/// Seeds that a bug may take to be found.
pub const SEEDS: u64 = 1_000;

/// Seeds that half of the bugs may take.
pub const SOON: u64 = 100;

/// A bug to plant: a change of one place in the source.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// What goes wrong.
    pub name: &'static str,
    /// Who is to find it.
    pub on: On,
    /// The file, from the root of the workspace.
    pub file: &'static str,
    /// What stands there, once,
    pub find: &'static str,
    /// and what the bug puts in its place.
    pub replace: &'static str,
}

/// What became of a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Catch {
    /// Found with so many seeds; the promise that it broke.
    Found(u64, String),
    /// Not found.
    Missed,
    /// It does not even compile.
    Broken,
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace")
}

/// A copy of the workspace to plant bugs in, with a build folder of its own.
#[derive(Debug)]
pub struct Garden {
    root: PathBuf,
    target: PathBuf,
}

impl Garden {
    /// Copies the workspace to `target/planted`.
    ///
    /// # Errors
    /// If a file cannot be copied.
    pub fn new() -> io::Result<Self> {
        let folder = workspace().join("target/planted");
        let garden = Self { root: folder.join("tree"), target: folder.join("build") };
        let _ = fs::remove_dir_all(&garden.root);
        copy(workspace(), &garden.root)?;
        Ok(garden)
    }

    /// Plants a bug, lets the simulation look for it, and takes it out again.
    ///
    /// # Errors
    /// If a file cannot be changed, or cargo not be run.
    pub fn try_out(&self, bug: &Bug) -> io::Result<Catch> {
        let file = self.root.join(bug.file);
        let healthy = fs::read_to_string(&file)?;
        fs::write(&file, healthy.replacen(bug.find, bug.replace, 1))?;
        let catch = self.sweep(bug);
        fs::write(&file, healthy)?;
        catch
    }

    fn sweep(&self, bug: &Bug) -> io::Result<Catch> {
        let cargo = |verb: &str| {
            let mut cargo = Command::new("cargo");
            cargo.arg(verb).args(["-q", "-p", "sim", "--bin", "sim", "--offline"]);
            cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
            cargo
        };
        if !cargo("build").output()?.status.success() {
            return Ok(Catch::Broken);
        }
        let sweep = ["--", "sweep", "--seeds", &SEEDS.to_string(), "--on", bug.on.name()];
        let output = cargo("run").args(sweep).output()?;
        Ok(caught(str::from_utf8(&output.stdout).unwrap_or_default()))
    }
}

/// The verdict in what a sweep printed: `caught after N seeds: PROMISE: HOW`, or `never met: SITUATIONS`.
fn caught(output: &str) -> Catch {
    if let Some(never) = output.lines().find(|line| line.starts_with("never met: ")) {
        return Catch::Found(SEEDS, never.to_owned());
    }
    let found = output.lines().find_map(|line| line.strip_prefix("caught after "));
    let found = found.and_then(|rest| rest.split_once(" seeds: "));
    match found.and_then(|(seeds, promise)| Some((seeds.parse().ok()?, promise.split(':').next()?))) {
        Some((seeds, promise)) => Catch::Found(seeds, promise.to_owned()),
        None => Catch::Missed,
    }
}

/// The table for `sim/README.md`.
#[must_use]
pub fn table(catches: &[(Bug, Catch)]) -> String {
    let mut table = String::from("| planted bug | found by | seeds | promise |\n|---|---|---:|---|\n");
    for (bug, catch) in catches {
        let (seeds, promise) = match catch {
            Catch::Found(seeds, promise) => (seeds.to_string(), promise.as_str()),
            Catch::Missed => (format!("not in {SEEDS}"), ""),
            Catch::Broken => ("does not compile".into(), ""),
        };
        let _ = writeln!(table, "| {} | {} | {seeds} | {promise} |", bug.name, bug.on.name());
    }
    let most = catches.iter().map(|(_, catch)| seeds_of(catch)).max().unwrap_or_default();
    let _ = writeln!(table, "\n{} bugs; median {} seeds, at most {most}.", catches.len(), median(catches));
    table
}

/// How many seeds it took to find half of the bugs.
#[must_use]
pub fn median(catches: &[(Bug, Catch)]) -> u64 {
    let mut seeds: Vec<_> = catches.iter().map(|(_, catch)| seeds_of(catch)).collect();
    seeds.sort_unstable();
    seeds.get(seeds.len() / 2).copied().unwrap_or_default()
}

fn seeds_of(catch: &Catch) -> u64 {
    match catch {
        Catch::Found(seeds, _) => *seeds,
        Catch::Missed | Catch::Broken => u64::MAX,
    }
}

/// Copies a folder, but for build folders and what is hidden.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "target" || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_its_one_place_in_the_source() {
        for bug in BUGS {
            let source = fs::read_to_string(workspace().join(bug.file)).unwrap();
            assert_eq!(source.matches(bug.find).count(), 1, "{}: {}", bug.name, bug.file);
            assert_ne!(bug.find, bug.replace, "{}", bug.name);
        }
    }

    #[test]
    fn verdicts() {
        assert_eq!(caught("caught after 7 seeds: Order: how"), Catch::Found(7, "Order".into()));
        assert_eq!(
            caught("1000 worlds\nnever met: Private"),
            Catch::Found(SEEDS, "never met: Private".into())
        );
        assert_eq!(caught("1000 worlds"), Catch::Missed);
    }
}
