//! What came of a flood, beside what it may cost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::innocents::Noticed;
use super::kinds::Flood;
use crate::Result;
use crate::server::Process;

/// How late an ordinary line may be, but for one in a hundred.
const LATE: Duration = Duration::from_millis(100);
/// How long the server may take to end: it gives what is owed 5 seconds, and as long to its history.
const END: Duration = Duration::from_secs(12);

/// With so much resident memory a server is ended: it has failed.
const MOST: u64 = 3 << 30;

pub(super) const HEAD: &str = "| flood | server | in, KB/s | out, KB/s | stored, KB/s | CPU | MB at most | of | delay p50, ms | p99 | most | lost | ends in, s | | |\n\
    |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|---|";

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) noticed: Noticed,
    /// What the flood itself has to say.
    pub(super) note: String,
    /// Bytes that attackers sent and took, and that files have grown by.
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) stored: u64,
    pub(super) elapsed: Duration,
    pub(super) cpu: Duration,
    /// Bytes of resident memory at most; none, when the server has died.
    pub(super) peak: Option<u64>,
    /// How long the server took to end when it was told to, if it did.
    pub(super) ended_in: Option<Duration>,
}

impl Outcome {
    /// Whether everybody else hardly noticed.
    pub(super) fn is_borne(&self, flood: &Flood) -> bool {
        self.late(0.99).is_some_and(|late| late < LATE)
            && self.noticed.lost == 0
            && self.noticed.complaint.is_none()
            && self.peak.is_some_and(|peak| peak <= flood.memory << 20)
            && self.ended_in.is_some()
            && !self.note.starts_with("**")
    }

    /// How late so many of the lines were at most; none, when none came.
    fn late(&self, share: f64) -> Option<Duration> {
        let delays = &self.noticed.delays;
        let last = delays.len().checked_sub(1)?;
        delays.get((last as f64 * share) as usize).copied()
    }

    pub(super) fn row(&self, flood: &Flood, server: &str) -> String {
        let seconds = self.elapsed.as_secs_f64();
        let rate = |bytes: u64| bytes as f64 / 1e3 / seconds;
        let millis = |late: Option<Duration>| {
            late.map_or("–".into(), |late| format!("{:.1}", late.as_secs_f64() * 1e3))
        };
        let [half, late, most] = [0.5, 0.99, 1.0].map(|share| millis(self.late(share)));
        let notes = [Some(&self.note), self.noticed.complaint.as_ref()];
        let notes: Vec<&str> =
            notes.into_iter().flatten().map(String::as_str).filter(|note| !note.is_empty()).collect();
        format!(
            "| {} | {server} | {:.0} | {:.0} | {:.0} | {:.0}% | {} | {} | {half} | {late} | {most} | {} | {} | {} | {} |",
            flood.name,
            rate(self.sent),
            rate(self.received),
            rate(self.stored),
            self.cpu.as_secs_f64() / seconds * 100.0,
            self.peak.map_or("–".into(), |peak| format!("{:.0}", peak as f64 / f64::from(1 << 20))),
            flood.memory,
            self.noticed.lost,
            self.ended_in.map_or("never".into(), |ended_in| format!("{:.1}", ended_in.as_secs_f64())),
            if self.is_borne(flood) { "borne" } else { "**not borne**" },
            notes.join("; "),
        )
    }
}

/// Ends a server that would take the machine with it, until it is over.
pub(super) fn watch(process: &Process, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        if process.resident().is_ok_and(|resident| resident > MOST) {
            // It may just have ended by itself.
            let _ = process.signal(Signal::KILL);
        }
        sleep(Duration::from_millis(50));
    }
}

/// Tells the server to end; how long that takes, if it does.
pub(super) fn end(process: &mut Process) -> Result<Option<Duration>> {
    let began = Instant::now();
    if process.signal(Signal::TERM).is_err() {
        return Ok(None);
    }
    let status = process.wait_for(END)?;
    Ok(status.filter(std::process::ExitStatus::success).map(|_| began.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::super::kinds::FLOODS;
    use super::*;

    fn outcome(peak: Option<u64>, delays: Vec<Duration>) -> Outcome {
        Outcome {
            noticed: Noticed { delays, ..Noticed::default() },
            note: String::new(),
            sent: 0,
            received: 0,
            stored: 0,
            elapsed: Duration::from_secs(1),
            cpu: Duration::ZERO,
            peak,
            ended_in: Some(Duration::ZERO),
        }
    }

    #[test]
    fn a_flood_is_borne_when_all_that_is_bounded_stays_within() {
        let flood = &FLOODS[0];
        let soon = || vec![Duration::from_millis(1); 100];
        assert!(outcome(Some(1), soon()).is_borne(flood));
        assert!(!outcome(Some(1), Vec::new()).is_borne(flood), "nobody heard anything");
        assert!(!outcome(None, soon()).is_borne(flood), "the server died");
        assert!(!outcome(Some((flood.memory << 20) + 1), soon()).is_borne(flood));
        assert!(!outcome(Some(1), vec![LATE; 100]).is_borne(flood));
        let broken = |change: fn(&mut Outcome)| {
            let mut outcome = outcome(Some(1), soon());
            change(&mut outcome);
            !outcome.is_borne(flood)
        };
        assert!(broken(|outcome| outcome.noticed.lost = 1));
        assert!(broken(|outcome| outcome.noticed.complaint = Some("! not now".into())));
        assert!(broken(|outcome| outcome.ended_in = None));
        assert!(broken(|outcome| outcome.note = "**nobody comes in**".into()));
    }
}
