//! The time by which events grow old: nothing is forgotten because a clock was wrong for a while.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// A clock that moves against the monotonic one by more than this has jumped.
const JUMP: TimeDelta = TimeDelta::minutes(1);
/// How long a clock that has jumped ahead, or that nobody has seen before, has to go on from there until it is believed.
const TRUST: Duration = Duration::from_secs(60 * 60);

/// The wall clock, as far as it is believed.
pub(super) struct Clock {
    /// The time, and when it was that; none: not yet.
    believed: Option<(DateTime<Utc>, Instant)>,
    /// Another time, and since when the clock has gone on from there.
    claimed: Option<(DateTime<Utc>, Instant)>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { believed: None, claimed: None }
    }

    /// The time that is believed now, where the clock shows `wall`.
    ///
    /// What is set back is believed at once: then less is old.
    pub(super) fn now(&mut self, wall: DateTime<Utc>, now: Instant) -> Option<DateTime<Utc>> {
        let since = |(at, then): (DateTime<Utc>, Instant)| {
            let passed = TimeDelta::from_std(now.saturating_duration_since(then)).unwrap_or(TimeDelta::MAX);
            at.checked_add_signed(passed).unwrap_or(DateTime::<Utc>::MAX_UTC)
        };
        let expected = self.believed.map(since);
        if expected.is_some_and(|expected| wall <= expected.checked_add_signed(JUMP).unwrap_or(expected)) {
            (self.believed, self.claimed) = (Some((wall, now)), None);
            return Some(wall);
        }
        match self.claimed {
            Some(claimed) if (wall - since(claimed)).abs() <= JUMP => {
                if now.saturating_duration_since(claimed.1) >= TRUST {
                    (self.believed, self.claimed) = (Some((wall, now)), None);
                    return Some(wall);
                }
            }
            _ => self.claimed = Some((wall, now)),
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_believed_when_it_has_gone_on_for_a_while() {
        let start = Instant::now();
        let mut clock = Clock::new();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let wall = |minutes: i64| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        // Nobody knows whether it is right.
        assert_eq!(clock.now(wall(0), start), None);
        assert_eq!(clock.now(wall(59), start + minutes(59)), None);
        assert_eq!(clock.now(wall(60), start + minutes(60)), Some(wall(60)));
        // A year ahead for a moment, and back.
        assert_eq!(clock.now(wall(525_600), start + minutes(61)), Some(wall(61)));
        assert_eq!(clock.now(wall(525_601), start + minutes(62)), Some(wall(62)));
        assert_eq!(clock.now(wall(63), start + minutes(63)), Some(wall(63)));
        // Back for good: then less is old.
        assert_eq!(clock.now(wall(-1_000), start + minutes(64)), Some(wall(-1_000)));
        // And ahead for good.
        assert_eq!(clock.now(wall(65), start + minutes(65)), Some(wall(-999)));
        assert_eq!(clock.now(wall(124), start + minutes(124)), Some(wall(-940)));
        assert_eq!(clock.now(wall(125), start + minutes(125)), Some(wall(125)));
    }
}
