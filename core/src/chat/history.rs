//! The last events of every room, in memory, for `/history`.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use core::mem::size_of;

use chrono::{DateTime, Utc};

use super::name::Name;
use super::notice::{Kind, RoomEvent};
use super::room::{RoomId, Rooms};
use crate::config::HistoryLimits;

/// The last events of one room: the newest has the room's own sequence number.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// One event, packed.
#[derive(Debug)]
struct Entry {
    /// Its place among the events of all rooms.
    order: u64,
    at: DateTime<Utc>,
    /// The nickname, then the text.
    text: Box<str>,
    nick_len: u8,
    kind: Kind,
}

impl Entry {
    /// With what the allocator adds to a small block.
    fn bytes(&self) -> usize {
        const ALLOCATION: usize = 16;
        size_of::<Self>() + ALLOCATION + self.text.len()
    }
}

impl Ring {
    /// How many events it holds.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes it counts for.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The event `back` places before the newest (which has `seq` and is 0 back).
    pub(crate) fn event<'a>(&'a self, room: &'a Name, seq: u64, back: usize) -> Option<RoomEvent<'a>> {
        let entry = self.entries.get(self.entries.len().checked_sub(back + 1)?)?;
        let (nick, text) = entry.text.split_at(usize::from(entry.nick_len));
        let (room, key) = (&*room.shown, &*room.key);
        Some(RoomEvent { room, key, seq: seq - back as u64, at: entry.at, nick, kind: entry.kind, text })
    }

    /// Which of the last `reach` events are talk, as places before the newest, from there on. Looks at no text: whoever joins
    /// a room in which many come and go has all of these to look at.
    pub(crate) fn talk(&self, reach: usize) -> impl Iterator<Item = usize> {
        let last = self.entries.iter().rev().take(reach).enumerate();
        last.filter(|(_, entry)| entry.kind.is_talk()).map(|(back, _)| back)
    }

    /// Where the oldest event stands among those of all rooms.
    fn oldest(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.order)
    }

    /// Drops the oldest event; returns the bytes it counted for.
    fn drop_oldest(&mut self) -> usize {
        let bytes = self.entries.pop_front().map_or(0, |entry| entry.bytes());
        self.bytes -= bytes;
        if self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
        bytes
    }
}

/// What all rings together are allowed, and how much of it they use.
#[derive(Debug)]
pub(crate) struct History {
    limits: Option<HistoryLimits>,
    bytes: usize,
    /// How many events were ever kept.
    order: u64,
    /// The oldest event of each ring that is not empty: which one goes when all together are too large.
    oldest: BTreeSet<(u64, RoomId)>,
}

impl History {
    /// An empty one.
    pub(crate) fn new(limits: Option<HistoryLimits>) -> Self {
        Self { limits, bytes: 0, order: 0, oldest: BTreeSet::new() }
    }

    /// Whether anything is kept.
    pub(crate) fn is_on(&self) -> bool {
        self.limits.is_some()
    }

    /// Bytes that all rings count for.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps `event` of the room `id`, at the cost of older ones.
    pub(crate) fn keep(rooms: &mut Rooms, id: RoomId, event: (DateTime<Utc>, &str, Kind, &str)) {
        let Some(limits) = rooms.history.limits else { return };
        let (at, nick, kind, text) = event;
        let history = &mut rooms.history;
        let ring = &mut rooms.slots.get_mut(id).ring;
        let was_oldest = ring.oldest();
        history.order += 1;
        let mut packed = String::with_capacity(nick.len() + text.len());
        packed.push_str(nick);
        packed.push_str(text);
        let entry = Entry {
            order: history.order,
            at,
            text: packed.into_boxed_str(),
            nick_len: u8::try_from(nick.len()).expect("a nickname is short"),
            kind,
        };
        ring.bytes += entry.bytes();
        history.bytes += entry.bytes();
        ring.entries.push_back(entry);
        while ring.entries.len() > limits.events_per_room || ring.bytes > limits.bytes_per_room {
            history.bytes -= ring.drop_oldest();
        }
        let is_oldest = ring.oldest();
        history.reindex(id, was_oldest, is_oldest);
        while rooms.history.bytes > limits.bytes {
            rooms.history.drop_oldest_of_all(&mut rooms.slots);
        }
    }

    /// Forgets a ring whose room is gone.
    pub(crate) fn forget(&mut self, id: RoomId, ring: &Ring) {
        self.bytes -= ring.bytes;
        self.reindex(id, ring.oldest(), None);
    }

    fn drop_oldest_of_all(&mut self, slots: &mut super::room::Slots) {
        let &(order, id) = self.oldest.first().expect("bytes are held by some ring");
        let ring = &mut slots.get_mut(id).ring;
        self.bytes -= ring.drop_oldest();
        let is_oldest = ring.oldest();
        self.reindex(id, Some(order), is_oldest);
    }

    fn reindex(&mut self, id: RoomId, was: Option<u64>, is: Option<u64>) {
        if was == is {
            return;
        }
        if let Some(order) = was {
            self.oldest.remove(&(order, id));
        }
        if let Some(order) = is {
            self.oldest.insert((order, id));
        }
    }
}
