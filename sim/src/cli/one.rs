//! Commands that are about one tape.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufWriter};
use std::path::Path;

use chat_record::Replay;
use sim::corpus;
use sim::oracle::Oracle;
use sim::recording::{self, How};
use sim::shrink::shrink;
use sim::tape::Tape;
use sim::tier::On;
use sim::trace::Keep;

use super::report::{keep, path_of, whole};
use super::{Mishap, Recording, Verdict};

/// Runs a seed and prints everything.
pub(super) fn run(seed: u64, on: On) -> Result<Verdict, Mishap> {
    whole(&Tape::from_seed(seed), on)
}

/// Runs what a file holds and prints everything.
pub(super) fn replay(file: &Path, on: On, how: Recording) -> Result<Verdict, Mishap> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if !Replay::is_recording(&bytes) {
        if str::from_utf8(&bytes).is_err() {
            return Err(format!("{}: is neither a tape nor a recording", file.display()));
        }
        return whole(&load(file)?, on);
    }
    let Recording { until, quiet, judge } = how;
    let how = How { until, print: !quiet, judge };
    let print = |out: &mut dyn io::Write| {
        let replayed = match recording::replay(&bytes, how, out)? {
            Ok(replayed) => replayed,
            Err(unreadable) => return Ok(Err(format!("{}: {unreadable}", file.display()))),
        };
        writeln!(out, "{replayed}")?;
        let broken = replayed.oracle.as_ref().and_then(Oracle::broken);
        if let Some(broken) = broken {
            writeln!(out, "broken: {broken}")?;
        }
        out.flush()?;
        let fine = replayed.differs.is_none() && broken.is_none();
        Ok(Ok(if fine { Verdict::Fine } else { Verdict::Failed }))
    };
    print(&mut BufWriter::new(io::stdout().lock())).unwrap_or_else(|error: io::Error| {
        // Whoever reads only the beginning has seen enough.
        let enough = error.kind() == io::ErrorKind::BrokenPipe;
        if enough { Ok(Verdict::Fine) } else { Err(format!("standard output: {error}")) }
    })
}

/// Shrinks the tape in a file to another file beside it.
pub(super) fn shrink_file(file: &Path, budget: usize, on: On) -> Result<Verdict, Mishap> {
    shrink_to(&load(file)?, budget, on, file)
}

/// Shrinks the tape of a seed to a file in `folder`.
pub(super) fn shrink_seed(seed: u64, budget: usize, on: On, folder: &Path) -> Result<Verdict, Mishap> {
    shrink_to(&Tape::from_seed(seed), budget, on, &path_of(seed, on, folder))
}

fn shrink_to(tape: &Tape, budget: usize, on: On, file: &Path) -> Result<Verdict, Mishap> {
    let broken_by = |tape: &Tape| on.run(tape, Keep::Digest).broken;
    let Some(broken) = broken_by(tape) else {
        return Err("this tape breaks no promise: there is nothing to shrink".into());
    };
    println!("{} records, broken: {broken}", tape.records().len());
    let mut runs = 0;
    let still_fails = |tape: &Tape| {
        runs += 1;
        broken_by(tape).is_some_and(|now| now.promise == broken.promise)
    };
    let small = shrink(tape, still_fails, budget);
    let broken = broken_by(&small).expect("the smallest tape fails like the others");
    let mut name = OsString::from(file);
    name.push(".min");
    let file = keep(&small, &broken, Path::new(&name))?;
    println!("{} records after {runs} runs, broken: {broken}", small.records().len());
    println!("again: cargo run -p sim --release -- replay {} --on {}", file.display(), on.name());
    Ok(Verdict::Failed)
}

fn load(file: &Path) -> Result<Tape, Mishap> {
    let tape = corpus::load(file).map_err(|error| format!("{}: {error}", file.display()))?;
    // An empty file is no tape that anybody has kept, but what is left of something else.
    let empty = fs::metadata(file).is_ok_and(|found| found.len() == 0);
    if empty { Err(format!("{}: is empty", file.display())) } else { Ok(tape) }
}
