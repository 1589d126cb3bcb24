//! Answers that may be long, and then are given as their reader takes them; and lists.

use alloc::boxed::Box;
use alloc::string::String;

use chrono::{DateTime, NaiveDate, Utc};

use super::name::Name;
use super::notice::{Notice, Refusal};
use super::room::RoomId;
use super::{Chat, Flow, Sink, Tell, UserId};

/// Entries of a list that are shown; of the rest, the number.
const MAX_ENTRIES: usize = 100;
/// Names in one line of a list of members: about 300 bytes of ordinary nicknames.
const NAMES_PER_LINE: usize = 20;
/// Bytes of text after which an answer pauses until its reader has taken them.
pub(super) const CHUNK: usize = 16 << 10;

/// What is still to be told of a long answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The events of a room from `next` up to `last`, which are in memory; with `talk`, only what was said. The last one
    /// that was told is of this day.
    Kept { room: RoomId, next: u64, last: u64, talk: bool, day: Option<NaiveDate> },
    /// The last `count` events of a room up to `last`, those before a time if there is one: the store has still to say
    /// which these are.
    Bounds { room: RoomId, before: Option<DateTime<Utc>>, count: usize, last: u64 },
    /// The events of a room from `next` up to `last`, which the store has.
    Stored { room: RoomId, next: u64, last: u64, day: Option<NaiveDate> },
    /// What a room said with these words in it, up to `last`: the store has still to look for it.
    Search { room: RoomId, words: Box<str>, last: u64 },
    /// The rooms behind this key; so many were told.
    Rooms { after: Box<str>, told: usize },
}

impl Chat {
    /// `/rooms`.
    pub(super) fn list_rooms(&self, user: UserId, sink: &mut impl Sink) -> Flow {
        sink.tell(user, Notice::RoomsHead { rooms: self.rooms.len() });
        self.begin(user, Answer::Rooms { after: "".into(), told: 0 }, sink)
    }

    /// `/who`.
    pub(super) fn list_members(&self, user: UserId, room: Option<&str>, sink: &mut impl Sink) {
        let room = match room {
            None => self.own_room(user, None, sink),
            Some(name) => {
                let found = Name::room(name).and_then(|name| self.rooms.find(&name));
                if found.is_none() {
                    sink.tell(user, Notice::Refused(Refusal::NoSuchRoom));
                }
                found
            }
        };
        let Some(room) = room else { return };
        let room = self.rooms.get(room);
        let members = room.members.len();
        sink.tell(user, Notice::MembersHead { room: &room.name.shown, members });
        let shown = &room.members[..members.min(MAX_ENTRIES)];
        for line in shown.chunks(NAMES_PER_LINE) {
            let mut names = String::new();
            for &member in line {
                if !names.is_empty() {
                    names.push_str(", ");
                }
                names.push_str(&self.user(member).name.shown);
            }
            sink.tell(user, Notice::MembersEntries { names: &names });
        }
        if members > shown.len() {
            sink.tell(user, Notice::More { left: members - shown.len() });
        }
    }

    pub(super) fn begin(&self, user: UserId, answer: Answer, sink: &mut impl Sink) -> Flow {
        let Some(rest) = self.go_on(user, answer, sink) else { return Flow::Stay };
        sink.answer(user, rest);
        Flow::Wait
    }

    /// Tells the next part of an answer, if that is known; returns what is left of it.
    pub(crate) fn go_on(&self, user: UserId, answer: Answer, to: &mut impl Tell) -> Option<Answer> {
        match answer {
            Answer::Kept { room, next, last, talk, day } => {
                self.go_on_with_kept(user, (room, next, last, talk, day), to)
            }
            Answer::Rooms { after, told } => self.go_on_with_rooms(user, after, told, to),
            asks @ (Answer::Bounds { .. } | Answer::Stored { .. } | Answer::Search { .. }) => Some(asks),
        }
    }

    fn go_on_with_rooms(
        &self,
        user: UserId,
        after: Box<str>,
        mut told: usize,
        to: &mut impl Tell,
    ) -> Option<Answer> {
        let mut bytes = 0;
        for (key, room) in self.rooms.iter_after(&after) {
            if told == MAX_ENTRIES {
                to.tell(user, Notice::More { left: self.rooms.len() - told.min(self.rooms.len()) });
                return None;
            }
            let (name, members, topic) = (&*room.name.shown, room.members.len(), room.topic.as_deref());
            to.tell(user, Notice::RoomsEntry { room: name, members, topic });
            told += 1;
            bytes += name.len() + topic.map_or(0, str::len);
            if bytes > CHUNK {
                return Some(Answer::Rooms { after: key.into(), told });
            }
        }
        None
    }
}
