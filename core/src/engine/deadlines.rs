//! What happens when nothing happens.

use core::time::Duration;

use super::Engine;
use super::conn::{Conn, Phase};
use crate::action::Reason;
use crate::config::Config;
use crate::outbox::Share;
use crate::time::{MaybeMono, Mono};

/// How long the server waits before it speaks first: a client that does is recognised before a byte is sent.
pub(super) const GREETING: Duration = Duration::from_millis(250);
/// How long a transport handshake may take.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many times the registration time-out a connection may take in all, pauses included.
pub(super) const REGISTRATIONS: u32 = 2;
/// How long input that flood control holds back is served after the peer has ended it; and how long a peer that
/// has ended its input, and is still given a long answer, may take none of it.
pub(super) const AFTER_END: Duration = Duration::from_secs(60);
/// How long a closing connection may stand without taking a byte, or without ending its side.
pub(super) const LINGER: Duration = Duration::from_secs(10);
/// How long a connection may take to close in all.
pub(super) const CLOSING: Duration = Duration::from_secs(60);
/// The same when the whole server ends.
pub(super) const SHUTDOWN: Duration = Duration::from_secs(5);
/// How long, then, a connection that has taken everything may leave its side open, as nc does: whoever pressed
/// Ctrl-C is waiting.
pub(super) const SHUTDOWN_LINGER: Duration = Duration::from_secs(1);

/// Why there is a deadline; for traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A transport handshake takes too long.
    Handshake,
    /// A silent client is to be greeted.
    Greeting,
    /// A nickname takes too long.
    Registration,
    /// Flood control lets the next line through.
    Flood,
    /// What flood control holds back of ended input, or the answer to its last line, takes too long.
    EndOfInput,
    /// A reader has owed too much for too long.
    Stall,
    /// A user has been silent for too long.
    Idle,
    /// A closing connection takes too long.
    Closing,
    /// More output is retained than memory allows.
    Memory,
    /// A reader has taken what was given of a long answer.
    Answer,
    /// What did not fit into the turn before is to be served.
    Turn,
    /// The store takes too long to store something.
    Store,
    /// The store takes too long to look something up.
    LookUp,
}

impl Engine {
    /// The one next deadline, and why it is there. Any other call may change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Mono, Timer)> {
        if self.is_memory_due() {
            return Some((self.clock.mono(), Timer::Memory));
        }
        if !self.answers_due.is_empty() {
            return Some((self.clock.mono(), Timer::Answer));
        }
        if self.has_postponed() {
            return Some((self.clock.mono(), Timer::Turn));
        }
        // Nothing more of what is due may fit into this turn.
        let fits = |&(at, _): &(Mono, Timer)| at > self.mono || !self.turn.is_full_of(Share::Due);
        self.first_deadline().filter(fits).map(|(at, timer)| (self.clock.when(at), timer))
    }

    /// The first deadline of the store or of a connection, in the engine's own time.
    pub(super) fn first_deadline(&self) -> Option<(Mono, Timer)> {
        let of_conns = self.timers.first();
        let of_conns = of_conns.and_then(|&(_, slot)| next_deadline(self.conns.get(slot), &self.config));
        match (self.store_deadline(), of_conns) {
            (Some(store), Some(conn)) if conn.0 < store.0 => Some(conn),
            (store, conn) => store.or(conn),
        }
    }

    /// Does what is due. Deadlines come before the limit of memory: who has to go anyway goes for its own reason, and
    /// perhaps nobody else has to. What is given of long answers comes behind that, when it is known what memory there is, and
    /// last what did not fit into the turn before.
    pub(super) fn expire(&mut self) {
        self.turn.set_share(Share::Due);
        self.expire_due();
        self.turn.set_share(Share::Postponed);
        self.go_on_with_postponed();
        self.turn.set_share(Share::Fresh);
    }

    fn expire_due(&mut self) {
        let memory_is_due = self.is_memory_due();
        self.go_on_with_bans();
        self.expire_store();
        while let Some(&(at, slot)) = self.timers.first()
            && at <= self.mono
            && !self.turn.is_full()
        {
            while let Some((at, timer)) = next_deadline(self.conns.get(slot), &self.config)
                && at <= self.mono
            {
                self.expire_one(slot, timer);
            }
            self.rearm(slot);
        }
        if memory_is_due {
            self.save_memory();
        }
        self.go_on_with_answers();
    }

    /// Whether memory is short. What was not offered to its readers yet is held against none of them.
    fn is_memory_due(&self) -> bool {
        self.drained && self.is_out_of_memory()
    }

    fn expire_store(&mut self) {
        while let Some((at, timer)) = self.store_deadline()
            && at <= self.mono
        {
            match timer {
                Timer::Store => self.store_is_stuck(),
                _ => self.expire_question(),
            }
        }
    }

    /// The next deadline of the store, which goes before those of connections.
    fn store_deadline(&self) -> Option<(Mono, Timer)> {
        self.keeping.deadline().into_iter().chain(self.questions.deadline()).min()
    }

    fn expire_one(&mut self, slot: u32, timer: Timer) {
        match timer {
            Timer::Handshake => self.give_up_handshake(slot),
            Timer::Greeting => self.greet(slot),
            Timer::Registration => self.close(slot, Reason::RegistrationTimeout),
            Timer::Flood => self.resume(slot),
            Timer::EndOfInput if self.conns.get(slot).held.is_empty() => self.close(slot, Reason::EndOfInput),
            Timer::EndOfInput => self.close(slot, Reason::EndOfInputTimeout),
            Timer::Stall => self.cut_off(slot, Reason::TooSlow),
            Timer::Idle => self.close(slot, Reason::Idle),
            Timer::Closing => self.drop_now(slot, Reason::LingerTimeout),
            Timer::LookUp => self.give_up_look_up(slot),
            Timer::Memory | Timer::Answer | Timer::Turn | Timer::Store => {
                unreachable!("no one connection has this deadline")
            }
        }
    }

    /// Whether a connection's next deadline stands in the timer queue, if it has one.
    pub(super) fn is_armed(&self, slot: u32) -> bool {
        let conn = self.conns.get(slot);
        let next = next_deadline(conn, &self.config).map(|(at, _)| at);
        conn.armed == next.into() && next.is_none_or(|at| self.timers.contains(&(at, slot)))
    }

    /// Puts a connection's next deadline into the timer queue.
    pub(super) fn rearm(&mut self, slot: u32) {
        let Some(conn) = self.conns.find(slot) else { return };
        let next = MaybeMono::from(next_deadline(conn, &self.config).map(|(at, _)| at));
        if conn.armed == next {
            return;
        }
        if let Some(at) = conn.armed.get() {
            self.timers.remove(&(at, slot));
        }
        conn.armed = next;
        if let Some(at) = next.get() {
            self.timers.insert((at, slot));
        }
    }
}

/// The first of a connection's deadlines.
fn next_deadline(conn: &Conn, config: &Config) -> Option<(Mono, Timer)> {
    let mut next = None;
    let mut consider = |at: Option<Mono>, timer| {
        if let Some(at) = at
            && next.is_none_or(|first| (at, timer) < first)
        {
            next = Some((at, timer));
        }
    };
    match &conn.phase {
        Phase::Handshaking { until, .. } => consider(Some(*until), Timer::Handshake),
        Phase::Registering(registering) => {
            consider(registering.greeting, Timer::Greeting);
            consider(registering.deadline(), Timer::Registration);
        }
        Phase::Closing(closing) => consider(Some(closing.until), Timer::Closing),
        Phase::Chatting { .. } | Phase::Closed => {}
    }
    let look_up = conn.answering.as_ref().and_then(|answering| answering.look_up);
    consider(look_up.map(|(_, until)| until), Timer::LookUp);
    if conn.is_open() {
        consider(conn.resume_at.get(), Timer::Flood);
        consider(conn.finished.get(), Timer::EndOfInput);
        let stalls = conn.stalled.get().filter(|_| !config.stall.is_zero());
        consider(stalls.map(|since| since.after(config.stall)), Timer::Stall);
        if !config.idle_timeout.is_zero() {
            consider(conn.idle_since().map(|since| since.after(config.idle_timeout)), Timer::Idle);
        }
    }
    next
}
