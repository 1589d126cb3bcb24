//! G5: what is retained has limits, and whoever is cut off for them had to be.

use std::cmp::Reverse;

use chat_core::{Engine, Reason};

use super::model::{Peer, slot_of};
use super::{Mark, Oracle, Promise};

impl Oracle {
    /// Those that the engine has just dropped because memory was short: whom, is its own to say.
    pub(super) fn drop_for_memory(&mut self, engine: &Engine) {
        let dropped = |conn| !engine.is_served(conn);
        let debtors = self.model.peers.values().filter(|peer| !peer.is_dropped() && dropped(peer.conn));
        let mut debtors: Vec<_> = debtors.map(|peer| (peer.debt(), slot_of(peer.conn))).collect();
        // Those furthest behind go first.
        debtors.sort_unstable_by_key(|&(debt, slot)| (Reverse(debt), slot));
        self.check_spared(debtors.last().map(|&(debt, _)| debt), engine);
        for (_, slot) in debtors {
            self.model.make_room();
            self.model.drop_now(slot, Reason::OutOfMemory);
            self.marks.set(Mark::MemoryEviction);
            if self.output <= self.memory {
                let how = format!("dropped for memory, with {} bytes retained", self.output);
                self.accuse(Promise::Bounded, how);
            }
        }
    }

    /// A turn has in it what it should, which has a limit.
    pub(super) fn check_turn(&mut self, found: usize) {
        let expected = self.model.turn_text();
        if found != expected {
            let how = format!("{found} bytes in the turn under way, and it should be {expected}");
            self.accuse(Promise::Bounded, how);
        }
    }

    /// What is held back counts for as much as it is, more or less: the model does not share what is said to many.
    fn check_held(&self, held: usize) -> Result<(), (Promise, String)> {
        let (least, most) = self.model.kept_back();
        if held < least || held > most {
            let how = format!("{held} bytes held back, and it should be {least} to {most}");
            return Err((Promise::Bounded, how));
        }
        Ok(())
    }

    /// Of nobody more input is retained than must be.
    fn check_input(&self, engine: &Engine) -> Result<(), (Promise, String)> {
        for conn in engine.state().conns {
            let most = self.model.peers[&slot_of(conn.conn)].most_input();
            if conn.held > most {
                return Err((
                    Promise::Bounded,
                    format!("{conn:?}, of which {most} bytes at most may be held"),
                ));
            }
        }
        Ok(())
    }

    /// Whoever was spared when others were dropped for memory owes no more than the least of these.
    fn check_spared(&mut self, least: Option<usize>, engine: &Engine) {
        let served = |peer: &&Peer| !peer.is_dropped() && engine.is_served(peer.conn);
        let spared = self.model.peers.values().filter(served).map(Peer::debt).max().unwrap_or(0);
        let Some(least) = least else { return };
        if spared > least {
            let how = format!("dropped for memory with {least} bytes owed, and one with {spared} was spared");
            self.accuse(Promise::Bounded, how);
        } else if spared > 0 {
            self.marks.set(Mark::SparedReader);
        }
    }

    pub(super) fn check_footprint(&mut self, engine: &Engine) -> Result<(), (Promise, String)> {
        let found = engine.footprint();
        self.output = found.output;
        let (users, rooms, history) = self.model.sizes();
        let expected = (self.model.peers.len(), users, rooms, history);
        if (found.connections, found.users, found.rooms, found.history) != expected {
            return Err((Promise::NoGhosts, format!("{found:?}, expected {expected:?}")));
        }
        let owed: usize = self.model.peers.values().map(Peer::debt).sum();
        let short = self.memory != 0 && found.output > self.memory;
        if short != self.short || found.turn != 0 || (owed == 0 && found.output != 0) {
            return Err((Promise::Bounded, format!("{found:?}, with {owed} bytes owed")));
        }
        self.check_held(found.held)?;
        if self.recount {
            engine.check();
            return self.check_input(engine);
        }
        Ok(())
    }
}
