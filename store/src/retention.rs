//! What is to be forgotten.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How much of every room's history is kept: what is beyond any of these bounds goes, the oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How old an event may become; none: as old as it likes.
    pub age: Option<Duration>,
    /// How many of a room's last events are kept; none: all.
    pub events: Option<u64>,
    /// How many bytes of nicknames and text are kept for a room; none: all.
    pub bytes: Option<u64>,
    /// How much all rooms together may take; none: as much as there is place for. Beyond it, the oldest events of the
    /// largest rooms go.
    pub total: Option<Total>,
    /// How long a room is kept of which nothing is worth keeping: in which nobody ever said anything, and that has no topic.
    /// None: as the others.
    pub empty_rooms: Option<Duration>,
}

/// How much a whole history may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// A share of the place that there is: half of what the disk had free at the start, with what the history had of it;
    /// half of the memory of Redis; [`ELSEWHERE`](Self::ELSEWHERE), where it is not known.
    Share,
    /// So many bytes.
    Bytes(u64),
}

impl Total {
    /// What a database may take of whose disk nothing is known.
    pub const ELSEWHERE: u64 = 16 << 30;
}

impl Retention {
    /// Whether everything is kept.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it says how much of each room is kept.
    pub(crate) fn is_of_rooms(&self) -> bool {
        self.age.is_some() || self.events.is_some() || self.bytes.is_some()
    }

    /// What has to go of a room that takes so many bytes, with its text, so that it takes only so many.
    pub(crate) fn shrinking(bytes: u64, takes: u64, to: u64) -> Self {
        let part = u128::from(bytes) * u128::from(to.min(takes)) / u128::from(takes.max(1));
        // Something goes in each step.
        let bytes = u64::try_from(part).unwrap_or(u64::MAX).min(bytes.saturating_sub(1));
        Self { bytes: Some(bytes), ..Self::default() }
    }

    /// What this comes to for one room, now.
    pub(crate) fn verdict(&self, now: DateTime<Utc>, seq: u64, bytes: u64) -> Verdict {
        let oldest = self.age.map(|age| {
            let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
            now.checked_sub_signed(age).unwrap_or(DateTime::<Utc>::MIN_UTC)
        });
        let first = self.events.map_or(0, |events| seq.saturating_sub(events) + 1);
        let excess = self.bytes.map_or(0, |most| bytes.saturating_sub(most));
        Verdict { oldest, latest: now + TimeDelta::days(1), first, excess, freed: 0 }
    }
}

/// What is to be forgotten of one room.
pub(crate) struct Verdict {
    oldest: Option<DateTime<Utc>>,
    /// Stamps after this are of a clock that was wrong.
    latest: DateTime<Utc>,
    first: u64,
    excess: u64,
    freed: u64,
}

impl Verdict {
    /// Whether an event that is the oldest goes, or may go with one after it.
    pub(crate) fn may_go(&self, seq: u64, at: DateTime<Utc>) -> bool {
        self.goes(seq, at, 0) || self.is_wrong(at)
    }

    /// How many of these events go, with their numbers, stamps and bytes, the oldest first; and the number of the last one.
    ///
    /// One with a stamp far in the future goes when a later one does: or it would keep all that follow it.
    pub(crate) fn count(&mut self, events: impl Iterator<Item = (u64, DateTime<Utc>, u64)>) -> (usize, u64) {
        let (mut count, mut last) = (0, 0);
        let (mut held, mut held_bytes) = (0, 0);
        for (seq, at, bytes) in events {
            if self.goes(seq, at, held_bytes) {
                count += held + 1;
                last = seq;
                self.freed += held_bytes + bytes;
                (held, held_bytes) = (0, 0);
            } else if self.is_wrong(at) {
                held += 1;
                held_bytes += bytes;
            } else {
                break;
            }
        }
        (count, last)
    }

    /// Whether this event goes, with so many bytes that go before it, beside those that are freed.
    fn goes(&self, seq: u64, at: DateTime<Utc>, before: u64) -> bool {
        seq < self.first
            || self.oldest.is_some_and(|oldest| at < oldest)
            || self.freed.saturating_add(before) < self.excess
    }

    fn is_wrong(&self, at: DateTime<Utc>) -> bool {
        self.oldest.is_some() && at > self.latest
    }

    /// The bytes of all events that go.
    pub(crate) fn freed(&self) -> u64 {
        self.freed
    }
}
