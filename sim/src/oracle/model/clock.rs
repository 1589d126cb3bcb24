//! What time it is: for deadlines, and on stamps.

use std::time::Duration;

use chat_core::{Now, Report};
use chrono::{DateTime, TimeDelta, Utc};

use super::{Mark, Model, nanos};

/// A wall clock that moves against the monotonic one by more than this is reported, and one that is behind the stamps by
/// more than this for as long is believed.
const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// A process that is called so much later than it should be, and was not called for as long, stood still.
const STANDSTILL: Duration = Duration::from_secs(1);
/// Then what was due is due so much later, unless that is longer than it stood still,
const GRACE: Duration = Duration::from_secs(5);
/// and so many times, for all deadlines that lie so close together.
const REPRIEVES: u32 = 3;

/// How the server's time differs from what its clocks show.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// What they showed last.
    shown: Option<Now>,
    /// Nanoseconds in which it stood still. All deadlines came later by so much.
    lost: u64,
    /// Up to where deadlines are put off together, and how often they were.
    together: u64,
    put_off: u32,
    /// Since when the wall clock is far behind the stamps.
    wrong_since: Option<u64>,
}

impl Model {
    /// When a deadline comes, by the monotonic clock.
    pub(super) fn by_the_clock(&self, deadline: u64) -> u64 {
        deadline + self.clock.lost
    }

    /// Takes in the time.
    pub(in crate::oracle) fn observe(&mut self, now: Now) {
        let Some(before) = self.clock.shown.replace(now) else {
            (self.now, self.stamp) = (now.mono.0, now.utc);
            return;
        };
        let passed = now.mono.0.saturating_sub(before.mono.0);
        self.pass(passed);
        let jump = now.utc - before.utc - TimeDelta::nanoseconds(passed as i64);
        if jump.abs() > MINUTE {
            let by = jump.abs().to_std().expect("an absolute value");
            self.turn.reports.push_back(Report::ClockJumped { by, back: jump < TimeDelta::zero() });
        }
        if now.utc < before.utc {
            self.marks.set(Mark::ClockBack);
        }
        self.stamp = self.stamp_at(now);
    }

    /// So much time passes by the monotonic clock: less for the server, if it stood still.
    fn pass(&mut self, passed: u64) {
        let first = || {
            let own = self.next_deadline().map(|(at, _)| at);
            own.into_iter().chain(self.store_deadline().map(|(at, _)| at)).min()
        };
        let late = |due: u64| (self.now + passed).saturating_sub(due);
        let missed = (passed > nanos(STANDSTILL)).then(first).flatten();
        let mut counts = passed;
        if let Some(due) = missed.filter(|&due| late(due) > nanos(STANDSTILL)) {
            self.marks.set(Mark::StoodStill);
            if due > self.clock.together {
                (self.clock.together, self.clock.put_off) = (due + nanos(GRACE), 0);
            }
            self.clock.put_off = (self.clock.put_off + 1).min(REPRIEVES + 1);
            let until = match self.clock.put_off > REPRIEVES {
                true => self.clock.together,
                false => due.saturating_sub(nanos(GRACE)),
            };
            counts = until.saturating_sub(self.now).min(passed);
        }
        self.now += counts;
        self.clock.lost += passed - counts;
    }

    fn stamp_at(&mut self, now: Now) -> DateTime<Utc> {
        if self.stamp - now.utc <= MINUTE {
            self.clock.wrong_since = None;
            return now.utc.max(self.stamp);
        }
        let at = self.now + self.clock.lost;
        let since = *self.clock.wrong_since.get_or_insert(at);
        if TimeDelta::nanoseconds((at - since) as i64) < MINUTE {
            return self.stamp;
        }
        self.marks.set(Mark::ClockBelieved);
        self.clock.wrong_since = None;
        now.utc
    }
}
