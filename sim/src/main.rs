//! Runs the simulation: one seed, many seeds, seeds for hours; and makes failures small.
//!
//! Exit code 0: all is well. 1: a promise was broken, or a situation was never met. 2: wrong use.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
