//! Throughput: as fast as the messages under way allow.

use std::time::Duration;

use super::{Figures, Metric};
use crate::Result;
use crate::load::{Crowd, Size, closed_loop};
use crate::server::{Process, Server};

/// Before anything counts: pages and caches are as they will stay.
const WARM_UP: Duration = Duration::from_millis(500);

/// One room.
pub(super) fn fan_out(
    server: &Server,
    listeners: usize,
    speakers: usize,
    window: u64,
    duration: Duration,
) -> Result<Figures> {
    talk(server, Size { rooms: 1, listeners, members: 0, speakers }, window, duration)
}

/// Many rooms, and in each the next member speaks when all have heard the last message.
pub(super) fn rooms(server: &Server, rooms: usize, members: usize, duration: Duration) -> Result<Figures> {
    talk(server, Size { rooms, listeners: 0, members, speakers: 0 }, 1, duration)
}

fn talk(server: &Server, size: Size, window: u64, duration: Duration) -> Result<Figures> {
    let process = Process::start(server)?;
    let mut crowd = Crowd::join(server.dialect, process.addr, size)?;
    crowd.get_in_step()?;
    let mut talk = closed_loop(&mut crowd, window);
    talk.run_for(WARM_UP)?;
    let before = process.cpu()?;
    let talked = talk.run_for(duration)?;
    let cpu = process.cpu()? - before;
    talk.finish()?;
    Ok(vec![
        (Metric::DeliveriesPerSecond, talked.per_second()),
        (Metric::CpuPerMillion, cpu.as_secs_f64() * 1e9 / talked.deliveries as f64),
    ])
}
