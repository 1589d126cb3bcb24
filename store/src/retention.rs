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
}

impl Retention {
    /// Whether everything is kept.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// What this comes to for one room, now.
    pub(crate) fn verdict(&self, now: DateTime<Utc>, seq: u64, bytes: u64) -> Verdict {
        let oldest = self.age.map(|age| {
            let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
            now.checked_sub_signed(age).unwrap_or(DateTime::<Utc>::MIN_UTC)
        });
        let first = self.events.map_or(0, |events| seq.saturating_sub(events) + 1);
        Verdict { oldest, first, excess: self.bytes.map_or(0, |most| bytes.saturating_sub(most)), freed: 0 }
    }
}

/// What is to be forgotten of one room; to be asked about its events, the oldest first, until one may stay.
pub(crate) struct Verdict {
    oldest: Option<DateTime<Utc>>,
    first: u64,
    excess: u64,
    freed: u64,
}

impl Verdict {
    /// Whether this event goes. Its bytes are counted then.
    pub(crate) fn goes(&mut self, seq: u64, at: DateTime<Utc>, bytes: u64) -> bool {
        let goes =
            seq < self.first || self.oldest.is_some_and(|oldest| at < oldest) || self.freed < self.excess;
        self.freed += if goes { bytes } else { 0 };
        goes
    }

    /// The bytes of all events that go.
    pub(crate) fn freed(&self) -> u64 {
        self.freed
    }
}
