//! What goes when all of a history together is too large: the oldest events of the largest rooms.

use std::time::{Duration, Instant};

/// Rooms that shrink in one go, at most.
pub(crate) const LARGEST: usize = 64;
/// How long nothing more is said of what goes.
const QUIET: Duration = Duration::from_secs(60 * 60);

/// Rooms that are to shrink, each to so many bytes.
#[derive(Debug)]
pub(crate) struct Diet<K> {
    targets: Vec<(K, u64)>,
    told: Option<Instant>,
    /// Since then.
    events: usize,
}

impl<K> Diet<K> {
    pub(crate) fn new() -> Self {
        Self { targets: Vec::new(), told: None, events: 0 }
    }

    /// Lets so many bytes go, of these rooms, the largest first; of the others, none has more than `others` bytes. Says
    /// whether there is anything to go.
    pub(crate) fn plan(&mut self, rooms: Vec<(K, u64)>, others: u64, excess: u64) -> bool {
        let level = level(&rooms, others, excess);
        self.targets =
            rooms.into_iter().filter(|&(_, bytes)| bytes > level).map(|(room, _)| (room, level)).collect();
        !self.targets.is_empty()
    }

    /// The room that shrinks, and to how many bytes.
    pub(crate) fn next(&self) -> Option<(&K, u64)> {
        self.targets.last().map(|(room, level)| (room, *level))
    }

    /// So many events of that room are gone; it is small enough now if no more are to go.
    pub(crate) fn went(&mut self, events: usize, is_done: bool) {
        self.events += events;
        if is_done {
            self.targets.pop();
        }
        let now = Instant::now();
        if self.targets.is_empty() && self.events > 0 && self.told.is_none_or(|told| told + QUIET <= now) {
            let events = std::mem::take(&mut self.events);
            tracing::warn!(
                events,
                "the history is as large as it may be: the oldest of the largest rooms was forgotten"
            );
            self.told = Some(now);
        }
    }
}

/// To which size the largest rooms have to shrink, so that so many bytes go; not below that of the others.
fn level<K>(rooms: &[(K, u64)], others: u64, excess: u64) -> u64 {
    let mut level = rooms.first().map_or(0, |&(_, bytes)| bytes);
    let mut left = excess;
    for count in 1..=rooms.len() {
        let next = rooms.get(count).map_or(others, |&(_, bytes)| bytes).min(level);
        let width = count as u64;
        let there = (level - next).saturating_mul(width);
        if there >= left {
            return level - left.div_ceil(width);
        }
        left -= there;
        level = next;
    }
    level
}

/// What a round through all rooms has found: how much all of it takes, and the largest.
#[derive(Debug)]
pub(crate) struct Census<K> {
    total: u64,
    /// The largest first.
    largest: Vec<(K, u64)>,
}

impl<K> Census<K> {
    pub(crate) fn new() -> Self {
        Self { total: 0, largest: Vec::new() }
    }

    /// A room has so many bytes of text, and takes so many in all.
    pub(crate) fn count(&mut self, room: impl FnOnce() -> K, bytes: u64, takes: u64) {
        self.total += takes;
        let place = self.largest.partition_point(|&(_, other)| other >= bytes);
        if bytes > 0 && place <= LARGEST {
            self.largest.insert(place, (room(), bytes));
            // One more than shrink: the size of the others.
            self.largest.truncate(LARGEST + 1);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The largest, and how large the others are at most.
    pub(crate) fn into_largest(mut self) -> (Vec<(K, u64)>, u64) {
        let others =
            if self.largest.len() > LARGEST { self.largest.pop().map_or(0, |(_, bytes)| bytes) } else { 0 };
        (self.largest, others)
    }
}

/// The size of a history that is known from rounds through all of its rooms.
#[derive(Debug)]
pub(crate) struct Measure<K> {
    pub(crate) diet: Diet<K>,
    census: Census<K>,
    /// What the last round has found, and what was written since.
    total: u64,
    written: u64,
}

impl<K> Measure<K> {
    pub(crate) fn new() -> Self {
        Self { diet: Diet::new(), census: Census::new(), total: 0, written: 0 }
    }

    /// A round has come by a room that takes so much.
    pub(crate) fn count(&mut self, room: K, takes: u64) {
        self.census.count(|| room, takes, takes);
    }

    /// A round is over: lets go what is too much.
    pub(crate) fn end_round(&mut self, limit: Option<u64>) -> bool {
        let census = std::mem::replace(&mut self.census, Census::new());
        (self.total, self.written) = (census.total(), 0);
        let excess = limit.map_or(0, |limit| excess(self.total, limit));
        let (rooms, others) = census.into_largest();
        excess > 0 && self.diet.plan(rooms, others, excess)
    }

    pub(crate) fn wrote(&mut self, bytes: u64) {
        self.written += bytes;
    }

    pub(crate) fn is_over(&self, limit: Option<u64>) -> bool {
        self.diet.next().is_some() || limit.is_some_and(|limit| self.total + self.written > limit)
    }

    /// So much went of the room on the diet.
    pub(crate) fn went(&mut self, events: usize, takes: u64, is_done: bool) {
        self.total = self.total.saturating_sub(takes);
        self.diet.went(events, is_done);
    }
}

/// How much has to go, so that there is some air.
pub(crate) fn excess(used: u64, limit: u64) -> u64 {
    used.checked_sub(limit).map_or(0, |over| over + limit / 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_shrink_to_one_size() {
        let rooms = [("a", 100), ("b", 50), ("c", 40)];
        for (others, excess, expected) in [
            (0, 0, 100),
            (0, 30, 70),
            (0, 50, 50),
            (0, 52, 49),
            (0, 70, 40),
            (0, 100, 30),
            (0, 1_000, 0),
            (35, 1_000, 35),
        ] {
            assert_eq!(level(&rooms, others, excess), expected, "{others} {excess}");
        }
        assert_eq!(level::<()>(&[], 0, 5), 0);
        let mut diet = Diet::new();
        assert!(diet.plan(rooms.to_vec(), 0, 70));
        assert_eq!(diet.targets, [("a", 40), ("b", 40)]);
        assert!(!diet.plan(vec![("a", 35)], 35, 70));
    }

    #[test]
    fn a_census_knows_the_largest() {
        let mut census = Census::new();
        for bytes in (0..200_u64).map(|number| number * 7 % 200) {
            census.count(|| bytes, bytes, bytes + 1);
        }
        assert_eq!(census.total(), 199 * 100 + 200);
        let (largest, others) = census.into_largest();
        assert_eq!((largest[0], largest.len(), others), ((199, 199), LARGEST, 199 - LARGEST as u64));
    }
}
