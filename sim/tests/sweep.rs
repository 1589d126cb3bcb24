//! Many seeds on every tier: whatever the seed, the promises hold, and every situation was met.

use std::ops::Range;
use std::{panic, thread};

use proptest::collection::vec;
use proptest::prelude::*;
use sim::corpus;
use sim::oracle::Marks;
use sim::plan::Swarm;
use sim::tape::Tape;
use sim::tier::On;
use sim::trace::Keep;

/// Lines of the trace that are shown of a run that failed.
const SHOWN: usize = 30;
/// Seeds on the engine; on each adapter.
const ENGINE: u64 = 800;
const ADAPTER: u64 = 300;

/// Runs a tape; a failure says all that is needed to look into it.
fn checked(tape: &Tape, on: On, again: &str) -> Marks {
    let run = on.run(tape, Keep::Digest);
    let Some(broken) = run.broken else { return run.marks };
    eprintln!("{}\nbroken: {broken}", Swarm::from_tape(tape));
    for line in on.run(tape, Keep::Last(SHOWN)).trace.lines() {
        eprintln!("{line}");
    }
    eprintln!("again: cargo run -p sim --release -- {again} --on {}", on.name());
    panic!("{broken}");
}

/// Runs seeds on two threads, and gives all situations that were met.
fn sweep(seeds: Range<u64>, on: On) -> Marks {
    let half = |odd: u64| {
        let mut marks = Marks::default();
        for seed in seeds.clone().filter(|seed| seed % 2 == odd) {
            marks.merge(checked(&Tape::from_seed(seed), on, &format!("run --seed {seed:#x}")));
        }
        marks
    };
    thread::scope(|scope| {
        let halves = [0, 1].map(|odd| scope.spawn(move || half(odd)));
        let mut marks = Marks::default();
        for half in halves {
            marks.merge(half.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
        marks
    })
}

fn all_were_met(marks: Marks, on: On) {
    let missing: Vec<_> = on.missing(marks).collect();
    assert!(missing.is_empty(), "the sweep proves less than it seems to: never met: {missing:?}");
}

#[test]
fn the_engine_keeps_its_promises() {
    all_were_met(sweep(0..ENGINE, On::Engine), On::Engine);
}

#[test]
fn the_tokio_adapter_keeps_its_promises() {
    all_were_met(sweep(0..ADAPTER, On::Tokio), On::Tokio);
}

#[test]
fn the_smol_adapter_keeps_its_promises() {
    all_were_met(sweep(0..ADAPTER, On::Smol), On::Smol);
}

#[test]
fn tapes_that_failed_once_are_run_for_ever() {
    let tapes = corpus::all().expect("the corpus can be read");
    assert!(!tapes.is_empty());
    for (file, tape) in tapes {
        for on in [On::Engine, On::Tokio, On::Smol] {
            checked(&tape, on, &format!("replay sim/corpus/{file}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_run_that_keeps_the_promises(bytes in vec(any::<u8>(), 0..2_000)) {
        let run = On::Engine.run(&Tape::from_bytes(&bytes), Keep::Digest);
        prop_assert_eq!(run.broken, None);
    }
}
