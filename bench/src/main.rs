//! Load for chat servers and their peers, side by side: how fast, how late, how large.
//!
//! | module | what it is |
//! |---|---|
//! | `scenario` | what is measured |
//! | `server` | the servers that are compared: how they are started, pinned and watched |
//! | `dialect` | how each of them is spoken to |
//! | `load` | the load generator, which checks every byte |
//! | `floor` | a server without a protocol: what moving the bytes costs |
//! | `compare` | servers in turns: medians, spread, ratios |
//! | `document` | `BENCHMARKS.md`, a section at a time |
//! | `chart` | pictures: lines and bars |
//! | `instructions` | what the engine takes for what it does, counted |
//! | `siege` | what ordinary users notice of thousands who mean no good |
//! | `flood` | what ordinary users notice of one kind of attack at its worst, and what it costs the server |
//! | `history` | what is asked of a history of millions of messages |
//! | `scale` | memory, turns and delays of the engine and the driver, and of the servers, as they grow |

mod chart;
mod compare;
mod dialect;
mod document;
mod flood;
mod floor;
mod history;
mod instructions;
mod load;
mod scale;
mod scenario;
mod server;
mod siege;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What can go wrong in a benchmark ends it, with a text.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Load for chat servers and their peers
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// This server and its peers in turns: medians, spread and ratios
    Compare(compare::Args),
    /// The bare server that shows what moving the bytes costs
    Floor {
        addr: SocketAddr,
    },
    Instructions(instructions::Options),
    Siege(siege::Options),
    Flood(flood::Options),
    History(history::Options),
    /// Memory, turns and delays of the engine and the driver, from two connections to a million; and of the servers
    Scale,
    /// One size of it, in a process of its own
    #[command(hide = true)]
    ScaleOne(scale::One),
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Compare(args) => compare::run(&args),
        Command::Floor { addr } => floor::serve(addr),
        Command::Instructions(options) => instructions::run(&options),
        Command::Siege(options) => siege::run(&options),
        Command::Flood(options) => flood::run(&options),
        Command::History(options) => history::run(&options),
        Command::Scale => scale::run(),
        Command::ScaleOne(one) => scale::run_one(&one),
    }
}
