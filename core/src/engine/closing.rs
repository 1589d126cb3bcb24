//! Ends of connections.

use alloc::boxed::Box;
use alloc::string::ToString as _;

use super::conn::{Closing, Phase, Standing};
use super::held::Held;
use super::leave::LeaveReason;
use super::{Engine, deadlines};
use crate::action::{Action, Close, Reason};
use crate::chat::UserId;
use crate::plain;
use crate::time::MaybeMono;

impl Engine {
    /// Lets a connection go politely: the user leaves, is told why, and what it is owed is written first.
    pub(super) fn close(&mut self, slot: u32, reason: Reason) {
        self.leave_chat(slot, reason);
        self.end_answer(slot);
        if self.speaks_in_turns(slot) {
            self.turn.write(UserId(slot), |out| plain::notice_of_close(out, reason));
        } else {
            self.tell_at_once(slot, |out| plain::notice_of_close(out, reason));
        }
        self.begin_closing(slot, reason, false);
    }

    /// Whether what a connection is told last is told in its place in the turn. A stranger is owed nothing by turns; and
    /// while the store is stuck, nobody is to wait for a goodbye.
    fn speaks_in_turns(&self, slot: u32) -> bool {
        self.conns.get(slot).standing == Standing::Registered
            && !(self.keeping.holds() && self.keeping.is_stuck())
    }

    /// Lets a reader go that has fallen too far behind: what waits for it is dropped, but for the reason.
    pub(super) fn cut_off(&mut self, slot: u32, reason: Reason) {
        self.leave_chat(slot, reason);
        self.end_answer(slot);
        let mut told = alloc::vec::Vec::new();
        plain::notice_of_close(&mut told, reason);
        let conn = self.conns.get_mut(slot);
        conn.queue.drop_waiting(&mut self.segments);
        conn.queue.push(self.segments.insert(told));
        self.begin_closing(slot, reason, true);
    }

    /// Drops a connection as it is.
    pub(super) fn drop_now(&mut self, slot: u32, reason: Reason) {
        self.leave_chat(slot, reason);
        self.end_answer(slot);
        let id = self.conns.id(slot);
        let conn = self.conns.get_mut(slot);
        if let Phase::Closed = conn.phase {
            return;
        }
        conn.queue.clear(&mut self.segments);
        conn.held = Held::default();
        conn.framer = None;
        conn.phase = Phase::Closed;
        self.actions.push_back(Action::Close { conn: id, how: Close::Now, reason });
        self.rearm(slot);
    }

    /// Takes the user, if there is one, out of the chat.
    pub(super) fn leave_chat(&mut self, slot: u32, reason: impl Into<LeaveReason>) {
        let user = UserId(slot);
        if self.chat.is_registered(user) {
            self.chat.quit(user, &reason.into().to_string(), self.stamp, &mut self.turn);
        }
    }

    /// Ends the server.
    pub(super) fn end(&mut self) {
        if self.ending {
            return;
        }
        // What was said before is still for all.
        self.seal();
        self.ending = true;
        self.chat.clear();
        for slot in self.conns.slots() {
            match self.conns.get(slot).phase {
                Phase::Handshaking { .. } => self.drop_now(slot, Reason::ShuttingDown),
                Phase::Registering(_) | Phase::Chatting { .. } => self.close(slot, Reason::ShuttingDown),
                Phase::Closing(_) | Phase::Closed => {}
            }
            if let Phase::Closing(closing) = &mut self.conns.get_mut(slot).phase {
                closing.latest = closing.latest.min(self.mono.after(deadlines::SHUTDOWN));
                closing.until = closing.until.min(closing.latest);
            }
            self.rearm(slot);
        }
    }

    /// A closing connection that makes progress gets more time.
    pub(super) fn extend_closing(&mut self, slot: u32) {
        let conn = self.conns.get_mut(slot);
        if let Phase::Closing(closing) = &mut conn.phase {
            if closing.held {
                return;
            }
            let flushed = conn.queue.is_empty() && !conn.queue.is_writing();
            let linger = if self.ending && flushed { deadlines::SHUTDOWN_LINGER } else { deadlines::LINGER };
            closing.until = self.mono.after(linger).min(closing.latest);
        }
    }

    /// A peer that has ended its input, and takes the answer to its last line, gets more time.
    pub(super) fn extend_end_of_input(&mut self, slot: u32) {
        let conn = self.conns.get_mut(slot);
        if conn.finished.is_some() && conn.held.is_empty() {
            conn.finished = self.mono.after(deadlines::AFTER_END).into();
        }
    }

    fn begin_closing(&mut self, slot: u32, reason: Reason, deaf: bool) {
        let latest = self.mono.after(deadlines::CLOSING);
        // Its goodbye may have to wait, which is none of its doing; the reason of a cut goes first.
        let in_turn = self.speaks_in_turns(slot);
        let held = self.keeping.holds() && !deaf && in_turn;
        // What turns that are held back have for it would come behind the goodbye.
        let deaf = deaf || !in_turn;
        let until = if held { latest } else { self.mono.after(deadlines::LINGER) };
        if held {
            self.keeping.leaving.push(slot);
        }
        let conn = self.conns.get_mut(slot);
        conn.held = Held::default();
        conn.stalled = MaybeMono::NONE;
        conn.phase = Phase::Closing(Box::new(Closing { reason, until, latest, held, told: false, deaf }));
        self.attend(slot);
    }
}
