//! How connections end.

use chat_core::Reason;

use super::peer::{Closing, Phase, later};
use super::{Mark, Model, deadlines, wire};

impl Model {
    /// The server ends.
    pub(in crate::oracle) fn shutdown(&mut self, now: chat_core::Now) {
        self.observe(now);
        if self.ending {
            return;
        }
        self.seal_turn();
        self.ending = true;
        self.rooms.clear();
        self.openings.clear();
        if !self.held.is_empty() {
            self.marks.set(Mark::ShutdownWithHeldTurns);
        }
        self.history.clear();
        let latest = later(self.now, deadlines::SHUTDOWN);
        for slot in self.peers.keys().copied().collect::<Vec<_>>() {
            let peer = self.peer(slot);
            (peer.user, peer.opening) = (None, false);
            if peer.debt() > 0 {
                self.marks.set(Mark::ShutdownWithBacklog);
            }
            match self.peer(slot).phase {
                Phase::Handshaking { .. } => self.drop_now(slot, Reason::ShuttingDown),
                Phase::Registering(_) | Phase::Chatting => self.close(slot, Reason::ShuttingDown),
                Phase::Closing(_) | Phase::Dropped { .. } => {}
            }
            if let Phase::Closing(closing) = &mut self.peer(slot).phase {
                closing.latest = closing.latest.min(latest);
                closing.until = closing.until.min(closing.latest);
            }
        }
    }

    /// Politely: it leaves, is told why, and gets what it is owed.
    pub(super) fn close(&mut self, slot: u32, reason: Reason) {
        self.leave_everything(slot, &reason.to_string());
        self.end_answer(slot);
        if let Some(goodbye) = wire::goodbye(reason) {
            if self.is_told_in_turns(slot) {
                self.tell(slot, goodbye);
            } else {
                self.tell_at_once(slot, goodbye);
            }
        }
        if self.peer(slot).debt() > 0 {
            self.marks.set(Mark::CloseWithBacklog);
        }
        if reason == Reason::RegistrationTimeout {
            self.marks.set(Mark::RegistrationTimeout);
        }
        self.begin_closing(slot, reason, false);
    }

    /// It has fallen too far behind: all that no write has taken up is dropped, but for the reason.
    pub(super) fn cut_off(&mut self, slot: u32, reason: Reason) {
        self.leave_everything(slot, &reason.to_string());
        self.end_answer(slot);
        self.peer(slot).forget_owed();
        if let Some(goodbye) = wire::goodbye(reason) {
            self.peer(slot).owed.push(&wire::line(goodbye));
        }
        self.begin_closing(slot, reason, true);
        self.marks.set(Mark::Eviction);
    }

    /// As it is.
    pub(in crate::oracle) fn drop_now(&mut self, slot: u32, reason: Reason) {
        self.leave_everything(slot, &reason.to_string());
        self.end_answer(slot);
        let peer = self.peer(slot);
        if let Phase::Dropped { .. } = peer.phase {
            return;
        }
        peer.forget_owed();
        peer.writing = 0;
        peer.held.clear();
        peer.partial.clear();
        peer.phase = Phase::Dropped { reason, told: false };
    }

    /// Whether its goodbye has its place in the turn: strangers are owed nothing by turns, and while the store is stuck,
    /// nobody waits for that.
    fn is_told_in_turns(&mut self, slot: u32) -> bool {
        let stuck = self.stuck && self.stores_first();
        self.peer(slot).registered && !stuck
    }

    fn begin_closing(&mut self, slot: u32, reason: Reason, deaf: bool) {
        let (until, latest) = (later(self.now, deadlines::LINGER), later(self.now, deadlines::CLOSING));
        // What it is told last may have to wait; the reason of a cut does not.
        let in_turn = self.is_told_in_turns(slot);
        let waits = self.stores_first() && !deaf && in_turn;
        // What held turns have for it is not for it any more.
        let deaf = deaf || !in_turn;
        let behind = waits.then_some(self.sealed + 1);
        let until = if behind.is_some() { latest } else { until };
        let peer = self.peer(slot);
        peer.held.clear();
        peer.stalled = None;
        peer.phase = Phase::Closing(Closing { reason, until, latest, told: false, deaf, behind });
    }
}
