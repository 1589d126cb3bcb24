//! Reading history: what `/history` and `/search` show, and the last lines for whoever joins.
//!
//! What is in memory is told from there. For the rest the store is asked, part by part, as the reader takes them.

use alloc::string::String;

use chrono::{DateTime, NaiveDate, Utc};

use super::answer::{Answer, CHUNK};
use super::notice::{Notice, Refusal, RoomEvent};
use super::room::{Room, RoomId};
use super::{Chat, Flow, Sink, Tell, UserId};
use crate::store::{Found, LookUpError, Query, RoomRecord};

/// Events that one `/history` can show.
const MAX_EVENTS: usize = 1_000;
/// Events that `/history before` shows.
const EVENTS_BEFORE: usize = 20;
/// Lines that one `/search` can show.
const MAX_FOUND: usize = 50;
/// Events among which the last lines are looked for when somebody joins: the others are joins and leaves, mostly.
pub(crate) const REPLAY_REACH: usize = 200;

impl Chat {
    /// The last lines of a room, for somebody who has just joined it.
    pub(super) fn replay(&self, user: UserId, id: RoomId, sink: &mut impl Sink) -> Flow {
        let room = self.rooms.get(id);
        let talk = room.ring.talk(REPLAY_REACH).take(self.replay);
        let (lines, furthest) = talk.fold((0, 0), |(lines, _), back| (lines + 1, back));
        if lines == 0 {
            return Flow::Stay;
        }
        sink.tell(user, Notice::ReplayHead { room: &room.name.shown, lines });
        let (next, last) = (room.seq - furthest as u64, room.seq);
        self.begin(user, Answer::Kept { room: id, next, last, talk: true, day: None }, sink)
    }

    /// `/history`.
    pub(super) fn show_history(&self, user: UserId, count: usize, sink: &mut impl Sink) -> Flow {
        let Some(id) = self.readable_room(user, sink) else { return Flow::Stay };
        let room = self.rooms.get(id);
        let count = count.min(MAX_EVENTS);
        let in_memory = room.ring.len();
        if self.stores && in_memory < count && in_memory as u64 != room.seq {
            let answer = Answer::Bounds { room: id, before: None, count, last: room.seq };
            return self.begin(user, answer, sink);
        }
        self.begin_kept(user, id, room.seq, count.min(in_memory), None, sink)
    }

    /// `/history before`.
    pub(super) fn show_history_before(
        &self,
        user: UserId,
        before: DateTime<Utc>,
        sink: &mut impl Sink,
    ) -> Flow {
        let Some(id) = self.readable_room(user, sink) else { return Flow::Stay };
        let room = self.rooms.get(id);
        if self.stores {
            let answer =
                Answer::Bounds { room: id, before: Some(before), count: EVENTS_BEFORE, last: room.seq };
            return self.begin(user, answer, sink);
        }
        let is_older = |&back: &usize| {
            room.ring.event(&room.name, room.seq, back).is_some_and(|event| event.at < before)
        };
        let newer = (0..room.ring.len()).find(is_older).unwrap_or(room.ring.len());
        let (last, events) = (room.seq - newer as u64, EVENTS_BEFORE.min(room.ring.len() - newer));
        self.begin_kept(user, id, last, events, Some(before), sink)
    }

    /// `/search`.
    pub(super) fn search(&self, user: UserId, words: &str, sink: &mut impl Sink) -> Flow {
        let Some(id) = self.readable_room(user, sink) else { return Flow::Stay };
        if !self.stores {
            sink.tell(user, Notice::Refused(Refusal::NoSearch));
            return Flow::Stay;
        }
        let last = self.rooms.get(id).seq;
        self.begin(user, Answer::Search { room: id, words: words.into(), last }, sink)
    }

    /// What the store has to be asked for before an answer can go on.
    pub(crate) fn query(&self, answer: &Answer) -> Option<Query> {
        let key = |room: &RoomId| String::from(&*self.rooms.get(*room).name.key);
        match answer {
            Answer::Bounds { room, before, .. } => Some(Query::Bounds { key: key(room), before: *before }),
            Answer::Stored { room, next, last, .. } => {
                Some(Query::Events { key: key(room), from: *next, to: *last })
            }
            Answer::Search { room, words, last } => Some(Query::Search {
                key: key(room),
                words: String::from(&**words),
                to: *last,
                count: MAX_FOUND,
            }),
            Answer::Kept { .. } | Answer::Found { .. } | Answer::Rooms { .. } => None,
        }
    }

    /// Goes on with an answer for which the store was asked; returns what is left of it.
    pub(crate) fn go_on_with(
        &self,
        user: UserId,
        answer: Answer,
        found: Result<Found, LookUpError>,
        to: &mut impl Tell,
    ) -> Option<Answer> {
        match (answer, found) {
            (Answer::Bounds { room, before, count, last }, Ok(Found::Bounds(bounds))) => {
                let (first, newest) = bounds.unwrap_or((1, 0));
                let last = newest.min(last);
                let there = usize::try_from((last + 1).saturating_sub(first)).unwrap_or(usize::MAX);
                let events = count.min(there);
                self.tell_head(user, room, events, before, to);
                if events == 0 {
                    return self.tell_end(user, room, to);
                }
                Some(Answer::Stored { room, next: last + 1 - events as u64, last, day: None })
            }
            (Answer::Stored { room, next, last, mut day }, Ok(Found::Events { events, .. })) => {
                let events = events.iter().filter(|record| (next..=last).contains(&record.seq));
                let mut newest = None;
                for record in events {
                    self.tell_entry(user, event_of(self.rooms.get(room), record), &mut day, to);
                    newest = Some(record.seq);
                }
                match newest {
                    Some(newest) if newest < last => {
                        Some(Answer::Stored { room, next: newest + 1, last, day })
                    }
                    _ => self.tell_end(user, room, to),
                }
            }
            (Answer::Search { room, .. }, Ok(Found::Events { events, complete })) => {
                let name = &self.rooms.get(room).name.shown;
                to.tell(user, Notice::FoundHead { room: name, lines: events.len() });
                self.go_on_with_found(user, (room, events.into(), complete, None), to)
            }
            (Answer::Search { .. }, Err(LookUpError::Unsupported)) => {
                to.tell(user, Notice::Refused(Refusal::NoSearch));
                None
            }
            (Answer::Bounds { room, .. } | Answer::Stored { room, .. } | Answer::Search { room, .. }, _) => {
                let room = &self.rooms.get(room).name.shown;
                to.tell(user, Notice::Refused(Refusal::HistoryUnavailable { room }));
                None
            }
            (Answer::Kept { .. } | Answer::Found { .. } | Answer::Rooms { .. }, _) => {
                unreachable!("the store is not asked for these")
            }
        }
    }

    /// Goes on with events in memory.
    pub(super) fn go_on_with_kept(
        &self,
        user: UserId,
        (id, mut next, last, talk, mut day): (RoomId, u64, u64, bool, Option<NaiveDate>),
        to: &mut impl Tell,
    ) -> Option<Answer> {
        // Commands wait for an answer's end, so the asker is still in the room.
        assert!(self.rooms_of(user).any(|room| room == id), "history is for members");
        let room = self.rooms.get(id);
        let mut bytes = 0;
        while next <= last {
            if bytes > CHUNK {
                return Some(Answer::Kept { room: id, next, last, talk, day });
            }
            let back = room.seq.checked_sub(next).and_then(|back| usize::try_from(back).ok());
            // None, when the ring lost it since the question: newer events came faster than the reader reads, or it could
            // not be stored.
            if let Some(event) = back.and_then(|back| room.ring.event(&room.name, room.seq, back))
                && (!talk || event.kind.is_talk())
            {
                bytes += event.text.len() + event.room.len() + event.nick.len();
                self.tell_entry(user, event, &mut day, to);
            }
            next += 1;
        }
        self.tell_end(user, id, to)
    }

    /// Goes on with what a search has found.
    pub(super) fn go_on_with_found(
        &self,
        user: UserId,
        (id, mut events, complete, mut day): Finds,
        to: &mut impl Tell,
    ) -> Option<Answer> {
        let room = self.rooms.get(id);
        let mut bytes = 0;
        while let Some(record) = events.pop_front() {
            bytes += record.text.len() + room.name.shown.len() + record.nick.len();
            self.tell_entry(user, event_of(room, &record), &mut day, to);
            if bytes > CHUNK && !events.is_empty() {
                return Some(Answer::Found { room: id, events, complete, day });
            }
        }
        if !complete {
            to.tell(user, Notice::SearchCut);
        }
        to.tell(user, Notice::FoundEnd { room: &room.name.shown });
        None
    }

    /// The user's current room, if there is any history; it is told if not.
    fn readable_room(&self, user: UserId, sink: &mut impl Sink) -> Option<RoomId> {
        let id = self.own_room(user, None, sink)?;
        if self.stores || self.rooms.keeps_history() {
            return Some(id);
        }
        sink.tell(user, Notice::Refused(Refusal::NoHistory));
        None
    }

    fn begin_kept(
        &self,
        user: UserId,
        id: RoomId,
        last: u64,
        events: usize,
        before: Option<DateTime<Utc>>,
        sink: &mut impl Sink,
    ) -> Flow {
        self.tell_head(user, id, events, before, sink);
        let next = last + 1 - events as u64;
        self.begin(user, Answer::Kept { room: id, next, last, talk: false, day: None }, sink)
    }

    fn tell_head(
        &self,
        user: UserId,
        room: RoomId,
        events: usize,
        before: Option<DateTime<Utc>>,
        to: &mut impl Tell,
    ) {
        let room = &self.rooms.get(room).name.shown;
        to.tell(
            user,
            match before {
                None => Notice::HistoryHead { room, events },
                Some(before) => Notice::HistoryBeforeHead { room, before, events },
            },
        );
    }

    /// Tells of an event, and of its day, if that is another than that of the one before.
    fn tell_entry(
        &self,
        user: UserId,
        event: RoomEvent<'_>,
        day: &mut Option<NaiveDate>,
        to: &mut impl Tell,
    ) {
        let date = event.at.date_naive();
        if day.replace(date) != Some(date) {
            to.tell(user, Notice::Day { date });
        }
        to.tell(user, Notice::HistoryEntry(event));
    }

    fn tell_end(&self, user: UserId, room: RoomId, to: &mut impl Tell) -> Option<Answer> {
        to.tell(user, Notice::HistoryEnd { room: &self.rooms.get(room).name.shown });
        None
    }
}

/// What a search has found in a room: what is still to be told of it, whether it is all, and the day of the last.
pub(super) type Finds = (RoomId, alloc::collections::VecDeque<RoomRecord>, bool, Option<NaiveDate>);

fn event_of<'a>(room: &'a Room, record: &'a RoomRecord) -> RoomEvent<'a> {
    let RoomRecord { seq, at, nick, kind, text, .. } = record;
    let (room, key) = (&*room.name.shown, &*room.name.key);
    RoomEvent { room, key, seq: *seq, at: *at, nick, kind: *kind, text }
}
