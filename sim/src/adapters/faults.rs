//! What goes wrong.

use std::time::Duration;

use super::{HOSTS, World};
use crate::plan::Fault;
use crate::seen::Seen;
use crate::store::Store;
use crate::transcript::Transcript;

/// By how many seconds the wall clock may be off: a century.
const WALL: i64 = 3_155_760_000;

impl World<'_> {
    pub(super) fn strike(&mut self, fault: Fault) {
        let now = self.sim.elapsed();
        self.ground.note_at(now, &Seen::Fault(&format!("{fault:?}")));
        match fault {
            Fault::Hold(client) => self.sim.hold(host_of(client), super::SERVER),
            Fault::Release(client) => self.sim.release(host_of(client), super::SERVER),
            Fault::DeafTo(client) => self.darken(client, true, false),
            Fault::MuteTo(client) => self.darken(client, false, true),
            Fault::SilentDeath(client) => self.darken(client, true, true),
            Fault::Panic(client) => {
                let transcripts = self.ground.transcripts.borrow();
                let open = |seen: &&Transcript| seen.client == client && !seen.cut && !seen.eof;
                if let Some(from) = transcripts.iter().rev().find(open).and_then(|seen| seen.from) {
                    self.ground.wire(from).borrow_mut().bomb = true;
                }
            }
            Fault::AcceptError(times) => {
                self.ground.accept_errors.set(self.ground.accept_errors.get() + times);
            }
            Fault::NoDescriptors(time) => self.ground.no_descriptors_until.set(now + time),
            Fault::WallJump(seconds) => {
                self.ground.wall.set((self.ground.wall.get() + seconds).clamp(-WALL, WALL));
            }
            Fault::Suspend(time) => self.ground.asleep_until.set(now + time),
            Fault::Crash(time) => {
                if self.bounce_at.is_none() {
                    self.sim.crash(super::SERVER);
                    self.ground.handle.take();
                    self.ground.store.borrow_mut().iter_mut().for_each(Store::crash);
                    self.bounce_at = Some(now + time.max(Duration::from_millis(50)));
                }
            }
            Fault::Shutdown => self.shut_down(),
        }
    }

    /// Asks the server to end, if one runs.
    pub(super) fn shut_down(&self) {
        if let Some(handle) = &*self.ground.handle.borrow() {
            handle.shutdown();
        }
    }

    /// What a client's machine sends, or what is sent to it, is lost from now on.
    fn darken(&mut self, client: usize, deaf_to: bool, mute_to: bool) {
        if client.is_multiple_of(HOSTS.len()) {
            return;
        }
        let host = host_of(client);
        if deaf_to {
            self.sim.partition_oneway(host, super::SERVER);
        }
        if mute_to {
            self.sim.partition_oneway(super::SERVER, host);
        }
        self.dark = true;
        let (address, now) = (self.sim.lookup(host), self.sim.elapsed());
        self.ground.dark.borrow_mut().entry(address).or_insert(now);
    }

    /// Whether this client's machine can be reached.
    pub(super) fn is_reachable(&self, client: usize) -> bool {
        let address = self.sim.lookup(host_of(client));
        !self.ground.dark.borrow().contains_key(&address)
    }
}

pub(super) fn host_of(client: usize) -> &'static str {
    HOSTS[client % HOSTS.len()]
}
