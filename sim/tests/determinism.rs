//! Same seed, same run; and whatever the seed, the promises hold.

use std::collections::BTreeSet;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;

use sim::adapters::{Outcome, Plan};

/// The variable that says which run to repeat.
const SEED_VARIABLE: &str = "SIM_SEED";
/// What stands before the digest that `replay` prints.
const DIGEST: &str = "digest of the trace: ";
/// Runs in a sweep: as many as fit into a few seconds.
const SWEEP: u64 = 100;
/// Lines of the trace that are shown of a run that failed.
const SHOWN: usize = 30;

/// The run of one seed, checked. A failure says how to repeat it.
fn checked(seed: u64) -> Outcome {
    let plan = Plan::random(seed);
    let outcome = plan.run();
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| outcome.check(&plan))) {
        eprintln!("{plan}");
        let trace = outcome.trace.text();
        for line in trace.lines().skip(trace.lines().count().saturating_sub(SHOWN)) {
            eprintln!("{line}");
        }
        eprintln!("\nto repeat: {SEED_VARIABLE}={seed:#x} cargo test -p sim replay -- --nocapture");
        resume_unwind(panic);
    }
    outcome
}

#[test]
fn the_promises_hold_whatever_the_seed() {
    let mut reasons = BTreeSet::new();
    for seed in 0..SWEEP {
        let left = checked(seed).records.into_iter().filter(|record| record.kind == "left");
        reasons.extend(left.map(|record| record.text));
    }
    // Else the sweep proves less than it seems to.
    let met = ["connection reset", "connection timed out", "end of input", "enough", "part"];
    assert!(reasons.iter().eq(met), "every way to leave was met: {reasons:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..8 {
        let (first, second) = (checked(seed).trace.text(), checked(seed).trace.text());
        let differ = first.lines().zip(second.lines()).find(|(first, second)| first != second);
        assert_eq!(differ, None, "seed {seed:#x}");
        assert_eq!(first.len(), second.len(), "seed {seed:#x}");
    }
}

#[test]
fn another_seed_is_another_run() {
    assert_ne!(checked(1).trace.digest(), checked(2).trace.digest());
    // Not only another plan: the same one meets other latencies.
    let plan = Plan::random(3);
    let other = Plan { seed: plan.seed + 1, ..plan.clone() };
    assert_ne!(plan.run().trace.digest(), other.run().trace.digest());
}

#[test]
fn the_same_seed_is_the_same_run_in_another_process() {
    let seed = 4;
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "replay", "--nocapture"])
        .env(SEED_VARIABLE, format!("{seed:#x}"))
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let theirs = output.lines().find_map(|line| line.split_once(DIGEST)).expect("replay prints a digest").1;
    assert_eq!(theirs, format!("{:#x}", checked(seed).trace.digest()));
}

#[test]
fn replay() {
    let seed = env::var(SEED_VARIABLE).map_or(0, |seed| parse(&seed));
    let outcome = checked(seed);
    println!("{}", outcome.trace.text());
    println!("{DIGEST}{:#x}", outcome.trace.digest());
}

fn parse(seed: &str) -> u64 {
    match seed.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => seed.parse(),
    }
    .expect("the seed is a number, such as 7 or 0x7")
}
