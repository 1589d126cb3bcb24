//! Same tape, same run.

use std::process::Command;

use sim::tape::Tape;
use sim::tier::On;
use sim::trace::Keep;

const TIERS: [On; 3] = [On::Engine, On::Tokio, On::Smol];

fn trace(seed: u64, on: On) -> Vec<String> {
    on.run(&Tape::from_seed(seed), Keep::All).trace.lines().iter().cloned().collect()
}

#[test]
fn the_same_seed_is_the_same_run() {
    for on in TIERS {
        for seed in 0..6 {
            let (first, second) = (trace(seed, on), trace(seed, on));
            let differ = first.iter().zip(&second).find(|(first, second)| first != second);
            assert_eq!(differ, None, "seed {seed:#x} on {}", on.name());
            assert_eq!(first.len(), second.len(), "seed {seed:#x} on {}", on.name());
        }
    }
}

#[test]
fn another_seed_is_another_run() {
    for on in TIERS {
        assert_ne!(trace(1, on), trace(2, on));
    }
}

#[test]
fn the_same_seed_is_the_same_run_in_two_other_processes() {
    for on in TIERS {
        let mut meta = Command::new(env!("CARGO_BIN_EXE_sim"));
        let output = meta.args(["meta", "--seed", "4", "--on", on.name()]).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let ours = on.run(&Tape::from_seed(4), Keep::Digest).trace.digest();
        assert!(output.contains(&format!("twice the same, digest {ours:016x}")), "{output}");
    }
}
