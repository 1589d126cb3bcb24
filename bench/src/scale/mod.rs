//! `scale`: memory, turns and delays of the engine and the driver, from two connections to a million; and of the servers
//! over real sockets, as far as one process may open them.
//!
//! | module | what it is |
//! |---|---|
//! | `wires` | streams, a listener and a clock in memory |
//! | `world` | the engine and the driver on them, polled by hand |
//! | `population` | what is measured with many connections in rooms of ten |
//! | `room` | what is measured in one room |
//! | `served` | what is measured over real sockets |
//! | `memory` | bytes resident |
//! | `figures` | medians and their spread |
//! | `slope` | whether a curve is linear, and where it bends |
//! | `curves` | the figures of all sizes, as curves |
//! | `sockets` | what a connection costs the kernel |
//! | `verdict` | the slopes of curves, as a table |
//! | `report` | curves as tables and pictures |

mod curves;
mod figures;
mod memory;
mod population;
mod report;
mod room;
mod served;
mod slope;
mod sockets;
mod verdict;
mod wires;
mod world;

use std::env;
use std::process::Command;

use clap::{Args, ValueEnum};

use crate::Result;
use crate::server::{self, Known};
use curves::Sizes;
use figures::Figures;
use report::Measured;

/// Connections, and members of one room.
const CONNECTIONS: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
const MEMBERS: [usize; 6] = [2, 10, 100, 1_000, 10_000, 100_000];
/// The server's default: joins are announced in rooms of up to so many members.
const ANNOUNCE_LIMIT: usize = 1_000;

/// Each size is measured so many times, minutes apart, and the lowest median counts: whatever else a machine does,
/// it only makes things slower.
const ROUNDS: usize = 3;

/// What one process measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// So many connections in rooms of ten.
    Population,
    /// One room of so many members.
    Room,
    /// The same, with all joins announced.
    Announced,
    /// The same, with no join announced.
    Quiet,
}

/// Measures one size.
#[derive(Debug, Args)]
pub(crate) struct One {
    subject: Subject,
    size: usize,
}

/// Measures all sizes, and puts tables and pictures into the repository.
pub(crate) fn run() -> Result<()> {
    server::build()?;
    let mut measured = Measured { socket: sockets::kernel_memory()?, ..Measured::default() };
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        measure(&mut measured.population, Subject::Population, CONNECTIONS)?;
        measure(&mut measured.room, Subject::Room, MEMBERS)?;
        measure(&mut measured.announced, Subject::Announced, MEMBERS)?;
        measure(&mut measured.quiet, Subject::Quiet, MEMBERS)?;
    }
    // Last, since this keeps us on the generator's processor.
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}, over sockets");
        measured.tokio.measure(&Known::TokioNone.server()?)?;
        measured.smol.measure(&Known::SmolNone.server()?)?;
        measured.floor.measure_rooms(&Known::Floor.server()?)?;
    }
    report::publish(&measured)
}

/// Measures each size, and keeps what is better than before.
fn measure(sizes: &mut Sizes, subject: Subject, of: [usize; 6]) -> Result<()> {
    for size in of {
        sizes.entry(size).or_default().keep_best(&in_own_process(subject, size)?);
    }
    Ok(())
}

/// Measures one size, and prints the figures for the process that wants them.
pub(crate) fn run_one(one: &One) -> Result<()> {
    let figures = match one.subject {
        Subject::Population => population::measure(one.size, ANNOUNCE_LIMIT)?,
        Subject::Room => room::measure(one.size, ANNOUNCE_LIMIT)?,
        Subject::Announced => room::measure_joins(one.size, 0)?,
        Subject::Quiet => room::measure_joins(one.size, 1)?,
    };
    print!("{}", figures.to_text());
    Ok(())
}

/// What one allocator keeps from the size before would blur the figures of the next.
fn in_own_process(subject: Subject, size: usize) -> Result<Figures> {
    let name = subject.to_possible_value().expect("no subject is skipped");
    eprintln!("measuring: {} of {size}", name.get_name());
    let mut command = Command::new(env::current_exe()?);
    let output = command.args(["scale-one", name.get_name(), &size.to_string()]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().into());
    }
    Figures::from_text(&String::from_utf8(output.stdout)?)
}
