//! What does not fit into a turn any more, and is served in the next.

use alloc::collections::{BTreeMap, VecDeque};

use super::Engine;
use crate::event::ConnId;
use crate::outbox::Share;
use crate::time::Mono;

/// What waits for another turn.
#[derive(Debug, Default)]
pub(super) struct Postponed {
    /// Connections with lines that wait. Those who have used least of what flood control gives them come first, and of
    /// these who has waited longest: so whoever says a line now and then never waits for those who flood.
    lines: BTreeMap<(Mono, u64), ConnId>,
    /// How often somebody had to wait.
    count: u64,
    /// Slots that the list of bans has still to be held against.
    bans: VecDeque<u32>,
}

impl Engine {
    /// Lets a connection's lines wait for the next turn.
    pub(super) fn postpone(&mut self, slot: u32) {
        let used = self.conns.get(slot).bucket.full_at(self.mono);
        self.postponed.count += 1;
        self.postponed.lines.insert((used, self.postponed.count), self.conns.id(slot));
    }

    /// Whether something waits that fits into the turn under way.
    pub(super) fn has_postponed(&self) -> bool {
        let Postponed { lines, bans, .. } = &self.postponed;
        (!lines.is_empty() && !self.turn.is_full_of(Share::Postponed))
            || (!bans.is_empty() && !self.turn.is_full_of(Share::Due))
    }

    /// Serves lines that wait, for as long as they fit.
    pub(super) fn go_on_with_postponed(&mut self) {
        for _ in 0..self.postponed.lines.len() {
            if self.turn.is_full() {
                return;
            }
            let Some((_, conn)) = self.postponed.lines.pop_first() else { return };
            if self.conns.is_known(conn) {
                self.resume(conn.slot);
                self.rearm(conn.slot);
            }
        }
    }

    /// Lets go of whoever is banned by now.
    pub(super) fn enforce_bans(&mut self) {
        self.postponed.bans = self.conns.slots().into();
        self.go_on_with_bans();
    }

    /// The same for those who did not fit into the turn before.
    pub(super) fn go_on_with_bans(&mut self) {
        while !self.turn.is_full() {
            let Some(slot) = self.postponed.bans.pop_front() else { return };
            if self.conns.find(slot).is_some() {
                self.enforce_ban(slot);
                self.rearm(slot);
            }
        }
    }
}
