//! Time as an argument: the engine reads no clock, it is told.

use core::time::Duration;

use chrono::{DateTime, Utc};

/// A point in monotonic time: nanoseconds since a moment the adapter chose (its start, say).
///
/// An integer rather than `std::time::Instant`, so that tests and recordings can make one from a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

impl Mono {
    /// The latest there is: 584 years. What lies behind it is as good as never.
    pub(crate) const LAST: Self = Self(u64::MAX - 1);

    /// The time `duration` later; saturates after 584 years.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration))).min(Self::LAST)
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A point in time, or none, in the space of a [`Mono`]: for what every connection has.
///
/// The value behind [`Mono::LAST`] stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaybeMono(Mono);

impl MaybeMono {
    pub(crate) const NONE: Self = Self(Mono(u64::MAX));

    pub(crate) fn get(self) -> Option<Mono> {
        self.is_some().then_some(self.0)
    }

    pub(crate) fn is_some(self) -> bool {
        self != Self::NONE
    }
}

impl From<Mono> for MaybeMono {
    fn from(mono: Mono) -> Self {
        Self(mono)
    }
}

impl From<Option<Mono>> for MaybeMono {
    fn from(mono: Option<Mono>) -> Self {
        mono.map_or(Self::NONE, Self)
    }
}

/// Both clocks, read together at one event.
///
/// `mono` decides every deadline. `utc` is only for text and records: no order and no timer depends on it,
/// so it may jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time. One that goes back is taken as the latest seen.
    pub mono: Mono,
    /// Wall-clock time.
    pub utc: DateTime<Utc>,
}

impl Now {
    /// Nanoseconds by which the wall clock has moved further than the monotonic one since `before`.
    pub(crate) fn ahead_since(self, before: Self) -> i128 {
        let wall = |at: DateTime<Utc>| {
            i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos())
        };
        wall(self.utc) - wall(before.utc) - i128::from(self.mono.0.saturating_sub(before.mono.0))
    }
}

/// `duration` in whole nanoseconds, saturating.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
