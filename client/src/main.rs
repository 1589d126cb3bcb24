//! The included client: a line editor that arriving messages do not tear apart,
//! or, when stdin or stdout is not a terminal, a plain pipe to the server.
//!
//! It speaks the plain dialect, the one people speak with `nc`, and trusts nothing
//! that comes from the server: what reaches a terminal is made safe first.

mod args;
mod editor;
mod failure;
mod identity;
mod line;
mod pipe;
mod screen;
mod signals;
mod style;
mod terminal;
mod wire;

use std::env;
use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::failure::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Failure::Ended(signal) = failure {
                signals::end_by(signal);
            }
            if !failure.is_quiet() {
                eprintln!("client: {failure}");
            }
            failure.exit_code()
        }
    }
}

/// Whether the terminal says that it can do nothing but show text: then it edits lines itself, if anybody does.
fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn run(args: &Args) -> Result<(), Failure> {
    if stdin().is_terminal() && stdout().is_terminal() && !is_dumb() {
        terminal::run(wire::connect(&args.address)?, args)
    } else {
        pipe::check(args)?;
        pipe::run(wire::connect(&args.address)?, args)
    }
}
