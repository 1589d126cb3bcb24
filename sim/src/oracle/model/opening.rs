//! Rooms that are not here: only the store knows how far they have come, and whoever wants to join waits.

use std::time::Duration;

use chat_core::{Found, LookUpError};

use super::chat::Room;
use super::names::Name;
use super::peer::later;
use super::{Mark, Model};

/// How long until a lost room is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

impl Model {
    /// Joins later: when the store has said how far the room has come.
    pub(super) fn wait_for_room(&mut self, slot: u32, name: Name) {
        let key = name.key.clone();
        if self.is_asked_for(&key) {
            self.marks.set(Mark::JoinersWait);
        } else {
            self.turn.opens.push(key.clone());
        }
        self.openings.entry(key).or_default().push((slot, name));
        self.peer(slot).opening = true;
    }

    /// It waits no longer.
    pub(super) fn stop_waiting(&mut self, slot: u32) {
        if let Some(peer) = self.peers.get_mut(&slot) {
            peer.opening = false;
        }
        for waiting in self.openings.values_mut() {
            waiting.retain(|(who, _)| *who != slot);
        }
    }

    /// The store has said how far a room has come, or has not.
    pub(super) fn open_room(&mut self, key: &str, found: Result<Found, LookUpError>) {
        let waiting = self.openings.remove(key).unwrap_or_default();
        let past =
            if let Ok(Found::Room { seq, topic, last }) = found { Some((seq, topic, last)) } else { None };
        if let Some(room) = self.rooms.get_mut(key).filter(|room| room.lost)
            && let Some((seq, topic, last)) = &past
        {
            (room.lost, room.seq, room.topic) = (false, *seq, topic.clone());
            last.iter().for_each(|record| self.history.keep(key, record));
            self.marks.set(Mark::FoundAgain);
            self.update_quiet(key);
        }
        for (slot, name) in &waiting {
            let Some((seq, topic, last)) = &past else {
                self.marks.set(Mark::OpeningFailed);
                let line = unreadable(&name.shown);
                self.tell_at_once(*slot, &line);
                continue;
            };
            self.make_room();
            if !self.rooms.contains_key(key) && self.looks_like_another(name) {
                let line = super::chat::looks_alike(&name.shown);
                self.tell(*slot, &line);
                continue;
            }
            if !self.rooms.contains_key(key) {
                if *seq > 0 {
                    self.marks.set(Mark::OpenedWithHistory);
                }
                self.rooms_before.insert(key.to_owned());
                self.rooms.insert(key.to_owned(), Room::new(name.clone(), *seq, topic.clone()));
                last.iter().for_each(|record| self.history.keep(key, record));
            }
            self.join_named(*slot, name.clone());
        }
        for (slot, _) in waiting {
            // The last lines may be a long answer.
            self.peer(slot).opening = false;
            if self.peer(slot).answer.is_none() {
                self.resume(slot);
            }
        }
        if self.rooms.get(key).is_some_and(|room| room.lost) {
            self.again.push_back((later(self.now, AGAIN), key.to_owned()));
        }
    }

    /// How far a room has come is not known any more.
    pub(super) fn lose_room(&mut self, key: &str) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        (room.lost, room.topic) = (true, None);
        self.history.forget(key);
        self.ask_if_lost(key);
    }

    /// Asks how far a lost room has come, unless that is under way.
    pub(super) fn ask_if_lost(&mut self, key: &str) {
        if self.rooms.get(key).is_some_and(|room| room.lost) && !self.is_asked_for(key) {
            self.ask_for_room(key);
        }
    }
}

pub(super) fn unreadable(room: &str) -> String {
    format!("! the history of {room} cannot be read just now: try again later")
}
