//! What `/history` can show.

use std::collections::{BTreeMap, VecDeque};

use chat_core::{HistoryLimits, RoomRecord};

/// What an event counts for besides its text, in bytes: its place in memory, and what the allocator adds.
const OVERHEAD: usize = 56;

/// The events kept.
#[derive(Debug)]
pub(super) struct History {
    limits: Option<HistoryLimits>,
    /// By the room's key; the oldest first.
    rooms: BTreeMap<String, Kept>,
    /// How many were ever kept.
    order: u64,
}

/// The events of one room, each with its place among those of all.
#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<(u64, RoomRecord)>,
    bytes: usize,
}

impl Kept {
    fn drop_oldest(&mut self) {
        let (_, oldest) = self.events.pop_front().expect("it has events");
        self.bytes -= weight(&oldest);
    }
}

impl History {
    pub(super) fn new(limits: Option<HistoryLimits>) -> Self {
        Self { limits, rooms: BTreeMap::new(), order: 0 }
    }

    pub(super) fn is_on(&self) -> bool {
        self.limits.is_some()
    }

    /// Bytes that all events count for.
    pub(super) fn bytes(&self) -> usize {
        self.rooms.values().map(|kept| kept.bytes).sum()
    }

    pub(super) fn keep(&mut self, key: &str, record: &RoomRecord) {
        let Some(limits) = self.limits else { return };
        self.order += 1;
        if !self.rooms.contains_key(key) {
            self.rooms.insert(key.to_owned(), Kept::default());
        }
        let kept = self.rooms.get_mut(key).expect("it was put there");
        kept.bytes += weight(record);
        kept.events.push_back((self.order, record.clone()));
        while kept.events.len() > limits.events_per_room || kept.bytes > limits.bytes_per_room {
            kept.drop_oldest();
        }
        while self.bytes() > limits.bytes {
            let oldest = self.rooms.values_mut().filter(|kept| !kept.events.is_empty());
            oldest.min_by_key(|kept| kept.events[0].0).expect("bytes are of some event").drop_oldest();
        }
    }

    pub(super) fn forget(&mut self, key: &str) {
        self.rooms.remove(key);
    }

    pub(super) fn clear(&mut self) {
        self.rooms.clear();
    }

    /// How many events of a room there are.
    pub(super) fn count(&self, key: &str) -> usize {
        self.rooms.get(key).map_or(0, |kept| kept.events.len())
    }

    /// One event of a room, if it is still there.
    pub(super) fn event(&self, key: &str, seq: u64) -> Option<&RoomRecord> {
        let events = &self.rooms.get(key)?.events;
        let back = seq.checked_sub(events.front()?.1.seq)?;
        events.get(usize::try_from(back).ok()?).map(|(_, record)| record)
    }
}

fn weight(record: &RoomRecord) -> usize {
    OVERHEAD + record.nick.len() + record.text.len()
}
