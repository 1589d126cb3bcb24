//! From a sealed turn to writes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::Engine;
use super::conn::{Answering, Conn, Phase};
use crate::action::{Action, Close};
use crate::chat::{Answer, Notice, Tell, UserId};
use crate::event::ConnId;
use crate::outbox::{Parcel, Piece, Sealed, Segments};
use crate::plain;
use crate::store::{Found, LookUpError};
use crate::time::{MaybeMono, Mono};

/// The golden ratio, of 2^32: multiples of it fall evenly into the gaps between those before.
const GOLDEN: u32 = 0x9e37_79b9;

/// Long answers that go on in one turn: with 16 KiB for each, about a megabyte, which is written in a millisecond.
const ANSWERS_PER_TURN: usize = 64;

impl Engine {
    pub(super) fn next_action(&mut self) -> Option<Action> {
        if !self.refused.is_empty() {
            self.settle_refused();
        }
        self.seal();
        while let Some(action) = self.actions.pop_front() {
            if !self.is_obsolete(&action) {
                return Some(action);
            }
        }
        while let Some(slot) = self.attention.pop_front() {
            let action = self.serve_attention(slot);
            if action.is_some() {
                return action;
            }
        }
        self.drained = true;
        None
    }

    /// Whether an action is for a connection that is gone.
    fn is_obsolete(&self, action: &Action) -> bool {
        match action {
            Action::Write { conn, .. } | Action::Reading { conn, .. } | Action::Close { conn, .. } => {
                !self.conns.is_known(*conn)
            }
            Action::Store(_) | Action::LookUp(_) | Action::Report(_) => false,
        }
    }

    /// Seals the turn under way, and releases it, unless it has to be stored first.
    #[inline] // Each poll asks.
    pub(super) fn seal(&mut self) {
        if !self.turn.is_empty() {
            if self.drained {
                self.save_memory();
            }
            self.seal_turn();
        }
        self.end_turn();
    }

    /// Begins a new turn, if this one has made as much as it may.
    #[inline] // Each event asks.
    pub(super) fn make_room(&mut self) {
        if self.turn.is_full_of(self.turn.share()) {
            self.seal_turn();
            self.end_turn();
        }
    }

    #[inline(never)]
    fn seal_turn(&mut self) {
        if self.turn.is_empty() {
            // Whatever saved memory has sealed it.
            return;
        }
        let before = self.segments.retained();
        let sealed = self.turn.seal(&self.chat, &mut self.segments);
        self.keep(sealed, self.segments.retained() - before);
    }

    /// Makes a sealed turn visible.
    pub(super) fn release(&mut self, sealed: Sealed) {
        self.drained = false;
        self.actions.extend(sealed.reports.into_iter().map(Action::Report));
        let before = self.attention.len();
        for (user, piece) in sealed.shared {
            self.deliver(user.0, piece);
        }
        self.turn_attention(before);
        for (user, parcel) in sealed.parcels {
            match parcel {
                Parcel::Piece(piece) => self.deliver(user.0, piece),
                Parcel::Answer(rest) => self.begin_answer(user.0, rest),
            }
        }
    }

    pub(super) fn deliver(&mut self, slot: u32, piece: Piece) {
        let Some(conn) = self.conns.find(slot).filter(|conn| conn.hears()) else {
            return self.segments.release(piece);
        };
        match &mut conn.answering {
            Some(answering) => {
                answering.owed += piece.len();
                answering.behind.push(piece);
            }
            None => conn.queue.push(piece),
        }
        self.note_output(slot);
    }

    fn begin_answer(&mut self, slot: u32, rest: Answer) {
        let Some(conn) = self.conns.find(slot) else { return };
        // Otherwise it has left meanwhile.
        if mem::take(&mut conn.asked) {
            let (rest, behind) = (Some(rest), Vec::new());
            conn.answering = Some(Box::new(Answering { rest, behind, owed: 0, due: false, look_up: None }));
            self.note_answer(slot);
        }
    }

    /// Notes that a connection is owed more.
    fn note_output(&mut self, slot: u32) {
        let limit = self.config.backlog;
        let conn = self.conns.get_mut(slot);
        let is_behind = limit != 0 && conn.owed() > limit && !conn.stalled.is_some();
        if is_behind {
            conn.stalled = self.mono.into();
        }
        if !mem::replace(&mut conn.attended, true) {
            self.attention.push_back(slot);
        }
        if is_behind {
            self.rearm(slot);
        }
    }

    /// Lets somebody else be the first of those who are attended to from `before` on. A crowd who never reads is written
    /// to all the same, which takes its time: if it had joined first, everybody else would be last in every turn.
    fn turn_attention(&mut self, before: usize) {
        let hearers = self.attention.len() - before;
        if hearers > 1 {
            self.first = self.first.wrapping_add(GOLDEN);
            let first = (u64::from(self.first) * hearers as u64) >> 32;
            self.attention.make_contiguous()[before..].rotate_left(first as usize);
        }
    }

    /// Puts a connection on the list of those that may need an action.
    pub(super) fn attend(&mut self, slot: u32) {
        let conn = self.conns.get_mut(slot);
        if !mem::replace(&mut conn.attended, true) {
            self.attention.push_back(slot);
        }
    }

    /// What one connection needs next: a pause, a write, a close.
    fn serve_attention(&mut self, slot: u32) -> Option<Action> {
        let id = self.conns.id(slot);
        let conn = self.conns.find(slot)?;
        conn.attended = false;
        if let Phase::Closed = conn.phase {
            return None;
        }
        let action = Self::action_for(conn, id, &mut self.segments, self.mono);
        let paused = matches!(action, Some(Action::Reading { .. }));
        // More than one is rare: after a pause there may be a write, after the last write there is a close.
        if paused || action.is_some() && !conn.is_open() {
            conn.attended = true;
            self.attention.push_front(slot);
        }
        if paused {
            self.rearm(slot);
        }
        action
    }

    fn action_for(conn: &mut Conn, id: ConnId, segments: &mut Segments, now: Mono) -> Option<Action> {
        let reading = conn.wants_input();
        if reading != conn.reading && conn.is_open() {
            conn.reading = reading;
            Self::pause_registration(conn, reading, now);
            return Some(Action::Reading { conn: id, enabled: reading });
        }
        if let Some(bytes) = conn.queue.start_write(segments) {
            return Some(Action::Write { conn: id, bytes });
        }
        let flushed = conn.queue.is_empty() && conn.answering.is_none();
        match &mut conn.phase {
            Phase::Closing(closing) if flushed && !closing.told && !closing.held => {
                closing.told = true;
                Some(Action::Close { conn: id, how: Close::AfterFlush, reason: closing.reason })
            }
            _ => None,
        }
    }

    pub(super) fn wrote(&mut self, slot: u32, count: usize) {
        let conn = self.conns.get_mut(slot);
        if let Phase::Closed = conn.phase {
            return;
        }
        conn.queue.credit(count, &mut self.segments);
        if conn.owed() <= self.config.backlog {
            conn.stalled = MaybeMono::NONE;
        }
        let takes_next = !conn.queue.is_writing() && !conn.queue.is_empty();
        let answers = conn.answering.is_some();
        // Credit moves a deadline, but makes none.
        let is_armed = conn.armed.is_some();
        if takes_next {
            self.attend(slot);
        }
        if answers {
            self.note_answer(slot);
        }
        if is_armed {
            self.extend_closing(slot);
            self.extend_end_of_input(slot);
            self.rearm(slot);
        }
    }

    /// Notes that the reader has taken all of its long answer so far. What follows is for the next turn, so that
    /// readers as fast as the writer do not keep one turn, and everybody else, for as long as they ask.
    fn note_answer(&mut self, slot: u32) {
        let conn = self.conns.get_mut(slot);
        if conn.queue.is_writing() || !conn.queue.is_empty() {
            return;
        }
        if let Some(answering) = &mut conn.answering
            && answering.look_up.is_none()
            && !mem::replace(&mut answering.due, true)
        {
            self.answers_due.push_back(slot);
        }
    }

    /// Goes on with answers that are due, those that have waited longest first.
    pub(super) fn go_on_with_answers(&mut self) {
        for _ in 0..ANSWERS_PER_TURN.min(self.answers_due.len()) {
            let Some(slot) = self.answers_due.pop_front() else { return };
            let Some(conn) = self.conns.find(slot) else { continue };
            let Some(answering) = conn.answering.as_mut().filter(|answering| answering.due) else { continue };
            answering.due = false;
            match answering.rest.take() {
                Some(rest) => self.go_on_with_answer(slot, rest),
                None => {
                    self.end_answer(slot);
                    self.resume(slot);
                }
            }
            self.rearm(slot);
        }
    }

    /// Produces the next part of a long answer. It costs as much as a line that is said.
    fn go_on_with_answer(&mut self, slot: u32, rest: Answer) {
        if let Some(query) = self.chat.query(&rest) {
            let look_up = self.ask_for_reader(slot, query);
            if let Some(answering) = &mut self.conns.get_mut(slot).answering {
                (answering.rest, answering.look_up) = (Some(rest), Some(look_up));
            }
            return;
        }
        let mut part = Part(Vec::new());
        let rest = self.chat.go_on(UserId(slot), rest, &mut part);
        self.give_part(slot, part, rest);
    }

    /// Goes on with an answer for which the store was asked.
    pub(super) fn go_on_with_found(&mut self, slot: u32, found: Result<Found, LookUpError>) {
        let answering = self.conns.find(slot).and_then(|conn| conn.answering.as_mut());
        let Some(answering) = answering else { return };
        answering.look_up = None;
        let Some(rest) = answering.rest.take() else { return };
        let mut part = Part(Vec::new());
        let rest = self.chat.go_on_with(UserId(slot), rest, found, &mut part);
        self.give_part(slot, part, rest);
        self.rearm(slot);
    }

    fn give_part(&mut self, slot: u32, part: Part, rest: Option<Answer>) {
        let conn = self.conns.get_mut(slot);
        if let Some(limit) = self.config.flood {
            conn.bucket.take(limit, self.mono);
        }
        if let Some(answering) = &mut conn.answering {
            answering.rest = rest;
        }
        if part.0.is_empty() {
            self.note_answer(slot);
        } else {
            conn.queue.push(self.segments.insert(part.0));
            self.drained = false;
            self.note_output(slot);
        }
    }

    /// Forgets what is left of a long answer, and lets what came behind it follow.
    pub(super) fn end_answer(&mut self, slot: u32) {
        let conn = self.conns.get_mut(slot);
        conn.asked = false;
        if let Some(answering) = conn.answering.take() {
            if let Some((id, _)) = answering.look_up {
                self.questions.forget(id);
            }
            answering.behind.into_iter().for_each(|piece: Piece| conn.queue.push(piece));
        }
    }
}

/// One part of a long answer.
struct Part(Vec<u8>);

impl Tell for Part {
    fn tell(&mut self, _: UserId, notice: Notice<'_>) {
        plain::notice(&mut self.0, &notice);
    }
}
