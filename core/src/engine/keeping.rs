//! What is stored, and what is shown only then: turns that are held back, and what becomes of lines while the store does
//! not answer.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use smol_str::SmolStr;

use super::conn::Phase;
use super::{Engine, Timer, deadlines};
use crate::action::{Action, Report};
use crate::chat::{Command, RoomId, UserId};
use crate::config::{Config, StoreMode};
use crate::outbox::{Parcel, Piece, Sealed};
use crate::plain;
use crate::store::{Batch, RoomRecord};
use crate::time::Mono;

/// How long the store may take to store something before what is said is refused: longer than any commit of a disk that
/// works, and short enough that nobody goes on typing into nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a turn that is held back takes beside its output and what is to be stored of it.
const TURN: usize = 256;
/// What is not stored yet, and what was asked.
#[derive(Debug)]
pub(super) struct Keeping {
    mode: Option<StoreMode>,
    /// Memory of what is held back above which no more is taken in; 0: there is no limit.
    limit: usize,
    /// The number of the last batch that was handed to the store.
    pub(super) emitted: u64,
    /// The number of the last one that is stored.
    pub(super) stored: u64,
    /// Sealed turns that wait, the oldest first, for their batch or for the turns before them. The first one always has
    /// a batch of its own that is not stored.
    pub(super) held: VecDeque<Held>,
    /// Memory that they take.
    pub(super) bytes: usize,
    /// That of their output, of the segments' own count.
    pub(super) output: usize,
    /// The oldest batch has waited for longer than [`PATIENCE`].
    stuck: bool,
    /// Connections whose lines wait until less is held back.
    waiting: Vec<u32>,
    /// Connections that were let go in this turn, and are to be closed when its goodbyes are released.
    pub(super) leaving: Vec<u32>,
}

/// A sealed turn that waits.
#[derive(Debug)]
pub(super) struct Held {
    /// Everything up to this batch has to be stored before.
    pub(super) batch: u64,
    since: Mono,
    pub(super) bytes: usize,
    pub(super) output: usize,
    /// None: it was shown already.
    pub(super) sealed: Option<Sealed>,
    /// Who said something in it that is to be stored, by the key of the room.
    pub(super) speakers: Vec<(SmolStr, UserId)>,
    /// Connections that were let go in it.
    leaving: Vec<u32>,
    /// What was freed in it, or behind it.
    slots: Vec<u32>,
    rooms: Vec<RoomId>,
}

impl Keeping {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            mode: config.store,
            limit: config.held,
            emitted: 0,
            stored: 0,
            held: VecDeque::new(),
            bytes: 0,
            output: 0,
            stuck: false,
            waiting: Vec::new(),
            leaving: Vec::new(),
        }
    }

    /// The number of the last batch that was handed to the store.
    pub(super) fn emitted(&self) -> u64 {
        self.emitted
    }

    /// Whether a goodbye may have to wait for its turn.
    pub(super) fn holds(&self) -> bool {
        self.mode == Some(StoreMode::StoreFirst)
    }

    /// Memory of what is held back, and how much of it the segments count as well.
    pub(super) fn bytes(&self) -> (usize, usize) {
        (self.bytes, self.output)
    }

    /// Whether nobody's lines are served, since too much is held back already.
    pub(super) fn blocks(&self) -> bool {
        self.is_full() && !self.stuck
    }

    /// Whether the store has taken too long for what it is to store.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck
    }

    fn is_full(&self) -> bool {
        self.limit != 0 && self.bytes > self.limit
    }

    /// The next deadline of its own.
    pub(super) fn deadline(&self) -> Option<(Mono, Timer)> {
        let oldest = self.held.front().filter(|_| !self.stuck)?;
        Some((oldest.since.after(PATIENCE), Timer::Store))
    }

    /// Pieces that wait.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece> {
        self.held.iter().filter_map(|held| held.sealed.as_ref()).flat_map(Sealed::pieces)
    }
}

/// Why a line is not taken.
pub(super) enum NotTaken {
    /// It is for a room, and could not be stored.
    NotDelivered,
    /// Nothing more can be held back.
    NotNow,
}

impl Engine {
    /// A turn was sealed, with so many bytes of output: hands over what is to be stored, and shows the rest when it may be
    /// seen.
    pub(super) fn keep(&mut self, mut sealed: Sealed, output: usize) {
        let records = mem::take(&mut sealed.records);
        let has_batch = !records.is_empty();
        let speakers = mem::take(&mut sealed.speakers);
        let to_store: usize = records.iter().map(RoomRecord::bytes).sum::<usize>() + size_of_val(&*speakers);
        if has_batch {
            self.keeping.emitted += 1;
            let batch = Batch { number: self.keeping.emitted, events: records };
            self.actions.push_back(Action::Store(batch));
        }
        for key in mem::take(&mut sealed.opens) {
            self.ask_for_room(key);
        }
        let shows_first = self.keeping.mode != Some(StoreMode::StoreFirst);
        let waits = has_batch || (!shows_first && !self.keeping.held.is_empty());
        if !waits {
            return self.release(sealed);
        }
        let output = if shows_first { 0 } else { output };
        let bytes = output + to_store + TURN;
        let sealed = if shows_first {
            self.release(sealed);
            None
        } else {
            Some(sealed)
        };
        self.keeping.bytes += bytes;
        self.keeping.output += output;
        self.keeping.held.push_back(Held {
            batch: self.keeping.emitted,
            since: self.mono,
            bytes,
            output,
            sealed,
            // What was shown already is told nobody as not delivered.
            speakers: if shows_first { Vec::new() } else { speakers },
            leaving: Vec::new(),
            slots: Vec::new(),
            rooms: Vec::new(),
        });
        if self.keeping.stuck {
            self.give_up_answers();
        }
    }

    /// What was freed may be used again once no output is left to name it; who was let go is closed behind the goodbye.
    #[inline]
    pub(super) fn end_turn(&mut self) {
        // Each poll comes by here.
        if !self.keeping.leaving.is_empty() || self.conns.has_leaving() || self.chat.has_leaving() {
            self.settle_leaving();
        }
    }

    #[cold]
    fn settle_leaving(&mut self) {
        let leaving = mem::take(&mut self.keeping.leaving);
        let shows_first = !self.keeping.holds();
        match self.keeping.held.back_mut().filter(|_| !shows_first) {
            Some(held) => {
                held.leaving.extend(leaving);
                held.slots.append(&mut self.conns.take_leaving());
                held.rooms.append(&mut self.chat.take_leaving());
            }
            None => {
                self.conns.end_turn();
                self.chat.end_turn();
                self.let_go(leaving);
            }
        }
    }

    /// All batches up to this one are stored.
    pub(super) fn stored(&mut self, batch: u64) {
        self.keeping.stored = self.keeping.stored.max(batch.min(self.keeping.emitted));
        let stored = self.keeping.stored;
        while self.keeping.held.front().is_some_and(|held| held.batch <= stored) {
            let held = self.keeping.held.pop_front().expect("there is one");
            self.keeping.bytes -= held.bytes;
            self.keeping.output -= held.output;
            if let Some(sealed) = held.sealed {
                self.release(sealed);
            }
            self.let_go(held.leaving);
            self.conns.free(held.slots);
            self.chat.free(held.rooms);
        }
        let oldest = self.keeping.held.front().map(|held| held.since);
        let was_stuck = self.keeping.stuck;
        self.keeping.stuck = oldest.is_some_and(|since| since.after(PATIENCE) <= self.mono);
        if was_stuck && !self.keeping.stuck {
            self.actions.push_back(Action::Report(Report::Store { stuck: false }));
        }
        self.go_on_with_lines();
    }

    /// The goodbyes of these are released.
    fn let_go(&mut self, leaving: Vec<u32>) {
        for slot in leaving {
            let now = self.mono;
            let Some(conn) = self.conns.find(slot) else { continue };
            let flushed = conn.queue.is_empty() && !conn.queue.is_writing();
            let linger = self.closing_linger(flushed);
            let conn = self.conns.get_mut(slot);
            if let Phase::Closing(closing) = &mut conn.phase
                && mem::take(&mut closing.held)
            {
                closing.until = now.after(linger).min(closing.latest);
                self.attend(slot);
                self.rearm(slot);
            }
        }
    }

    /// Lets those go on whose lines had to wait.
    fn go_on_with_lines(&mut self) {
        if self.keeping.blocks() {
            return;
        }
        for slot in mem::take(&mut self.keeping.waiting) {
            if self.conns.find(slot).is_some() {
                self.resume(slot);
                self.rearm(slot);
            }
        }
    }

    /// A connection that is gone waits for nothing.
    pub(super) fn forget_waiting(&mut self, slot: u32) {
        // Nearly always nobody does.
        self.keeping.waiting.retain(|&waiting| waiting != slot);
    }

    /// Lets a connection's lines wait until less is held back.
    pub(super) fn wait_for_store(&mut self, slot: u32) {
        self.keeping.waiting.push(slot);
    }

    /// The oldest batch has waited for too long.
    pub(super) fn store_is_stuck(&mut self) {
        self.keeping.stuck = true;
        self.actions.push_back(Action::Report(Report::Store { stuck: true }));
        self.give_up_answers();
        self.go_on_with_lines();
    }

    /// Whoever waits for a long answer in a turn that is held back is told that it does not come.
    fn give_up_answers(&mut self) {
        let mut askers = Vec::new();
        for sealed in self.keeping.held.iter_mut().filter_map(|held| held.sealed.as_mut()) {
            sealed.parcels.retain(|(user, parcel)| {
                let is_answer = matches!(parcel, Parcel::Answer(_));
                if is_answer {
                    askers.push(user.0);
                }
                !is_answer
            });
        }
        askers.sort_unstable();
        for slot in askers {
            if self.conns.find(slot).is_some_and(|conn| mem::take(&mut conn.asked)) {
                self.refuse_line(slot, &NotTaken::NotNow);
                // Its lines go on, but not in the middle of this.
                self.conns.get_mut(slot).resume_at = self.mono.into();
                self.rearm(slot);
            }
        }
    }

    /// Whether a command is taken just now, or, without one, any other line.
    #[inline]
    pub(super) fn takes_now(&self, command: Option<&Command<'_>>) -> Result<(), NotTaken> {
        if self.keeping.stuck { self.takes_while_stuck(command) } else { Ok(()) }
    }

    #[cold]
    fn takes_while_stuck(&self, command: Option<&Command<'_>>) -> Result<(), NotTaken> {
        let keeping = &self.keeping;
        if matches!(command, Some(Command::Quit(_))) {
            return Ok(());
        }
        if !keeping.is_full() && !keeping.holds() {
            return Ok(());
        }
        let is_for_room = match command {
            Some(Command::Say(_) | Command::Act(_) | Command::SetTopic(_)) => true,
            Some(Command::Message { to, .. }) => to.starts_with('#'),
            _ => false,
        };
        Err(if is_for_room { NotTaken::NotDelivered } else { NotTaken::NotNow })
    }

    /// Tells somebody so, before all that is held back.
    pub(super) fn refuse_line(&mut self, slot: u32, why: &NotTaken) {
        self.tell_at_once(slot, |out| match why {
            NotTaken::NotDelivered => plain::not_delivered(out),
            NotTaken::NotNow => plain::not_now(out),
        });
    }

    /// Tells somebody something that nothing has to come before. All that strangers are told is told so: it is of no room,
    /// and a turn that is held back would keep them, and their slots, for as long as the store likes.
    pub(super) fn tell_at_once(&mut self, slot: u32, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut text = Vec::new();
        encode(&mut text);
        if text.is_empty() {
            return;
        }
        let piece = self.segments.insert(text);
        self.drained = false;
        self.deliver(slot, piece);
    }

    /// How long a closing connection may stand still.
    pub(super) fn closing_linger(&self, flushed: bool) -> Duration {
        if self.ending && flushed { deadlines::SHUTDOWN_LINGER } else { deadlines::LINGER }
    }

    /// Panics if the books contradict each other.
    pub(super) fn check_keeping(&self) {
        let bytes: usize = self.keeping.held.iter().map(|held| held.bytes).sum();
        assert_eq!(bytes, self.keeping.bytes);
        let batches: Vec<u64> = self.keeping.held.iter().map(|held| held.batch).collect();
        assert!(batches.is_sorted(), "turns are released in their order");
        assert!(batches.first().is_none_or(|&first| first > self.keeping.stored), "what is stored is shown");
    }
}

impl Sealed {
    /// All that it is for somebody.
    fn pieces(&self) -> impl Iterator<Item = Piece> {
        let shared = self.shared.iter().map(|&(_, piece)| piece);
        let own = self.parcels.iter().filter_map(|(_, parcel)| match parcel {
            Parcel::Piece(piece) => Some(*piece),
            Parcel::Answer(_) => None,
        });
        shared.chain(own)
    }
}
