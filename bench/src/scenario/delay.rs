//! Delay at a fixed rate, counted from when a message should have been said: a server that stalls is not spared
//! the messages that it kept from being said ("coordinated omission").

use std::time::Duration;

use super::{Figures, Metric};
use crate::Result;
use crate::load::{Crowd, Size, at_rate};
use crate::server::{Process, Server};

const LISTENERS: usize = 1_000;
const WARM_UP: Duration = Duration::from_secs(1);

pub(super) fn at(server: &Server, rate: u32, duration: Duration) -> Result<Figures> {
    let process = Process::start(server)?;
    let size = Size { rooms: 1, listeners: LISTENERS, members: 0, speakers: 1 };
    let mut crowd = Crowd::join(server.dialect, process.addr, size)?;
    crowd.get_in_step()?;
    let mut delays = at_rate(&mut crowd, rate, WARM_UP + duration)?;
    // In the order in which they came; nearly all of the warm-up's are at the front.
    delays.drain(..rate as usize * WARM_UP.as_secs() as usize * LISTENERS);
    delays.sort_unstable();
    let quantile = |share: f64| f64::from(delays[((delays.len() - 1) as f64 * share) as usize]) / 1e3;
    Ok(vec![(Metric::DelayMedian, quantile(0.5)), (Metric::DelayP99, quantile(0.99))])
}
