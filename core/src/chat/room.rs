//! Rooms: their members, their topic, and the one sequence of events that each has.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound::{Excluded, Unbounded};

use chrono::{DateTime, Utc};
use smol_str::SmolStr;

use super::directory::{Directory, Taken};
use super::history::{History, Ring};
use super::name::Name;
use super::notice::{Kind, RoomEvent};
use super::traffic::Traffic;
use super::{Sink, UserId};
use crate::config::HistoryLimits;

/// A room's dense index. It is not given to another room before the turn in which it was freed has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoomId(pub(crate) u32);

/// One room. It exists while it has members.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: Name,
    pub(crate) members: Vec<UserId>,
    /// Members who are in other rooms, too.
    pub(crate) several: usize,
    pub(crate) topic: Option<Box<str>>,
    /// The number of its newest event.
    pub(crate) seq: u64,
    /// Whether joins, leaves and renames go unannounced, since there are too many members.
    pub(crate) quiet: bool,
    /// Whether the number of its newest event is not known: then it says nothing.
    pub(crate) lost: bool,
    pub(crate) ring: Ring,
}

/// The rooms by their index.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    rooms: Vec<Option<Room>>,
    free: Vec<RoomId>,
    /// Freed in the turn under way.
    leaving: Vec<RoomId>,
}

impl Slots {
    pub(crate) fn get(&self, id: RoomId) -> &Room {
        self.find(id).expect("a room id in use names a room")
    }

    pub(crate) fn get_mut(&mut self, id: RoomId) -> &mut Room {
        self.rooms[id.0 as usize].as_mut().expect("a room id in use names a room")
    }

    pub(crate) fn find(&self, id: RoomId) -> Option<&Room> {
        self.rooms.get(id.0 as usize)?.as_ref()
    }

    fn insert(&mut self, room: Room) -> RoomId {
        if let Some(id) = self.free.pop() {
            self.rooms[id.0 as usize] = Some(room);
            return id;
        }
        let id = RoomId(u32::try_from(self.rooms.len()).expect("fewer rooms than 2^32"));
        self.rooms.push(Some(room));
        id
    }

    fn remove(&mut self, id: RoomId) -> Room {
        self.leaving.push(id);
        self.rooms[id.0 as usize].take().expect("a room id in use names a room")
    }

    fn iter(&self) -> impl Iterator<Item = (RoomId, &Room)> {
        (0..).map(RoomId).zip(&self.rooms).filter_map(|(id, room)| Some((id, room.as_ref()?)))
    }
}

/// All rooms.
#[derive(Debug)]
pub(crate) struct Rooms {
    pub(super) slots: Slots,
    pub(super) history: History,
    names: Directory<RoomId>,
    /// The same rooms by their keys: the order of lists.
    by_key: BTreeMap<SmolStr, RoomId>,
    /// Members above which a room is quiet; 0: none is.
    announce_limit: usize,
    pub(super) traffic: Traffic,
}

impl Rooms {
    pub(crate) fn new(announce_limit: usize, history: Option<HistoryLimits>) -> Self {
        let (slots, names, by_key) = (Slots::default(), Directory::default(), BTreeMap::new());
        let (history, traffic) = (History::new(history), Traffic::default());
        Self { slots, history, names, by_key, announce_limit, traffic }
    }

    /// The room of this id, which is in use.
    pub(crate) fn get(&self, id: RoomId) -> &Room {
        self.slots.get(id)
    }

    /// The members of a room; nobody, when it is gone.
    pub(crate) fn members(&self, id: RoomId) -> &[UserId] {
        self.slots.find(id).map_or(&[], |room| &room.members)
    }

    /// The room of this name, if it exists.
    pub(crate) fn find(&self, name: &Name) -> Option<RoomId> {
        self.by_key.get(&name.key).copied()
    }

    /// The room of this key, if it exists.
    pub(crate) fn find_key(&self, key: &str) -> Option<RoomId> {
        self.by_key.get(key).copied()
    }

    /// How far the room has come is not known any more, nor what it has said last.
    pub(crate) fn lose(&mut self, id: RoomId) {
        let room = self.slots.get_mut(id);
        room.lost = true;
        room.topic = None;
        let ring = core::mem::take(&mut room.ring);
        self.history.forget(id, &ring);
    }

    /// How many rooms there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The rooms in the order of their keys, from behind `after` on.
    pub(crate) fn iter_after<'a>(&'a self, after: &str) -> impl Iterator<Item = (&'a str, &'a Room)> {
        let behind = self.by_key.range::<str, _>((Excluded(after), Unbounded));
        behind.map(|(key, id)| (&**key, self.get(*id)))
    }

    /// Bytes kept for `/history`.
    pub(crate) fn history_bytes(&self) -> usize {
        self.history.bytes()
    }

    /// Whether anything is kept for `/history`.
    pub(crate) fn keeps_history(&self) -> bool {
        self.history.is_on()
    }

    /// Whether there may be a room of this name.
    pub(crate) fn check_name(&self, name: &Name) -> Result<(), Taken> {
        self.names.check(name, None)
    }

    /// Makes an empty room, which its first member has to enter at once.
    pub(crate) fn create(&mut self, name: &Name) -> Result<RoomId, Taken> {
        self.names.check(name, None)?;
        let ring = Ring::default();
        let (name_of, members) = (name.clone(), Vec::new());
        let (topic, seq, quiet, lost) = (None, 0, false, false);
        let room = Room { name: name_of, members, several: 0, topic, seq, quiet, lost, ring };
        let id = self.slots.insert(room);
        self.names.insert(name, id);
        self.by_key.insert(name.key.clone(), id);
        Ok(id)
    }

    /// Adds a member; returns its place among them.
    pub(crate) fn add(&mut self, id: RoomId, user: UserId) -> u32 {
        let members = &mut self.slots.get_mut(id).members;
        members.push(user);
        u32::try_from(members.len() - 1).expect("fewer members than 2^32")
    }

    /// Takes out the member at `place`; returns who stands there now, if anybody.
    pub(crate) fn remove(&mut self, id: RoomId, place: u32) -> Option<UserId> {
        let members = &mut self.slots.get_mut(id).members;
        members.swap_remove(place as usize);
        if members.capacity() > 4 * members.len() {
            members.shrink_to(2 * members.len());
        }
        members.get(place as usize).copied()
    }

    /// Ends a room that has lost its last member.
    pub(crate) fn remove_if_empty(&mut self, id: RoomId) -> bool {
        let empty = self.get(id).members.is_empty();
        if empty {
            self.end(id);
        }
        empty
    }

    fn end(&mut self, id: RoomId) {
        let room = self.slots.remove(id);
        self.names.remove(&room.name);
        self.by_key.remove(&room.name.key);
        self.history.forget(id, &room.ring);
    }

    /// Adds an event to the room's sequence and tells its members, but for `except`.
    pub(crate) fn announce(
        &mut self,
        id: RoomId,
        at: DateTime<Utc>,
        (nick, kind, text): (&str, Kind, &str),
        except: Option<UserId>,
        sink: &mut impl Sink,
    ) {
        let room = self.slots.get_mut(id);
        let unannounced = matches!(kind, Kind::Joined | Kind::Left | Kind::Renamed) && room.quiet;
        if unannounced || room.lost {
            return;
        }
        room.seq += 1;
        self.traffic.count_said(kind, room.members.len());
        let event =
            RoomEvent { room: &room.name.shown, key: &room.name.key, seq: room.seq, at, nick, kind, text };
        sink.announce(id, &event, except, room.several);
        History::keep(self, id, (at, nick, kind, text));
    }

    /// Whether `members` are too many for announcements.
    pub(crate) fn is_crowd(&self, members: usize) -> bool {
        self.announce_limit != 0 && members > self.announce_limit
    }

    /// Falls quiet or wakes up, as the number of members asks for, and says so.
    pub(crate) fn update_quiet(&mut self, id: RoomId, at: DateTime<Utc>, sink: &mut impl Sink) {
        let room = self.get(id);
        if room.lost {
            return;
        }
        let (members, quiet) = (room.members.len(), room.quiet);
        let few = self.announce_limit == 0 || members * 10 < self.announce_limit * 9;
        let kind = match quiet {
            false if self.is_crowd(members) => Kind::Quiet,
            true if few => Kind::Lively,
            _ => return,
        };
        self.slots.get_mut(id).quiet = kind == Kind::Quiet;
        self.announce(id, at, ("", kind, ""), None, sink);
    }

    /// Ends all rooms.
    pub(crate) fn clear(&mut self) {
        let ids: Vec<_> = self.slots.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.end(id);
        }
    }

    /// Members of all rooms together.
    pub(crate) fn memberships(&self) -> usize {
        self.slots.iter().map(|(_, room)| room.members.len()).sum()
    }

    /// Sets the topic.
    pub(crate) fn set_topic(&mut self, id: RoomId, topic: &str) {
        self.slots.get_mut(id).topic = Some(topic.into());
    }

    /// Whether ids were freed in this turn.
    pub(crate) fn has_leaving(&self) -> bool {
        !self.slots.leaving.is_empty()
    }

    /// The ids freed in this turn.
    pub(crate) fn take_leaving(&mut self) -> Vec<RoomId> {
        core::mem::take(&mut self.slots.leaving)
    }

    /// These ids may be used again.
    pub(crate) fn free(&mut self, mut rooms: Vec<RoomId>) {
        self.slots.free.append(&mut rooms);
    }

    /// The ids freed in this turn may be used again.
    pub(crate) fn end_turn(&mut self) {
        self.slots.free.append(&mut self.slots.leaving);
    }

    /// Panics if the books contradict each other.
    pub(crate) fn check(&self) {
        let mut bytes = 0;
        let mut rooms = 0;
        for (id, room) in self.slots.iter() {
            assert!(!room.members.is_empty(), "a room exists while it has members");
            assert_eq!(self.find(&room.name), Some(id), "a room is found by its name");
            assert_eq!(self.names.holder(&room.name.key), Some(id), "and nobody else can have it");
            bytes += room.ring.bytes();
            rooms += 1;
        }
        assert_eq!((rooms, rooms), (self.len(), self.by_key.len()));
        assert_eq!(bytes, self.history_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_out_again_but_never_within_a_turn() {
        let mut rooms = Rooms::new(0, None);
        let name = |name| Name::room(name).unwrap();
        let first = rooms.create(&name("#a")).unwrap();
        assert!(rooms.remove_if_empty(first));
        assert_ne!(rooms.create(&name("#b")), Ok(first));
        rooms.end_turn();
        assert_eq!(rooms.create(&name("#c")), Ok(first));
    }
}
