//! What is due when.

use std::time::Duration;

use chat_core::{Now, Reason, Timer};

use super::limits::is_in;
use super::peer::{Peer, Phase, later};
use super::turn::Share;
use super::{Mark, Model, wire};

pub(super) const GREETING: Duration = Duration::from_millis(250);
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
pub(super) const AFTER_END: Duration = Duration::from_secs(60);
pub(super) const LINGER: Duration = Duration::from_secs(10);
pub(super) const CLOSING: Duration = Duration::from_secs(60);
pub(super) const SHUTDOWN: Duration = Duration::from_secs(5);
pub(super) const SHUTDOWN_LINGER: Duration = Duration::from_secs(1);

/// Long answers that go on at one time.
const ANSWERS_PER_TURN: usize = 64;

impl Model {
    /// Time has passed: does what is due. Who goes for want of memory, long answers, and what waited for a turn follow.
    pub(in crate::oracle) fn timeout(&mut self, now: Now) {
        self.observe(now);
        self.share = Share::Due;
        self.go_on_with_bans();
        self.expire_store();
        while let Some((at, slot)) = self.next_deadline()
            && at <= self.now
            && !self.turn_is_full()
        {
            // All that is due for one connection, then the next one.
            while let Some((at, timer)) = self.deadline_of(slot, &self.peers[&slot])
                && at <= self.now
            {
                self.expire(slot, timer);
            }
        }
    }

    /// Long answers go on.
    pub(in crate::oracle) fn go_on_with_answers(&mut self) {
        for _ in 0..ANSWERS_PER_TURN.min(self.answers_due.len()) {
            if let Some(slot) = self.answers_due.pop_front() {
                self.go_on_with_answer(slot);
            }
        }
    }

    /// When the engine should next be asked to let time pass, at the latest.
    pub(in crate::oracle) fn deadline(&self) -> Option<u64> {
        if !self.answers_due.is_empty() || !self.postponed.is_empty() || !self.banning.is_empty() {
            return Some(self.by_the_clock(self.now));
        }
        let (own, store) = (self.next_deadline(), self.store_deadline());
        let first = own.map(|(at, _)| at).into_iter().chain(store.map(|(at, _)| at)).min();
        first.map(|at| self.by_the_clock(at))
    }

    /// The first deadline of all; of several at one time, that of the lowest slot.
    pub(super) fn next_deadline(&self) -> Option<(u64, u32)> {
        let deadlines =
            self.peers.iter().filter_map(|(&slot, peer)| Some((self.deadline_of(slot, peer)?.0, slot)));
        deadlines.min()
    }

    fn deadline_of(&self, slot: u32, peer: &Peer) -> Option<(u64, Timer)> {
        let of_phase = match &peer.phase {
            Phase::Handshaking { until, .. } => [Some((*until, Timer::Handshake)), None],
            Phase::Registering(registering) => {
                // What pauses add has a limit.
                let until = if registering.paused.is_some() { registering.latest } else { registering.until };
                let greeting = registering.greeting;
                [greeting.map(|at| (at, Timer::Greeting)), until.map(|at| (at, Timer::Registration))]
            }
            Phase::Closing(closing) => [Some((closing.until, Timer::Closing)), None],
            Phase::Chatting | Phase::Dropped { .. } => [None, None],
        };
        if !peer.is_open() {
            return of_phase.into_iter().flatten().min();
        }
        let stall = self.config.stall;
        let stalled = peer.stalled.filter(|_| !stall.is_zero());
        let idle = self.config.idle_timeout;
        let chatting =
            matches!(peer.phase, Phase::Chatting) && peer.held.is_empty() && peer.finished.is_none();
        let silent = (chatting && !idle.is_zero()).then(|| (later(peer.heard, idle), Timer::Idle));
        let while_open = [
            silent,
            self.reader_deadline(slot).map(|at| (at, Timer::LookUp)),
            peer.resume_at.map(|at| (at, Timer::Flood)),
            peer.finished.map(|at| (at, Timer::EndOfInput)),
            stalled.map(|since| (later(since, stall), Timer::Stall)),
        ];
        of_phase.into_iter().chain(while_open).flatten().min()
    }

    fn expire(&mut self, slot: u32, timer: Timer) {
        match timer {
            Timer::Handshake => {
                self.marks.set(Mark::HandshakeTimeout);
                let peer = self.peer(slot);
                let (address, over) = (peer.address, peer.over());
                let begun = matches!(peer.phase, Phase::Handshaking { begun: true, .. });
                if begun || is_in(&self.config.proxies, address) {
                    self.drop_now(slot, Reason::HandshakeTimeout);
                } else {
                    self.close(slot, over.unwrap_or(Reason::PlaintextRefused));
                }
            }
            Timer::Greeting => {
                let mut owes_password = false;
                if let Phase::Registering(registering) = &mut self.peer(slot).phase {
                    registering.greeting = None;
                    owes_password = registering.owes_password;
                }
                match self.peer(slot).over() {
                    Some(reason) => self.close(slot, reason),
                    None => {
                        let greeting = wire::greeting(self.config.name.as_deref(), owes_password);
                        // A handshake that begins meanwhile would come too late, if this were held back.
                        self.tell_at_once(slot, &greeting);
                    }
                }
            }
            Timer::Registration => self.close(slot, Reason::RegistrationTimeout),
            Timer::Flood => self.resume(slot),
            Timer::EndOfInput if self.peer(slot).held.is_empty() => self.close(slot, Reason::EndOfInput),
            Timer::EndOfInput => self.close(slot, Reason::EndOfInputTimeout),
            Timer::Stall => self.cut_off(slot, Reason::TooSlow),
            Timer::Idle => {
                self.marks.set(Mark::Idle);
                self.close(slot, Reason::Idle);
            }
            Timer::Closing => self.drop_now(slot, Reason::LingerTimeout),
            Timer::LookUp => self.give_up_look_up(slot),
            Timer::Memory | Timer::Answer | Timer::Turn | Timer::Store => {
                unreachable!("these belong to no one connection")
            }
        }
    }

    /// The engine was told to stop or to go on reading: the clock of registration stands still meanwhile.
    pub(in crate::oracle) fn set_reading(&mut self, slot: u32, enabled: bool) {
        let now = self.now;
        let peer = self.peer(slot);
        peer.reading = enabled;
        let Phase::Registering(registering) = &mut peer.phase else { return };
        if !enabled {
            registering.paused.get_or_insert(now);
        } else if let Some(since) = registering.paused.take() {
            registering.until = registering.until.map(|until| until + (now - since)).min(registering.latest);
        }
    }
}
