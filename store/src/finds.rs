//! What a search has found, as much as one answer has.

use std::cmp::Reverse;

use chat_core::{Found, Query, RoomRecord};

/// Events, the newest first.
pub(crate) struct Finds {
    count: usize,
    bytes: usize,
    events: Vec<RoomRecord>,
}

impl Finds {
    /// At most so many.
    pub(crate) fn new(count: usize) -> Self {
        Self { count, bytes: 0, events: Vec::new() }
    }

    /// Takes the next older event. The one that is too much is taken as well: it says that there is more.
    pub(crate) fn push(&mut self, event: RoomRecord) {
        self.bytes += size(&event);
        self.events.push(event);
    }

    /// Takes events that may be newer than those it has, or the same.
    pub(crate) fn merge(&mut self, events: impl Iterator<Item = RoomRecord>) {
        let known = self.events.len();
        self.events.extend(events);
        if self.events.len() > known {
            self.events.sort_by_key(|event| Reverse(event.seq));
            self.events.dedup_by_key(|event| event.seq);
        }
    }

    /// Whether nothing that is older can be shown.
    pub(crate) fn is_full(&self) -> bool {
        self.events.len() >= self.count || self.bytes > Query::PART
    }

    /// How many more there can be.
    pub(crate) fn left(&self) -> usize {
        self.count.saturating_sub(self.events.len())
    }

    /// The answer; whether there was time for all of it is for the caller to say.
    pub(crate) fn answer(mut self, in_time: bool) -> Found {
        self.events.truncate(self.count);
        let mut bytes = 0;
        let fits = |event: &&RoomRecord| {
            bytes += size(event);
            bytes <= Query::PART
        };
        // One at least, or nobody would ever see it.
        let fitting = self.events.iter().take_while(fits).count().max(1);
        self.events.truncate(fitting);
        Found::Events { events: self.events, complete: in_time && bytes <= Query::PART }
    }
}

fn size(event: &RoomRecord) -> usize {
    event.nick.len() + event.text.len()
}
