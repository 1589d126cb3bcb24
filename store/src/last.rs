//! The last events of a room, as many as one answer has.

use chat_core::{Query, RoomRecord};

/// Events from the newest on.
pub(crate) struct Last {
    /// The number that the next one has to have.
    next: u64,
    bytes: usize,
    events: Vec<RoomRecord>,
}

impl Last {
    /// For a room whose newest event has this number.
    pub(crate) fn new(newest: u64) -> Self {
        Self { next: newest, bytes: 0, events: Vec::new() }
    }

    /// Takes the next older event, if this version knows its kind; says whether there is a place for one more. None is left
    /// out in the middle.
    pub(crate) fn take(&mut self, event: Option<RoomRecord>) -> bool {
        let Some(event) = event.filter(|event| event.seq == self.next) else { return false };
        self.bytes += event.nick.len() + event.text.len();
        if self.bytes > Query::LAST && !self.events.is_empty() {
            return false;
        }
        self.next = event.seq.saturating_sub(1);
        self.events.push(event);
        true
    }

    /// The number that the next one has to have.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The oldest first.
    pub(crate) fn events(mut self) -> Vec<RoomRecord> {
        self.events.reverse();
        self.events
    }
}
