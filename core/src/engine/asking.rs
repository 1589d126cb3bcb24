//! Questions to the store: how far a room has come, and what a reader of history wants to see.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::{Engine, Timer};
use crate::action::Action;
use crate::chat::{Flow, Notice, Past, REPLAY_REACH, Refusal, UserId};
use crate::plain;
use crate::store::{Found, LookUp, LookUpError, Query};
use crate::time::Mono;

/// How long the store may take to look something up.
const LOOK_UP: Duration = Duration::from_secs(5);
/// The same for a search, which ends by itself after [`Query::SEARCH_MILLIS`].
const SEARCH: Duration = Duration::from_secs(1);

/// How long until a room in which people wait is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// The number of a room's newest event at most: a million a second for 12 days, and no store has more. What says more is
/// broken.
const MAX_SEQ: u64 = 1 << 40;

/// What the store was asked and has not answered.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// The id of the last one.
    last: u64,
    /// Who has asked.
    askers: BTreeMap<u64, Asker>,
    /// Rooms that were asked for, and until when, by time.
    rooms: VecDeque<(Mono, u64)>,
    /// Rooms with members that are to be asked for again, and when, by time.
    again: VecDeque<(Mono, String)>,
}

#[derive(Debug)]
enum Asker {
    /// Whoever waits for the room of this key.
    Room(String),
    /// A connection with a long answer under way.
    Reader(u32),
}

impl Questions {
    /// When a room has taken too long, or is to be asked for again. (Readers have deadlines of their own.)
    pub(super) fn deadline(&self) -> Option<(Mono, Timer)> {
        let (rooms, again) = (self.rooms.front(), self.again.front());
        let first = rooms.map(|&(until, _)| until).into_iter().chain(again.map(|&(at, _)| at)).min();
        first.map(|at| (at, Timer::LookUp))
    }

    /// Nobody waits for this answer any longer.
    pub(super) fn forget(&mut self, id: u64) {
        self.askers.remove(&id);
    }
}

impl Engine {
    fn ask(&mut self, query: Query, asker: Asker) -> u64 {
        self.questions.last += 1;
        let (id, after) = (self.questions.last, self.keeping.emitted());
        let number = if let Asker::Reader(slot) = asker { self.asker_of(slot) } else { 0 };
        self.questions.askers.insert(id, asker);
        self.actions.push_back(Action::LookUp(LookUp { id, after, asker: number, query }));
        id
    }

    /// What the store knows a reader by: its network, whose connections are served as one. Whoever comes over loopback may be
    /// anybody.
    fn asker_of(&self, slot: u32) -> u64 {
        match self.counted_network(self.conns.get(slot).peer) {
            Some(IpAddr::V4(network)) => network.to_bits().into(),
            Some(IpAddr::V6(network)) => (network.to_bits() >> 64) as u64,
            None => u64::MAX - u64::from(slot),
        }
    }

    /// Asks how far the room of this key has come.
    pub(super) fn ask_for_room(&mut self, key: String) {
        let id = self.ask(Query::Room { key: key.clone(), last: REPLAY_REACH }, Asker::Room(key));
        self.questions.rooms.push_back((self.mono.after(LOOK_UP), id));
    }

    /// Asks for what the next part of an answer needs; returns the question's id, and until when it has to be answered.
    pub(super) fn ask_for_reader(&mut self, slot: u32, query: Query) -> (u64, Mono) {
        let patience = if matches!(query, Query::Search { .. }) { SEARCH } else { LOOK_UP };
        let until = self.mono.after(patience);
        (self.ask(query, Asker::Reader(slot)), until)
    }

    /// The store has answered a question, or it takes too long.
    pub(super) fn looked_up(&mut self, id: u64, found: Result<Found, LookUpError>) {
        match self.questions.askers.remove(&id) {
            Some(Asker::Room(key)) => {
                self.questions.rooms.retain(|&(_, room)| room != id);
                match found {
                    Ok(Found::Room { seq, topic, last }) if seq <= MAX_SEQ => {
                        self.open_room(&key, Past { seq, topic, last });
                    }
                    _ => self.refuse_room(&key),
                }
            }
            Some(Asker::Reader(slot)) => self.go_on_with_found(slot, found),
            // It took too long, or whoever asked is gone.
            None => {}
        }
    }

    /// The first of the deadlines has come.
    pub(super) fn expire_question(&mut self) {
        let now = self.mono;
        match self.questions.again.pop_front_if(|&mut (at, _)| at <= now) {
            Some((_, key)) if self.chat.seeks(&key) => self.ask_for_room(key),
            // Nobody is there any more, or it was asked for meanwhile.
            Some(_) => {}
            None => self.give_up_room(),
        }
    }

    /// The room that was asked for first has taken too long.
    fn give_up_room(&mut self) {
        if let Some(&(_, id)) = self.questions.rooms.front() {
            self.looked_up(id, Err(LookUpError::Unavailable));
        }
    }

    /// What a reader of history has asked for takes too long.
    pub(super) fn give_up_look_up(&mut self, slot: u32) {
        let look_up = self.conns.get(slot).answering.as_ref().and_then(|answering| answering.look_up);
        if let Some((id, _)) = look_up {
            self.looked_up(id, Err(LookUpError::Unavailable));
        }
    }

    fn refuse_room(&mut self, key: &str) {
        let waiting = self.chat.take_waiting(key);
        for (user, name) in &waiting {
            let refusal = Refusal::HistoryUnavailable { room: &name.shown };
            // At once: a turn may be held back for as long as the store that does not answer.
            self.tell_at_once(user.0, |out| plain::notice(out, &Notice::Refused(refusal)));
        }
        for (UserId(slot), _) in waiting {
            self.conns.get_mut(slot).asked = false;
            self.resume(slot);
            self.rearm(slot);
        }
        if self.chat.is_lost(key) {
            self.questions.again.push_back((self.mono.after(AGAIN), key.into()));
        }
    }

    fn open_room(&mut self, key: &str, past: Past) {
        let mut past = Some(past);
        let mut outcome = Vec::new();
        for (user, name) in self.chat.opened(key, &mut past, self.stamp, &mut self.turn) {
            // Thousands may have waited for the lobby, and each is shown its last lines.
            self.make_room();
            let flow = self.chat.enter_opened(user, &name, &mut past, self.stamp, &mut self.turn);
            outcome.push((user, flow));
        }
        for (user, flow) in outcome {
            let slot = user.0;
            if flow == Flow::Stay {
                self.conns.get_mut(slot).asked = false;
                self.resume(slot);
            }
            self.rearm(slot);
        }
    }

    /// Whether a user waits for a room: nothing that it sends may be served before.
    pub(super) fn waits_for_room(&self, slot: u32) -> bool {
        self.conns.get(slot).asked && self.chat.is_waiting(UserId(slot))
    }

    /// Panics if somebody waits for what was not asked.
    pub(super) fn check_questions(&self) {
        let mut readers = self.conns.iter().filter_map(|(_, conn)| conn.answering.as_ref()?.look_up);
        assert!(readers.all(|(id, _)| self.questions.askers.contains_key(&id)), "readers have asked");
        let mut rooms = self.questions.rooms.iter();
        assert!(rooms.all(|(_, id)| self.questions.askers.contains_key(id)), "rooms were asked for");
    }
}
