//! Readers that stop reading: what they cost the server, and the others.

use std::time::{Duration, Instant};

use super::{Figures, Metric};
use crate::Result;
use crate::load::{Crowd, Size, closed_loop};
use crate::server::{Process, Server};

const LISTENERS: usize = 500;
/// Of these, so many stop reading.
const STALLED: usize = 10;
/// How long this may take with a server that cuts nobody off.
const WITHOUT_END: Duration = Duration::from_secs(15);
/// How long with one that does: until sockets and the allowed backlog are full, and then its patience.
const UNTIL_CUT: Duration = Duration::from_secs(60);
/// Between looks at the server's memory.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn run(server: &Server) -> Result<Figures> {
    let with = talk(server, STALLED, if server.is_chat() { UNTIL_CUT } else { WITHOUT_END })?;
    let without = talk(server, 0, with.elapsed)?;
    let mut figures = vec![
        (Metric::StallRate, with.rate / without.rate),
        (Metric::StallMegabytes, with.grown as f64 / 1e6),
    ];
    // Others are run without a limit, or have no reasons to give.
    if server.is_chat() {
        figures.push((Metric::CutOff, with.cut_off as f64));
    }
    Ok(figures)
}

struct Outcome {
    rate: f64,
    elapsed: Duration,
    /// Bytes of resident memory above that at the beginning, at most.
    grown: u64,
    cut_off: usize,
}

fn talk(server: &Server, stalled: usize, at_most: Duration) -> Result<Outcome> {
    let process = Process::start(server)?;
    let size = Size { rooms: 1, listeners: LISTENERS, members: 0, speakers: 4 };
    let mut crowd = Crowd::join(server.dialect, process.addr, size)?;
    crowd.get_in_step()?;
    crowd.stall(stalled)?;
    let (before, mut most) = (process.resident()?, 0);
    let start = Instant::now();
    let (mut deliveries, mut elapsed) = (0, Duration::ZERO);
    let mut talk = closed_loop(&mut crowd, 64);
    while start.elapsed() < at_most && (stalled == 0 || !talk.all_cut_off()) {
        let talked = talk.run_for(LOOK)?;
        deliveries += talked.deliveries;
        elapsed += talked.elapsed;
        most = most.max(process.resident()?);
    }
    talk.finish()?;
    let cut_off = if server.is_chat() { crowd.cut_off()? } else { 0 };
    let rate = deliveries as f64 / elapsed.as_secs_f64();
    Ok(Outcome { rate, elapsed, grown: most.saturating_sub(before), cut_off })
}
