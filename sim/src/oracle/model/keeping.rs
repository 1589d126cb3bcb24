//! What is stored, what is asked of the store, and what happens when it does not answer.

use std::time::Duration;

use chat_core::{Action, Batch, Found, LookUp, LookUpError, Query, Report, StoreAnswer};

use super::peer::later;
use super::turn::Turn;
use super::{Mark, Model, slot_of};
use crate::seen::brief;

/// How long the store may take for a batch before what is said is refused.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take for a look-up,
const LOOK_UP: Duration = Duration::from_secs(5);
/// and for a search.
const SEARCH: Duration = Duration::from_secs(1);
/// How many events of a room are asked for when it is opened.
pub(super) const RING_FILL: usize = 200;

pub(super) const NOT_DELIVERED: &str =
    "! not delivered: the history cannot be stored just now; try again later";
pub(super) const NOT_NOW: &str = "! not now: the history cannot be stored; try again later";

/// A question that the store has not answered.
#[derive(Debug)]
pub(super) struct Asked {
    /// Its place among all questions.
    number: u64,
    asker: Asker,
    until: u64,
    /// What it is called, once the engine has said so.
    id: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Asker {
    /// Whoever waits for this room.
    Room(String),
    /// This connection, for its long answer.
    Reader(u32),
}

/// What the engine has still to ask of the store, in order.
#[derive(Debug)]
pub(super) enum Order {
    Store(Batch),
    LookUp { number: u64, after: u64, asker: u64, query: Query },
}

/// When the store takes too long, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overdue {
    Batch,
    Again,
    Room,
}

impl Model {
    /// What a sealed turn asks of the store; tells whether there is something to be stored.
    pub(super) fn hand_over(&mut self, turn: &Turn) -> bool {
        let has_batch = self.config.store.is_some() && !turn.records.is_empty();
        if has_batch {
            self.emitted += 1;
            self.outstanding.push_back((self.emitted, self.now));
            let batch = Batch { number: self.emitted, events: turn.records.clone() };
            self.orders.push_back(Order::Store(batch));
        }
        turn.opens.iter().for_each(|key| self.ask_for_room(key));
        has_batch
    }

    pub(super) fn ask_for_room(&mut self, key: &str) {
        let query = Query::Room { key: key.to_owned(), last: RING_FILL };
        self.ask(Asker::Room(key.to_owned()), query, LOOK_UP);
    }

    fn ask(&mut self, asker: Asker, query: Query, patience: Duration) {
        let (after, until) = (self.emitted, later(self.now, patience));
        self.questions += 1;
        let number = self.questions;
        let by = match asker {
            Asker::Room(_) => 0,
            Asker::Reader(slot) => self.asker_of(slot),
        };
        self.orders.push_back(Order::LookUp { number, after, asker: by, query });
        self.asked.push(Asked { number, asker, until, id: None });
    }

    pub(super) fn ask_for_reader(&mut self, slot: u32, query: Query) {
        let patience = if matches!(query, Query::Search { .. }) { SEARCH } else { LOOK_UP };
        self.ask(Asker::Reader(slot), query, patience);
    }

    /// Nobody waits for this answer any more.
    pub(super) fn forget_question(&mut self, slot: u32) {
        self.asked.retain(|asked| asked.asker != Asker::Reader(slot));
    }

    /// Until when the store has to answer this reader.
    pub(super) fn reader_deadline(&self, slot: u32) -> Option<u64> {
        self.asked.iter().find(|asked| asked.asker == Asker::Reader(slot)).map(|asked| asked.until)
    }

    /// Whether the store was asked for this room and has not answered, or will be in this turn.
    pub(super) fn is_asked_for(&self, key: &str) -> bool {
        let same = |asked: &Asked| matches!(&asked.asker, Asker::Room(room) if room == key);
        self.asked.iter().any(same) || self.turn.opens.iter().any(|room| room == key)
    }

    /// Whether the engine asks this of the store as it should.
    pub(in crate::oracle) fn check_order(&mut self, action: &Action) -> Result<(), String> {
        match (action, self.orders.pop_front()) {
            (Action::Store(batch), Some(Order::Store(expected))) if *batch == expected => Ok(()),
            (
                Action::LookUp(LookUp { id, after, asker, query }),
                Some(Order::LookUp { number, after: expected, asker: by, query: what }),
            ) if *after == expected && *asker == by && *query == what => {
                if *id <= self.last_id {
                    return Err(format!("the id {id} is not a new one"));
                }
                self.last_id = *id;
                // Whoever asked may have gone in the meantime.
                if let Some(asked) = self.asked.iter_mut().find(|asked| asked.number == number) {
                    asked.id = Some(*id);
                }
                Ok(())
            }
            (Action::Store(batch), Some(Order::Store(expected))) => {
                let mut both = batch.events.iter().zip(&expected.events);
                let differ = both.find(|(event, expected)| event != expected);
                let counts = (batch.number, batch.events.len(), expected.number, expected.events.len());
                Err(format!("stores another batch than it should, {counts:?}: {}", brief(&differ)))
            }
            (action, expected) => {
                Err(format!("asks {} of the store, expected {}", brief(action), brief(&expected)))
            }
        }
    }

    pub(in crate::oracle) fn check_orders_given(&self) -> Result<(), String> {
        match self.orders.front() {
            Some(order) => Err(format!("the store was not asked for {}", brief(order))),
            None => Ok(()),
        }
    }

    /// The store has answered; with so much held back, as the engine counts it, behind that.
    pub(in crate::oracle) fn store_answered(&mut self, now: chat_core::Now, answer: &StoreAnswer) {
        self.observe(now);
        match answer {
            StoreAnswer::Stored(number) => self.stored(*number),
            StoreAnswer::Refused { batch, rooms } => self.refused(*batch, rooms),
            StoreAnswer::Found { id, found } => {
                match self.asked.iter().position(|asked| asked.id == Some(*id)) {
                    Some(index) => {
                        let asked = self.asked.remove(index);
                        self.answered(asked, found.clone());
                    }
                    None => self.marks.set(Mark::AnsweredLate),
                }
            }
        }
    }

    fn stored(&mut self, number: u64) {
        self.stored_to = self.stored_to.max(number.min(self.emitted));
        let stored = self.stored_to;
        while self.outstanding.pop_front_if(|(batch, _)| *batch <= stored).is_some() {}
        self.release_stored(stored);
        let oldest = self.outstanding.front().map(|&(_, since)| later(since, PATIENCE));
        let was_stuck = self.stuck;
        self.stuck = oldest.is_some_and(|until| until <= self.now);
        if was_stuck && !self.stuck {
            self.reports.push_back(Report::Store { stuck: false });
        }
        self.go_on_with_lines();
    }

    fn answered(&mut self, asked: Asked, found: Result<Found, LookUpError>) {
        match asked.asker {
            Asker::Room(key) => self.open_room(&key, found),
            Asker::Reader(slot) => self.go_on_with_found(slot, found),
        }
    }

    /// The first deadline that is nobody's own.
    pub(super) fn store_deadline(&self) -> Option<(u64, Overdue)> {
        let oldest = self.outstanding.front().filter(|_| !self.stuck);
        let stuck = oldest.map(|&(_, since)| (later(since, PATIENCE), Overdue::Batch));
        let rooms = self.asked.iter().filter(|asked| matches!(asked.asker, Asker::Room(_)));
        let room = rooms.map(|asked| (asked.until, Overdue::Room)).min();
        let again = self.again.front().map(|&(at, _)| (at, Overdue::Again));
        stuck.into_iter().chain(again).chain(room).min()
    }

    /// Does what is due since the store takes too long.
    pub(super) fn expire_store(&mut self) {
        while let Some((at, what)) = self.store_deadline()
            && at <= self.now
        {
            if what == Overdue::Batch {
                self.stuck = true;
                self.reports.push_back(Report::Store { stuck: true });
                self.marks.set(Mark::StoreStuck);
                self.give_up_answers();
                self.go_on_with_lines();
                continue;
            }
            if let Some((_, key)) = self.again.pop_front_if(|(at, _)| *at <= self.now) {
                self.ask_if_lost(&key);
                continue;
            }
            let due = |asked: &Asked| matches!(asked.asker, Asker::Room(_)) && asked.until == at;
            let index = self.asked.iter().position(due).expect("one is due");
            let asked = self.asked.remove(index);
            self.marks.set(Mark::LookUpTimedOut);
            self.answered(asked, Err(LookUpError::Unavailable));
        }
    }

    /// The store has not answered this reader in time.
    pub(super) fn give_up_look_up(&mut self, slot: u32) {
        let index = self.asked.iter().position(|asked| asked.asker == Asker::Reader(slot));
        self.asked.remove(index.expect("it has asked"));
        self.marks.set(Mark::LookUpTimedOut);
        self.go_on_with_found(slot, Err(LookUpError::Unavailable));
    }

    /// How much is held back is the engine's to count: so much, says it.
    pub(in crate::oracle) fn note_held(&mut self, bytes: usize) {
        self.held_bytes = bytes;
    }

    fn is_full(&self) -> bool {
        self.config.held != 0 && self.held_bytes > self.config.held
    }

    /// Whether nobody's lines are served.
    pub(super) fn blocks(&self) -> bool {
        self.is_full() && !self.stuck
    }

    /// Its lines wait until less is held back.
    pub(super) fn wait_for_store(&mut self, slot: u32) {
        self.marks.set(Mark::StoreFull);
        let conn = self.peer(slot).conn;
        self.waiting.push(conn);
    }

    fn go_on_with_lines(&mut self) {
        if self.blocks() {
            return;
        }
        for conn in std::mem::take(&mut self.waiting) {
            let slot = slot_of(conn);
            if self.peers.get(&slot).is_some_and(|peer| peer.conn == conn) {
                self.resume(slot);
            }
        }
    }

    /// Whether a line is not taken just now, and its sender told so at once: `said` to a room, or anything else.
    pub(super) fn refuses(&mut self, slot: u32, said: bool) -> bool {
        if !self.refuses_now() {
            return false;
        }
        let (text, mark) = if said { (NOT_DELIVERED, Mark::NotDelivered) } else { (NOT_NOW, Mark::NotNow) };
        self.marks.set(mark);
        self.tell_at_once(slot, text);
        true
    }

    /// Whether lines are refused just now.
    pub(super) fn refuses_now(&self) -> bool {
        self.stuck && (self.is_full() || self.stores_first())
    }
}
