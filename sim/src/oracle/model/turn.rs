//! Turns: what is said in one is seen as a whole, and, where it is stored first, not before that.

use std::collections::VecDeque;
use std::mem;

use chat_core::{ConnId, Report, RoomRecord, StoreMode};

use super::keeping::NOT_NOW;
use super::peer::{Phase, later};
use super::{Mark, Model, deadlines, room_key, wire};

/// What is said and done in one turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// To whom what is told, in order.
    pieces: Vec<(ConnId, Piece)>,
    /// Whose things were particular in it, in the order of the first of them.
    particular: Vec<u32>,
    /// What rooms said.
    pub(super) records: Vec<RoomRecord>,
    /// Who said these things, with the key of the room.
    pub(super) speakers: Vec<(String, ConnId)>,
    /// What is to be reported.
    pub(super) reports: VecDeque<Report>,
    /// Whose the joins among the reports are.
    pub(super) joiners: Vec<u32>,
    /// Rooms that the store is to be asked for.
    pub(super) opens: Vec<String>,
    /// Something happened in it, told or not.
    moved: bool,
    /// Bytes of text, and of copies, that it has made by [`Share`].
    spent: [(usize, usize); 4],
}

/// What is being served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Share {
    /// What has just come.
    #[default]
    Fresh,
    /// What is due.
    Due,
    /// What has waited.
    Postponed,
    /// Somebody who is gone.
    Parting,
}

/// Something for one connection.
#[derive(Debug)]
enum Piece {
    /// Bytes.
    Text(Vec<u8>),
    /// Its long answer goes on from here.
    Answer,
}

/// A sealed turn that nobody may see yet.
#[derive(Debug)]
pub(super) struct Held {
    /// Its place among all sealed turns.
    number: u64,
    /// The batch that has to be stored before.
    batch: u64,
    /// When it was sealed.
    since: u64,
    turn: Turn,
}

impl Turn {
    fn is_empty(&self) -> bool {
        let told = !self.pieces.is_empty() || !self.records.is_empty() || !self.reports.is_empty();
        !told && !self.moved && self.opens.is_empty()
    }

    /// Something happens in it that is for this user in particular.
    pub(super) fn single_out(&mut self, slot: u32) {
        self.moved = true;
        if !self.particular.contains(&slot) {
            self.particular.push(slot);
        }
    }

    /// What it may count for while it is held back, at least and at most: text may be shared, pieces may be joined.
    fn weight(&self) -> (usize, usize) {
        let length =
            |(_, piece): &(ConnId, Piece)| if let Piece::Text(text) = piece { text.len() } else { 0 };
        let longest = self.pieces.iter().map(length).max().unwrap_or_default();
        let all: usize = self.pieces.iter().map(length).sum();
        // A part of what is shared may keep all of it, what nobody hears of it included.
        let said: usize = self.records.iter().map(|record| record.text.len()).sum();
        let overhead = 1_000 + 200 * self.pieces.len() + 800 * self.records.len();
        (64 + longest, 2 * all + said * (2 + self.pieces.len()) + overhead)
    }

    /// Takes out what a room said; returns who has said it.
    fn take_back(&mut self, key: &str) -> Vec<ConnId> {
        self.reports.retain(|report| !matches!(report, Report::Room(record) if record.key == key));
        for (_, piece) in &mut self.pieces {
            let Piece::Text(text) = piece else { continue };
            let shows = |line: &&[u8]| event_room(line).is_none_or(|room| room != key);
            *text = text.split_inclusive(|&byte| byte == b'\n').filter(shows).collect::<Vec<_>>().concat();
        }
        let speakers = mem::take(&mut self.speakers);
        let (said, others) = speakers.into_iter().partition(|(room, _)| room == key);
        self.speakers = others;
        said.into_iter().map(|(_, conn)| conn).collect()
    }

    fn names(&self, slot: u32) -> bool {
        self.pieces.iter().any(|(conn, _)| super::slot_of(*conn) == slot)
    }
}

impl Model {
    /// Adds to what one connection is owed: to a stranger at once, to a user as part of the turn.
    pub(super) fn owe(&mut self, slot: u32, line: &[u8]) {
        if !self.peer(slot).registered {
            self.peer(slot).owe(line);
            return self.note_debts();
        }
        self.turn.single_out(slot);
        self.spend(line.len(), 0);
        self.owe_with_others(slot, line);
    }

    /// The turn has come to a line of so many bytes, for so many who are in several rooms.
    pub(super) fn spend(&mut self, bytes: usize, several: usize) {
        let (text, copies) = &mut self.turn.spent[self.share as usize];
        *text += bytes;
        *copies += bytes * several;
    }

    /// Bytes of text in the turn under way: what `turn` of a footprint should be.
    pub(in crate::oracle) fn turn_text(&self) -> usize {
        self.turn.spent.iter().map(|(text, _)| text).sum()
    }

    /// Whether lines have to wait for another turn; those of somebody who is gone cannot.
    pub(super) fn turn_is_full(&self) -> bool {
        self.share != Share::Parting && self.has_all_it_may()
    }

    /// Whether the turn has come to as much as it may.
    fn has_all_it_may(&self) -> bool {
        let (text, copies) = self.turn.spent[self.share as usize];
        let limit = self.config.turn;
        [(text, limit.text), (copies, limit.copies)]
            .into_iter()
            .any(|(spent, most)| most > 0 && spent >= most)
    }

    /// What does not bear waiting begins a new turn, if it has to.
    pub(in crate::oracle) fn make_room(&mut self) {
        if self.has_all_it_may() {
            self.marks.set(Mark::TurnWithinTurn);
            self.seal_turn();
        }
    }

    /// Its lines wait for another turn.
    pub(super) fn postpone(&mut self, slot: u32) {
        self.marks.set(Mark::Postponed);
        let now = self.now;
        let peer = self.peer(slot);
        let postponed = (now + peer.wait(now), peer.conn);
        self.postponed.push(postponed);
    }

    /// Serves lines that wait, for as long as they fit, those of whoever has used least of what flood control gives first. The last that is done when time has
    /// passed.
    pub(in crate::oracle) fn go_on_with_postponed(&mut self) {
        self.share = Share::Postponed;
        for _ in 0..self.postponed.len() {
            if self.turn_is_full() {
                break;
            }
            let waiting = self.postponed.iter().enumerate();
            let first =
                waiting.min_by_key(|&(index, &(full_at, _))| (full_at, index)).expect("so many are there");
            if first.0 > 0 {
                self.marks.set(Mark::Overtaken);
            }
            let (_, conn) = self.postponed.remove(first.0);
            let slot = super::slot_of(conn);
            if self.peers.get(&slot).is_some_and(|peer| peer.conn == conn) {
                self.resume(slot);
            }
        }
        self.share = Share::Fresh;
    }

    /// The same, where others are told the same.
    pub(super) fn owe_with_others(&mut self, slot: u32, line: &[u8]) {
        let conn = self.peer(slot).conn;
        self.turn.pieces.push((conn, Piece::Text(line.to_vec())));
    }

    /// Tells one user a line that nothing has to come before.
    pub(super) fn tell_at_once(&mut self, slot: u32, text: &str) {
        self.peer(slot).owe(&wire::line(text));
        self.note_debts();
    }

    /// From here on the turn holds a long answer.
    pub(super) fn owe_answer(&mut self, slot: u32) {
        let conn = self.peer(slot).conn;
        self.turn.single_out(slot);
        self.turn.pieces.push((conn, Piece::Answer));
    }

    /// Whether something that nobody has seen yet names this slot.
    pub(in crate::oracle) fn is_named(&self, slot: u32) -> bool {
        self.turn.names(slot) || self.held.iter().any(|held| held.turn.names(slot))
    }

    /// What is held back counts for so much, at least and at most.
    pub(in crate::oracle) fn kept_back(&self) -> (usize, usize) {
        if !self.stores_first() {
            let least = 64 * self.outstanding.len();
            return (least, if least == 0 { 0 } else { usize::MAX });
        }
        let weights = self.held.iter().map(|held| held.turn.weight());
        weights.fold((0, 0), |(least, most), (less, more)| (least + less, most + more))
    }

    pub(super) fn stores_first(&self) -> bool {
        self.config.store == Some(StoreMode::StoreFirst)
    }

    /// The turn ends: what was said in it is stored, and shown when it may be.
    pub(super) fn seal_turn(&mut self) {
        self.joined.clear();
        let turn = mem::take(&mut self.turn);
        if !turn.is_empty() {
            self.sealed += 1;
            let has_batch = self.hand_over(&turn);
            if self.stores_first() && (has_batch || !self.held.is_empty()) {
                let (number, batch, since) = (self.sealed, self.emitted, self.now);
                self.held.push_back(Held { number, batch, since, turn });
                if self.stuck {
                    self.give_up_answers();
                }
            } else {
                self.release(turn);
            }
        }
        let sealed = self.sealed;
        for peer in self.peers.values_mut() {
            if let Phase::Closing(closing) = &mut peer.phase {
                // If there was nothing in that turn, the one before it counts.
                closing.behind = closing.behind.map(|behind| behind.min(sealed));
            }
        }
        self.let_go();
        self.note_debts();
    }

    /// Whoever waits for a long answer that nobody may see yet is told that it does not come, and goes on.
    pub(super) fn give_up_answers(&mut self) {
        let mut askers = Vec::new();
        for held in &mut self.held {
            held.turn.pieces.retain(|(conn, piece)| {
                let is_answer = matches!(piece, Piece::Answer);
                if is_answer {
                    askers.push(*conn);
                }
                !is_answer
            });
        }
        askers.sort_by_key(|conn| super::slot_of(*conn));
        for conn in askers {
            let slot = super::slot_of(conn);
            let now = self.now;
            let Some(peer) = self.peers.get_mut(&slot).filter(|peer| peer.conn == conn) else { continue };
            if peer.answer.take_if(|answer| !answer.begun).is_some() {
                peer.resume_at = Some(now);
                self.marks.set(Mark::AnswerGivenUp);
                self.tell_at_once(slot, NOT_NOW);
            }
        }
    }

    /// What these rooms said in this batch, and what they have said since, can never be stored.
    pub(super) fn refused(&mut self, batch: u64, rooms: &[String]) {
        if batch <= self.stored_to || batch > self.emitted {
            return;
        }
        self.seal_turn();
        for key in rooms {
            self.marks.set(Mark::PartRefused);
            let of_those = self.held.iter_mut().filter(|held| held.batch >= batch);
            let speakers: Vec<_> = of_those.flat_map(|held| held.turn.take_back(key)).collect();
            let line = super::chat::not_delivered(self.rooms.get(key).map_or(key, |room| &room.name.shown));
            for conn in speakers {
                let slot = super::slot_of(conn);
                if self.peers.get(&slot).is_some_and(|peer| peer.conn == conn) {
                    self.tell_at_once(slot, &line);
                }
            }
            self.lose_room(key);
        }
    }

    /// Shows held turns up to this batch.
    pub(super) fn release_stored(&mut self, stored: u64) {
        while let Some(held) = self.held.pop_front_if(|held| held.batch <= stored) {
            if held.since < self.now {
                self.marks.set(Mark::ReleasedLate);
            }
            self.release(held.turn);
            self.let_go();
            self.note_debts();
        }
    }

    fn release(&mut self, turn: Turn) {
        self.reports.extend(turn.reports);
        self.joiners.extend(turn.joiners);
        let mut begun = Vec::new();
        for (conn, piece) in turn.pieces {
            let slot = super::slot_of(conn);
            let Some(peer) = self.peers.get_mut(&slot).filter(|peer| peer.conn == conn) else { continue };
            match piece {
                Piece::Text(text) => peer.owe(&text),
                Piece::Answer => {
                    if let Some(answer) = peer.answer.as_mut().filter(|answer| !answer.begun) {
                        answer.begun = true;
                        begun.push(slot);
                    }
                }
            }
        }
        for slot in turn.particular {
            if begun.contains(&slot) && self.peers.contains_key(&slot) {
                self.note_answer(slot);
            }
        }
    }

    /// Whoever was closed in a turn that is seen by now is given its time from now on.
    fn let_go(&mut self) {
        let seen = self.held.front().map_or(self.sealed, |held| held.number - 1);
        let (now, ending) = (self.now, self.ending);
        for peer in self.peers.values_mut() {
            let flushed = peer.queued() == 0 && peer.writing == 0;
            let Phase::Closing(closing) = &mut peer.phase else { continue };
            let Some(behind) = closing.behind else { continue };
            if behind > seen {
                if behind <= self.sealed {
                    self.marks.set(Mark::ClosingWaits);
                }
                continue;
            }
            closing.behind = None;
            let linger = if ending && flushed { deadlines::SHUTDOWN_LINGER } else { deadlines::LINGER };
            closing.until = later(now, linger).min(closing.latest);
        }
    }

    /// Whoever owes more than it may is given so much time from now on.
    pub(super) fn note_debts(&mut self) {
        let backlog = self.config.backlog;
        for peer in self.peers.values_mut() {
            if backlog != 0 && peer.debt() > backlog {
                peer.stalled.get_or_insert(self.now);
            }
        }
    }
}

/// The key of the room of which a line shows an event.
fn event_room(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let (_, rest) = line.split_once("] ").filter(|(stamp, _)| stamp.len() == 9 && stamp.starts_with('['))?;
    room_key(rest.split(' ').next()?)
}
