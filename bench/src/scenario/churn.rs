//! Members who leave their room and join it again, while everybody is told.

use std::time::Duration;

use super::{Figures, Metric};
use crate::Result;
use crate::load::{Crowd, Size, rejoin_loop};
use crate::server::{Process, Server};

/// So that quiet rooms stay quiet, and others do not become it: the first is the server's default.
pub(super) fn rejoin(server: &Server, members: usize, movers: usize, duration: Duration) -> Result<Figures> {
    let process = Process::start(server)?;
    let size = Size { rooms: 1, listeners: members, members: 0, speakers: movers };
    let mut crowd = Crowd::join(server.dialect, process.addr, size)?;
    crowd.get_in_step()?;
    let before = process.cpu()?;
    let moved = rejoin_loop(&mut crowd, duration)?;
    let cpu = process.cpu()? - before;
    Ok(vec![
        (Metric::RejoinsPerSecond, moved.rejoins as f64 / moved.elapsed.as_secs_f64()),
        (Metric::CpuPerRejoin, cpu.as_secs_f64() * 1e6 / moved.rejoins as f64),
    ])
}
