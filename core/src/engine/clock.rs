//! What time it is for the engine: deadlines that a stopped process does not cost anybody, and stamps that do not go back.

use core::time::Duration;

use chrono::{DateTime, Utc};

use crate::action::Report;
use crate::time::{Mono, Now, nanos};

/// A call that comes so much later than a deadline, and than the call before it, comes from a process that stood still: it
/// was stopped, its container was paused, its machine slept, or has far too much to do. Turns take milliseconds.
const STANDSTILL: Duration = Duration::from_secs(1);
/// How long before its deadline everybody is then set back to, at most: what came meanwhile lies in the sockets, and is read
/// within some turns of it.
const GRACE: Duration = Duration::from_secs(5);

/// How often deadlines are put off that lie so close together, until they are judged all the same: the process may have
/// been stopped again and again, but a server whose turns take seconds is to judge, too, if only slowly.
const REPRIEVES: u8 = 3;

/// A wall clock that moves against the monotonic one by more than this is worth a line in the log.
const JUMP: Duration = Duration::from_secs(60);
/// How long a wall clock has to be behind by more than a [`JUMP`] until it is believed.
const BELIEVED: Duration = Duration::from_secs(60);

/// The clocks, and what the engine makes of them.
///
/// Deadlines are kept in the engine's own time, which is monotonic time less that in which the process stood still. So a
/// standstill moves them all at once, whatever they are for: input that waits in sockets is read before anybody is judged
/// by its absence, and who was waited for has as long as they had before.
#[derive(Debug)]
pub(super) struct Clock {
    /// Both clocks as they were last read.
    read: Option<Now>,
    /// The latest monotonic time read.
    mono: Mono,
    /// How much of that the process stood still.
    lost: Duration,
    /// Deadlines up to this are put off together,
    spared: Mono,
    /// and so many times more.
    reprieves: u8,
    /// The latest stamp given.
    stamp: DateTime<Utc>,
    /// Since when the wall clock has been behind it by more than a [`JUMP`].
    behind_since: Option<Mono>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            read: None,
            mono: Mono::default(),
            lost: Duration::ZERO,
            spared: Mono::default(),
            reprieves: 0,
            stamp: DateTime::<Utc>::MIN_UTC,
            behind_since: None,
        }
    }
}

impl Clock {
    /// Whether this is what was read last. Most of what happens in a turn happens at one time.
    #[inline]
    pub(super) fn shows(&self, now: Now) -> bool {
        self.read == Some(now)
    }

    /// Whether a call that comes now comes so late after the call before it that the process may have stood still.
    pub(super) fn is_late(&self, now: Now) -> bool {
        self.read.is_some() && now.mono.min(Mono::LAST).since(self.mono) > STANDSTILL
    }

    /// Takes in the time; `due` is the first deadline, if the process [may have stood still](Self::is_late) and there is
    /// one. Returns what is worth a line in the log.
    pub(super) fn read(&mut self, now: Now, due: Option<Mono>) -> Option<Report> {
        let before = self.read.replace(now);
        let mono = self.mono.max(now.mono).min(Mono::LAST);
        let own = self.own();
        self.mono = mono;
        if let Some(due) = due {
            self.set_back(own, due);
        }
        self.take_stamp(now);
        jump(before?, now)
    }

    /// The engine's own time, in which deadlines are kept.
    pub(super) fn own(&self) -> Mono {
        Mono(self.mono.0 - nanos(self.lost))
    }

    /// The monotonic time as it was read.
    pub(super) fn mono(&self) -> Mono {
        self.mono
    }

    /// When one of the engine's deadlines comes, in monotonic time.
    pub(super) fn when(&self, deadline: Mono) -> Mono {
        deadline.after(self.lost)
    }

    /// The stamp of what happens now. It goes back only when the wall clock was set back by over a minute, and has stayed
    /// there for a minute: else one moment ahead would stop all stamps until it is caught up with.
    pub(super) fn stamp(&self) -> DateTime<Utc> {
        self.stamp
    }

    /// If a deadline was missed by much, sets the engine's time back before it, but not behind `own`, where it was.
    fn set_back(&mut self, own: Mono, due: Mono) {
        if self.own().since(due) <= STANDSTILL {
            return;
        }
        if due > self.spared {
            (self.spared, self.reprieves) = (due.after(GRACE), REPRIEVES);
        }
        let back = match self.reprieves.checked_sub(1) {
            Some(left) => {
                self.reprieves = left;
                Mono(due.0.saturating_sub(nanos(GRACE)))
            }
            None => self.spared,
        };
        let back = back.max(own).min(self.own());
        self.lost += self.own().since(back);
    }

    fn take_stamp(&mut self, now: Now) {
        // Hardly ever: it takes dates apart.
        let behind = || self.stamp.signed_duration_since(now.utc).to_std().unwrap_or_default();
        if self.stamp > now.utc && behind() > JUMP {
            let since = *self.behind_since.get_or_insert(self.mono);
            if self.mono.since(since) < BELIEVED {
                return;
            }
            self.stamp = now.utc;
        }
        self.behind_since = None;
        self.stamp = self.stamp.max(now.utc);
    }
}

/// What is to be said of a wall clock that was set, if it was.
fn jump(before: Now, now: Now) -> Option<Report> {
    let ahead = now.ahead_since(before);
    let by = Duration::from_nanos_u128(ahead.unsigned_abs());
    (by > JUMP).then_some(Report::ClockJumped { by, back: ahead < 0 })
}
