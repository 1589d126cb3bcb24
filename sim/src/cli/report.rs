//! What is printed of runs and of failures.

use std::fs;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use sim::corpus;
use sim::oracle::{Broken, Marks};
use sim::plan::Swarm;
use sim::run::Run;
use sim::tape::Tape;
use sim::tier::On;
use sim::trace::Keep;

use super::{Mishap, Verdict};

/// Trace lines that a failure shows.
const LAST: usize = 30;

/// Prints what the run of a tape is like, all that is seen in it, and how it ends.
pub(super) fn whole(tape: &Tape, on: On) -> Result<Verdict, Mishap> {
    let run = on.run(tape, Keep::All);
    let print = |out: &mut dyn io::Write| {
        writeln!(out, "seed {:#x} on {}", tape.seed(), on.name())?;
        writeln!(out, "{}", Swarm::from_tape(tape))?;
        run.trace.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
        writeln!(out, "digest {:016x} of {} events", run.trace.digest(), run.trace.events())?;
        if let Some(broken) = &run.broken {
            writeln!(out, "broken: {broken}")?;
        }
        out.flush()
    };
    match print(&mut BufWriter::new(io::stdout().lock())) {
        // Whoever reads only the beginning has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(verdict(&run)),
    }
}

/// Prints all that somebody needs to look into the failure of a seed, and keeps its tape.
pub(super) fn failure(seed: u64, broken: &Broken, on: On, folder: &Path) -> Result<(), Mishap> {
    let tape = Tape::from_seed(seed);
    let run = on.run(&tape, Keep::Last(LAST));
    println!("seed {seed:#x} on {}\n{}\nbroken: {broken}", on.name(), Swarm::from_tape(&tape));
    for line in run.trace.lines() {
        println!("{line}");
    }
    let file = keep(&tape, broken, &path_of(seed, on, folder))?;
    println!("tape: {}", file.display());
    println!("again: cargo run -p sim --release -- run --seed {seed:#x} --on {}", on.name());
    Ok(())
}

/// Writes a tape that broke a promise to a file.
pub(super) fn keep(tape: &Tape, broken: &Broken, file: &Path) -> Result<PathBuf, Mishap> {
    let text = corpus::print(tape, &format!("broken: {broken}"));
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    match folder.and_then(|()| fs::write(file, text)) {
        Ok(()) => Ok(file.to_owned()),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

/// Where the tape of a seed is kept.
pub(super) fn path_of(seed: u64, on: On, folder: &Path) -> PathBuf {
    folder.join(format!("{}-{seed:#018x}.tape", on.name()))
}

/// The names of the situations that were never met; none, if all were.
pub(super) fn missing(marks: Marks, on: On) -> Option<String> {
    let missing: Vec<_> = on.missing(marks).map(|mark| format!("{mark:?}")).collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

fn verdict(run: &Run) -> Verdict {
    if run.broken.is_some() { Verdict::Failed } else { Verdict::Fine }
}
