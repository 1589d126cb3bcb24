//! The same over real sockets: a server as it ships, up to what one process may open almost everywhere.

use std::time::Duration;

use super::curves::Sizes;
use super::figures::{Figure, Figures};
use crate::Result;
use crate::load::{Crowd, Size, at_rate, closed_loop};
use crate::server::{Process, Server};

/// Connections, and members of one room. A process may have 20,000 descriptors almost everywhere, and the generator is
/// one.
pub(super) const CONNECTIONS: [usize; 5] = [10, 100, 1_000, 5_000, 19_000];
pub(super) const MEMBERS: [usize; 6] = [2, 10, 100, 1_000, 5_000, 19_000];
/// Members of each room where there are many.
const ROOM: usize = 10;
/// Messages a second in one of those.
const RATE: u32 = 100;
/// How long that goes on.
const TIME: Duration = Duration::from_secs(2);
/// One room is measured so many times, for so long each.
const SLICES: usize = 9;
const SLICE: Duration = Duration::from_millis(200);

/// One server at all sizes.
#[derive(Default)]
pub(super) struct Served {
    /// By connections, all of them in rooms of ten.
    pub(super) population: Sizes,
    /// By members of one room.
    pub(super) room: Sizes,
}

impl Served {
    /// Measures each size, and keeps what is better than before.
    pub(super) fn measure(&mut self, server: &Server) -> Result<()> {
        self.measure_crowds(server)?;
        self.measure_rooms(server)
    }

    fn measure_crowds(&mut self, server: &Server) -> Result<()> {
        for size in CONNECTIONS {
            eprintln!("measuring: {server}, {size} connections");
            self.population.entry(size).or_default().keep_best(&population(server, size)?);
        }
        Ok(())
    }

    /// The same, in one room only.
    pub(super) fn measure_rooms(&mut self, server: &Server) -> Result<()> {
        for size in MEMBERS {
            eprintln!("measuring: {server}, a room of {size}");
            self.room.entry(size).or_default().keep_best(&room(server, size)?);
        }
        Ok(())
    }
}

/// Memory of the server with so many connections, and how late a message is in one of their rooms.
fn population(server: &Server, connections: usize) -> Result<Figures> {
    let process = Process::start(server)?;
    let before = process.resident()?;
    let size = Size { rooms: connections / ROOM, listeners: ROOM - 1, members: 0, speakers: 1 };
    let mut crowd = Crowd::join(server.dialect, process.addr, size)?;
    // When everybody has been spoken to, nothing is under way any more.
    crowd.get_in_step()?;
    let mut figures = Figures::default();
    figures.add("memory", Figure::of(vec![process.resident()?.saturating_sub(before) as f64]));
    let delays = at_rate(&mut crowd, RATE, TIME)?;
    figures.add("delay", Figure::of(delays.into_iter().map(f64::from).collect()));
    Ok(figures)
}

/// How long one message takes until all members of a room have it.
fn room(server: &Server, members: usize) -> Result<Figures> {
    let process = Process::start(server)?;
    let listeners = members - 1;
    let mut crowd =
        Crowd::join(server.dialect, process.addr, Size { rooms: 1, listeners, members: 0, speakers: 1 })?;
    crowd.get_in_step()?;
    let mut talk = closed_loop(&mut crowd, 1);
    // The first slice is no measurement.
    talk.run_for(SLICE)?;
    let slices = (0..SLICES).map(|_| Ok(listeners as f64 * 1e6 / talk.run_for(SLICE)?.per_second()));
    let mut figures = Figures::default();
    figures.add("message", Figure::of(slices.collect::<Result<_>>()?));
    talk.finish()?;
    Ok(figures)
}
