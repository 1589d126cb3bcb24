//! Commands that are about one tape.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use sim::corpus;
use sim::shrink::shrink;
use sim::tape::Tape;
use sim::tier::On;
use sim::trace::Keep;

use super::report::{keep, path_of, whole};
use super::{Mishap, Verdict};

/// Runs a seed and prints everything.
pub(super) fn run(seed: u64, on: On) -> Result<Verdict, Mishap> {
    whole(&Tape::from_seed(seed), on)
}

/// Runs what a file holds and prints everything.
pub(super) fn replay(file: &Path, on: On) -> Result<Verdict, Mishap> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if is_tape(&bytes) {
        return whole(&load(file)?, on);
    }
    // Here the recording of a real server is to be replayed.
    Err(format!("{}: is no tape, and recordings cannot be replayed yet", file.display()))
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
    corpus::load(file).map_err(|error| error.to_string())
}

/// Whether a file begins as a tape does: with a comment or a hex digit.
fn is_tape(bytes: &[u8]) -> bool {
    let first = bytes.trim_ascii_start().first();
    first.is_some_and(|byte| *byte == b'#' || byte.is_ascii_hexdigit())
}
