//! Rooms that are not here yet: the store is asked how far they have come, and whoever wants to join waits.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use chrono::{DateTime, Utc};
use smol_str::SmolStr;

use super::history::History;
use super::name::{MAX_NICK, Name};
use super::notice::{Notice, Refusal};
use super::room::RoomId;
use super::{Chat, Flow, Sink, UserId};
use crate::store::RoomRecord;

/// The longest nickname there can be: of 30 characters.
const MAX_NICK_BYTES: usize = 4 * MAX_NICK;

/// Who waits for which room, in the order of their coming, each with the name as it was written. A room stands here for as
/// long as the store is asked for it, even if nobody waits any longer: a second answer would be an old one.
#[derive(Debug, Default)]
pub(super) struct Openings(BTreeMap<SmolStr, Vec<(UserId, Name)>>);

/// How far a room had come.
#[derive(Debug)]
pub(crate) struct Past {
    /// The number of its newest event.
    pub(crate) seq: u64,
    pub(crate) topic: Option<String>,
    /// Its last events, without gaps, up to that number.
    pub(crate) last: Vec<RoomRecord>,
}

impl Openings {
    /// Lets a user wait; whether the store has still to be asked.
    fn wait(&mut self, user: UserId, name: Name) -> bool {
        let is_new = !self.0.contains_key(&name.key);
        self.0.entry(name.key.clone()).or_default().push((user, name));
        is_new
    }

    /// A user that has left waits no longer.
    pub(super) fn forget(&mut self, user: UserId) {
        // Nearly always there is nothing to look through.
        self.0.values_mut().for_each(|waiting| waiting.retain(|&(who, _)| who != user));
    }

    /// Whether somebody waits for the room of this name.
    pub(super) fn has_room(&self, name: &Name) -> bool {
        self.0.contains_key(&name.key)
    }

    fn has(&self, user: UserId) -> bool {
        self.0.values().flatten().any(|&(who, _)| who == user)
    }
}

impl Chat {
    /// Whether a user waits for a room.
    pub(crate) fn is_waiting(&self, user: UserId) -> bool {
        self.openings.has(user)
    }

    /// Lets a user wait for a room that is not here, since only the store knows its number and its topic.
    pub(super) fn wait_for(&mut self, user: UserId, name: &Name, sink: &mut impl Sink) -> Flow {
        if self.openings.wait(user, name.clone()) {
            sink.open(&name.key);
        }
        Flow::Wait
    }

    /// The store knows how far the room has come. Returns whoever has waited, and is now to [enter](Self::enter_opened).
    pub(crate) fn opened(
        &mut self,
        key: &str,
        past: &mut Option<Past>,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) -> Vec<(UserId, Name)> {
        if let Some(id) = self.rooms.find_key(key).filter(|&id| self.rooms.get(id).lost) {
            self.fill(id, past);
            self.rooms.slots.get_mut(id).lost = false;
            // Nobody has heard what the room said of that last.
            self.rooms.update_quiet(id, at, sink);
        }
        self.take_waiting(key)
    }

    /// The store cannot say how far the room has come: whoever has waited does so no longer, and is to be told of it.
    pub(crate) fn take_waiting(&mut self, key: &str) -> Vec<(UserId, Name)> {
        self.openings.0.remove(key).unwrap_or_default()
    }

    /// Enters a room that has come as far as `past`. The first who does makes it.
    pub(crate) fn enter_opened(
        &mut self,
        user: UserId,
        name: &Name,
        past: &mut Option<Past>,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) -> Flow {
        if self.rooms.find(name).is_none()
            && let Err(refusal) = self.make_room(name, past)
        {
            sink.tell(user, Notice::Refused(refusal));
            return Flow::Stay;
        }
        self.enter(user, name, at, sink)
    }

    fn make_room<'a>(&mut self, name: &'a Name, past: &mut Option<Past>) -> Result<(), Refusal<'a>> {
        // Somebody may have made one that looks alike meanwhile.
        let id = self.rooms.create(name).map_err(|_| Refusal::RoomLooksAlike { name: &name.shown })?;
        self.fill(id, past);
        Ok(())
    }

    /// Lets a room be where it was in the past.
    fn fill(&mut self, id: RoomId, past: &mut Option<Past>) {
        let Some(Past { seq, topic, last }) = past.take() else { return };
        let room = self.rooms.slots.get_mut(id);
        room.seq = seq;
        room.topic = topic.map(String::into_boxed_str);
        // Only what stands together up to the newest has its place here; and no server has such nicknames.
        let fits = |record: &RoomRecord, seq| record.seq == seq && record.nick.len() <= MAX_NICK_BYTES;
        let fitting =
            last.iter().rev().zip((1..=seq).rev()).take_while(|&(record, seq)| fits(record, seq)).count();
        let others = last.len() - fitting;
        for record in last.into_iter().skip(others) {
            let RoomRecord { at, nick, kind, text, .. } = record;
            History::keep(&mut self.rooms, id, (at, &nick, kind, &text));
        }
    }

    /// What the room of this key said last can never be stored, so its number is not known. It says nothing until the store
    /// was asked for it; tells whether that is still to be done.
    pub(crate) fn lose(&mut self, key: &str) -> bool {
        let Some(id) = self.rooms.find_key(key) else { return false };
        self.rooms.lose(id);
        self.seeks(key)
    }

    /// Whether the number of the room of this key is not known.
    pub(crate) fn is_lost(&self, key: &str) -> bool {
        self.rooms.find_key(key).is_some_and(|id| self.rooms.get(id).lost)
    }

    /// The same, and the store has still to be asked for it, which is then under way.
    pub(crate) fn seeks(&mut self, key: &str) -> bool {
        let seeks = self.is_lost(key) && !self.openings.0.contains_key(key);
        if seeks {
            self.openings.0.insert(key.into(), Vec::new());
        }
        seeks
    }

    /// The name of the room of this key, if it exists, or else the key.
    pub(crate) fn shown_name<'a>(&'a self, key: &'a str) -> &'a str {
        self.rooms.find_key(key).map_or(key, |id| &self.rooms.get(id).name.shown)
    }

    /// Nobody waits any longer.
    pub(super) fn end_openings(&mut self) {
        drop(mem::take(&mut self.openings));
    }
}
