//! Connections that only come, and stay.

use std::thread::sleep;
use std::time::Duration;

use super::{Figures, Metric};
use crate::Result;
use crate::load::{Crowd, Size};
use crate::server::{Process, Server};

/// Members of a room.
const ROOM: usize = 10;
/// Until a server has done what it does after the last has joined.
const SETTLE: Duration = Duration::from_secs(2);

/// Memory for each connection that has joined and is silent.
pub(super) fn idle(server: &Server, connections: usize) -> Result<Figures> {
    let process = Process::start(server)?;
    let before = process.resident()?;
    let _crowd = join(server, &process, connections)?;
    sleep(SETTLE);
    let bytes = process.resident()?.saturating_sub(before) as f64 / connections as f64;
    Ok(vec![(Metric::BytesPerConnection, bytes)])
}

/// How fast they come in.
pub(super) fn ramp(server: &Server, connections: usize) -> Result<Figures> {
    let process = Process::start(server)?;
    let crowd = join(server, &process, connections)?;
    Ok(vec![(Metric::JoinedPerSecond, connections as f64 / crowd.joined_in.as_secs_f64())])
}

fn join(server: &Server, process: &Process, connections: usize) -> Result<Crowd> {
    let size = Size { rooms: connections / ROOM, listeners: ROOM, members: 0, speakers: 0 };
    Crowd::join(server.dialect, process.addr, size)
}
