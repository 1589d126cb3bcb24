//! Long answers, given in parts as their reader takes them.

use chat_core::{Found, LookUpError};

use super::reading::Reading;
use super::{Mark, Model, wire};

/// Entries of a list that are shown.
const MAX_ENTRIES: usize = 100;
/// Names in one line of a list of members.
const NAMES_PER_LINE: usize = 20;
/// Bytes of text after which an answer waits for its reader.
pub(super) const PART: usize = 16 << 10;

/// A long answer under way.
#[derive(Debug)]
pub(in crate::oracle) struct Answer {
    /// What is still to be told; none: its last part is still to be taken.
    rest: Option<Rest>,
    /// The turn in which it was asked for is there for all to see.
    pub(super) begun: bool,
    /// Its next part is due.
    due: bool,
    /// The store was asked for it.
    asks: bool,
}

#[derive(Debug)]
pub(super) enum Rest {
    /// Something of a room's history.
    History(Reading),
    /// Rooms behind this key; so many were told.
    Rooms { after: String, told: usize },
}

impl Model {
    pub(super) fn list_rooms(&mut self, slot: u32) {
        let head = format!("* {}:", wire::count(self.rooms.len(), "room"));
        self.tell(slot, &head);
        self.begin(slot, Rest::Rooms { after: String::new(), told: 0 });
    }

    pub(super) fn list_members(&mut self, slot: u32, room: Option<&str>) {
        let key = match room {
            None => self.own_room(slot, None),
            Some(name) => {
                let found = super::names::Name::room(name).map(|name| name.key);
                let found = found.filter(|key| self.rooms.contains_key(key));
                if found.is_none() {
                    self.tell(slot, "! there is no such room: /rooms lists those that are");
                }
                found
            }
        };
        let Some(key) = key else { return };
        let room = &self.rooms[&key];
        let mut lines = vec![format!("* {}: {}", room.name.shown, wire::count(room.members.len(), "member"))];
        let nick = |member: &u32| self.peers[member].user.as_ref().expect("members are users").nick.clone();
        let names: Vec<_> = room.members.iter().map(nick).collect();
        for names in names[..names.len().min(MAX_ENTRIES)].chunks(NAMES_PER_LINE) {
            lines.push(format!("* {}", names.join(", ")));
        }
        if names.len() > MAX_ENTRIES {
            lines.push(format!("* and {} more", names.len() - MAX_ENTRIES));
        }
        self.tell_all(slot, lines);
    }

    /// The first part belongs to the turn. If it is not all, commands wait until the rest has been taken.
    pub(super) fn begin(&mut self, slot: u32, rest: Rest) {
        let (lines, rest) = self.part_of(rest);
        self.tell_all(slot, lines);
        if rest.is_some() {
            self.marks.set(Mark::LongAnswer);
            self.peer(slot).answer = Some(Answer { rest, begun: false, due: false, asks: false });
            self.owe_answer(slot);
        }
    }

    /// A reader that has taken everything so far is due for the next part.
    pub(super) fn note_answer(&mut self, slot: u32) {
        let peer = self.peer(slot);
        if peer.queued() > 0 || peer.writing > 0 {
            return;
        }
        if let Some(answer) = &mut peer.answer
            && answer.begun
            && !answer.due
            && !answer.asks
        {
            answer.due = true;
            self.answers_due.push_back(slot);
        }
    }

    pub(super) fn go_on_with_answer(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(&slot) else { return };
        let Some(answer) = peer.answer.as_mut().filter(|answer| answer.due) else { return };
        answer.due = false;
        let Some(rest) = answer.rest.take() else {
            self.end_answer(slot);
            return self.resume(slot);
        };
        if let Rest::History(reading) = &rest
            && let Some(query) = reading.query()
        {
            (answer.rest, answer.asks) = (Some(rest), true);
            return self.ask_for_reader(slot, query);
        }
        let part = self.part_of(rest);
        self.give_part(slot, part);
    }

    /// Goes on with an answer for which the store was asked.
    pub(super) fn go_on_with_found(&mut self, slot: u32, found: Result<Found, LookUpError>) {
        let answer = self.peer(slot).answer.as_mut().expect("its question was forgotten with it");
        answer.asks = false;
        let Some(Rest::History(reading)) = answer.rest.take() else {
            unreachable!("it asked about a history")
        };
        let (lines, rest) = self.part_of_found(reading, found);
        self.give_part(slot, (lines, rest.map(Rest::History)));
    }

    fn give_part(&mut self, slot: u32, (lines, rest): (Vec<String>, Option<Rest>)) {
        let (limit, now) = (self.config.flood, self.now);
        let peer = self.peer(slot);
        peer.take_token(limit, now);
        for line in &lines {
            peer.owed.push(&wire::line(line));
        }
        if let Some(answer) = &mut peer.answer {
            answer.rest = rest;
        }
        if lines.is_empty() {
            self.note_answer(slot);
        }
    }

    /// What is left of a long answer is not told any more; what came behind it follows.
    pub(super) fn end_answer(&mut self, slot: u32) {
        self.forget_question(slot);
        let peer = self.peer(slot);
        peer.answer = None;
        let behind = std::mem::take(&mut peer.behind);
        peer.owed.push(&behind);
    }

    /// The next part of an answer, and what is then left.
    fn part_of(&self, rest: Rest) -> (Vec<String>, Option<Rest>) {
        match rest {
            Rest::History(reading) => {
                let (lines, rest) = self.part_of_history(reading);
                (lines, rest.map(Rest::History))
            }
            Rest::Rooms { after, told } => self.part_of_rooms(&after, told),
        }
    }

    fn part_of_rooms(&self, after: &str, mut told: usize) -> (Vec<String>, Option<Rest>) {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        for (key, room) in self.rooms.iter().filter(|(key, _)| key.as_str() > after) {
            if told == MAX_ENTRIES {
                lines.push(format!("* and {} more", self.rooms.len().saturating_sub(told)));
                break;
            }
            let name = &room.name.shown;
            let members = wire::count(room.members.len(), "member");
            lines.push(format!("* {name} ({members}); {}", wire::topic(room.topic.as_deref())));
            told += 1;
            bytes += name.len() + room.topic.as_deref().map_or(0, str::len);
            if bytes > PART {
                return (lines, Some(Rest::Rooms { after: key.clone(), told }));
            }
        }
        (lines, None)
    }
}
