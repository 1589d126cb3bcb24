//! The seeds of every target, as ordinary tests: what the fuzzer begins with, and what it once found.

use std::fs;
use std::path::{Path, PathBuf};

/// What a corpus is at most, so that it stays one that people and tests go through in seconds: files, and bytes of one.
const MAX_FILES: usize = 60;
const MAX_BYTES: usize = 8_192;

/// Runs a target with each of its seeds. The last name that is printed is that of the one that failed.
fn run(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds").join(name);
    let entries = fs::read_dir(folder).expect("every target has seeds");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a seed").path()).collect();
    files.sort();
    assert!((1..=MAX_FILES).contains(&files.len()), "{} seeds", files.len());
    for file in files {
        println!("{}", file.display());
        let data = fs::read(&file).expect("a seed");
        assert!(data.len() <= MAX_BYTES, "{} bytes", data.len());
        target(&data);
    }
}

#[test]
fn lines() {
    run("lines", fuzz_targets::lines);
}

#[test]
fn engine() {
    run("engine", fuzz_targets::engine);
}

#[test]
fn config() {
    run("config", fuzz_targets::config);
}
