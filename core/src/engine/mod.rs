//! The engine: connection events and time in, actions out.

mod asking;
mod buckets;
mod census;
mod clock;
mod closing;
mod conn;
mod deadlines;
mod entrance;
mod guesses;
mod handshake;
mod held;
mod input;
mod keeping;
mod leave;
mod limits;
mod new_rooms;
mod output;
mod postponed;
mod refusing;
mod state;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;

pub use census::Census;
use chrono::{DateTime, Utc};
use conn::{Conn, Conns, Phase, Standing};
pub use deadlines::Timer;
pub use entrance::Attempt;
pub use limits::Footprint;
pub use state::{ConnState, RoomState, Stage, State};

use crate::action::{Action, Reason};
use crate::addresses::Addresses;
use crate::chat::{Chat, Name, UserId};
use crate::config::{Config, ConfigError};
use crate::event::{Cause, ConnId, Event};
use crate::flood::Rate;
use crate::outbox::{Segments, Share, Turn};
use crate::store::StoreAnswer;
use crate::time::{Mono, Now};

/// A chat server without its sockets and clocks.
///
/// Adapters call [`connect`](Self::connect) at accept, then [`handle`](Self::handle) for what happens to the
/// connection; after some events they take [`poll_action`](Self::poll_action) until it has no more, and they
/// call [`handle_timeout`](Self::handle_timeout) when the deadline of [`poll_timeout`](Self::poll_timeout) has
/// come. Any order of these calls is legal. Late draining costs memory only.
///
/// All state is plain data that the engine owns. The same configuration and the same calls give the same
/// actions, byte for byte.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    chat: Chat,
    conns: Conns,
    turn: Turn,
    segments: Segments,
    limits: limits::Limits,
    /// Actions ready to be taken.
    actions: VecDeque<Action>,
    /// Connections that may need a write, a pause or a close.
    attention: VecDeque<u32>,
    /// Who of the hearers of a turn is attended to first, as a fraction of them in 2^32.
    first: u32,
    /// Connections that have taken all of a long answer so far.
    answers_due: VecDeque<u32>,
    postponed: postponed::Postponed,
    /// Connections whose nickname or password was refused in this turn, and why they are to be closed if they are.
    refused: Vec<(u32, Reason)>,
    secrets: entrance::Secrets,
    keeping: keeping::Keeping,
    questions: asking::Questions,
    /// The next deadline of every connection that has one.
    timers: BTreeSet<(Mono, u32)>,
    /// Whether all actions were taken since the last turn was released.
    drained: bool,
    ending: bool,
    poisoned: bool,
    clock: clock::Clock,
    /// The engine's own time, by that clock: deadlines are kept in it.
    mono: Mono,
    /// The stamp of what happens now, by that clock.
    stamp: DateTime<Utc>,
}

impl Engine {
    /// An engine without connections.
    ///
    /// # Errors
    /// When limits contradict each other.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check_words()?;
        let lobby = match &config.lobby {
            None => None,
            Some(lobby) => Some(Name::room(lobby).ok_or_else(|| ConfigError::Lobby(lobby.clone()))?),
        };
        if config.flood.is_some_and(|limit| !Rate::from(limit).is_sound()) {
            return Err(ConfigError::Flood);
        }
        if config.connect_rate.is_some_and(|limit| !Rate::from(limit).is_sound()) {
            return Err(ConfigError::ConnectRate);
        }
        if config.room_rate.is_some_and(|limit| !Rate::from(limit).is_sound()) {
            return Err(ConfigError::RoomRate);
        }
        if config.memory != 0 && config.memory < config.backlog {
            return Err(ConfigError::MemoryBelowBacklog);
        }
        Ok(Self {
            chat: Chat::new(&config, lobby),
            conns: Conns::default(),
            turn: Turn::new(config.turn, config.report_messages, config.store.is_some()),
            segments: Segments::default(),
            limits: limits::Limits::default(),
            actions: VecDeque::new(),
            attention: VecDeque::new(),
            first: 0,
            answers_due: VecDeque::new(),
            postponed: postponed::Postponed::default(),
            refused: Vec::new(),
            secrets: entrance::Secrets::default(),
            keeping: keeping::Keeping::new(&config),
            questions: asking::Questions::default(),
            timers: BTreeSet::new(),
            drained: true,
            ending: false,
            poisoned: false,
            clock: clock::Clock::default(),
            mono: Mono::default(),
            stamp: DateTime::<Utc>::MIN_UTC,
            config,
        })
    }

    /// A connection was accepted from `peer`. Limits count from here; one that is over them is told so when it would be
    /// greeted, or as soon as it speaks, and closed.
    pub fn connect(&mut self, now: Now, peer: IpAddr) -> ConnId {
        self.guarded(now, |engine| {
            let over = engine.admit(peer);
            let phase =
                Phase::Handshaking { until: engine.mono.after(deadlines::HANDSHAKE), over, begun: false };
            let id = engine.conns.insert(Conn::new(phase, peer, Standing::of_newcomer(over)));
            if engine.ending {
                engine.drop_now(id.slot, Reason::ShuttingDown);
            } else {
                engine.drop_surplus(id.slot, over);
            }
            engine.rearm(id.slot);
            id
        })
    }

    /// Something happened to a connection. Ignored for one that the engine has closed.
    ///
    /// # Panics
    /// On an event after [`Disconnected`](Event::Disconnected), and on credit for more than was written: these
    /// are faults of the adapter.
    pub fn handle(&mut self, now: Now, conn: ConnId, event: Event<'_>) {
        let slot = conn.slot;
        assert!(self.conns.is_known(conn), "no event comes after Disconnected");
        self.guarded(now, |engine| {
            match event {
                Event::Opened => engine.opened(slot),
                Event::Forwarded(peer) => engine.forwarded(slot, peer),
                Event::Received(bytes) => engine.received(slot, bytes),
                Event::Wrote(count) => return engine.wrote(slot, count),
                Event::Securing => engine.securing(slot),
                Event::PeerFinished => engine.peer_finished(slot),
                Event::CutShort => engine.cut_short(slot),
                Event::Violated(violation) => engine.violated(slot, violation),
                Event::Disconnected(cause) => return engine.disconnected(slot, cause),
            }
            engine.rearm(slot);
        });
    }

    /// Time has passed. What was due is done; a call without need does nothing.
    pub fn handle_timeout(&mut self, now: Now) {
        self.guarded(now, Self::expire);
    }

    /// The next thing to do. The first call after inputs seals the turn.
    pub fn poll_action(&mut self) -> Option<Action> {
        if self.poisoned {
            return None;
        }
        self.poisoned = true;
        let action = self.next_action();
        self.poisoned = false;
        action
    }

    /// Whether the next [`poll_action`](Self::poll_action) is sure to return something. If it is not, it may still do so.
    ///
    /// For an adapter that makes several writes together: it makes those that it has before it asks for what may not be
    /// there, so that none is left when the turn ends.
    #[must_use]
    pub fn has_action(&self) -> bool {
        self.attention.front().is_some_and(|&slot| self.conns.has_write(slot))
    }

    /// Says goodbye to everybody, and closes every connection when what it is owed has left, in 5 seconds at
    /// most. Connections made from now on are closed at once.
    pub fn shutdown(&mut self, now: Now) {
        self.guarded(now, Self::end);
    }

    /// Replaces the list of those who may not connect. Whoever is on it and connected is told so, and has to leave.
    pub fn ban(&mut self, now: Now, bans: Addresses) {
        self.guarded(now, |engine| {
            engine.config.bans = bans;
            engine.enforce_bans();
        });
    }

    /// The store has answered a [`Store`](Action::Store) or a [`LookUp`](Action::LookUp).
    pub fn store_answered(&mut self, now: Now, answer: StoreAnswer) {
        self.guarded(now, |engine| match answer {
            StoreAnswer::Stored(batch) => engine.stored(batch),
            StoreAnswer::Refused { batch, rooms } => engine.refused(batch, &rooms),
            StoreAnswer::Found { id, found } => engine.looked_up(id, found),
        });
    }

    /// Connections of which no [`Disconnected`](Event::Disconnected) has come yet.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Whether a connection is still served: neither gone, nor to be dropped as it is.
    #[must_use]
    pub fn is_served(&self, conn: ConnId) -> bool {
        self.conns.is_known(conn) && !matches!(self.conns.get(conn.slot).phase, Phase::Closed)
    }

    /// Where a connection comes from: the address it was accepted from, or the one that a proxy spoke for. None, if it is
    /// gone.
    #[must_use]
    pub fn peer(&self, conn: ConnId) -> Option<IpAddr> {
        self.conns.is_known(conn).then(|| self.conns.get(conn.slot).peer)
    }

    /// Whether the turn under way has made as much as it may: lines that come now wait for the next one.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.turn.is_full_of(Share::Fresh) || self.must_drain()
    }

    /// Whether so much came of the ends of connections that an adapter had better drain the engine before it says more.
    /// One more end cannot wait, and would begin a turn behind this one.
    #[must_use]
    pub fn must_drain(&self) -> bool {
        self.turn.is_full_of(Share::Parting)
    }

    /// Whether a panic has unwound while chat state was being changed. Such an engine emits nothing more: its
    /// state may be half-changed, and the server has to end.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Runs what may change chat state, and takes in the time.
    fn guarded<R>(&mut self, now: Now, change: impl FnOnce(&mut Self) -> R) -> R {
        assert!(!self.poisoned, "a poisoned engine serves nobody");
        self.poisoned = true;
        self.forget_secrets();
        if !self.clock.shows(now) {
            self.observe(now);
        }
        let result = change(self);
        self.poisoned = false;
        result
    }

    fn observe(&mut self, now: Now) {
        let due = if self.clock.is_late(now) { self.first_deadline() } else { None };
        if let Some(jump) = self.clock.read(now, due.map(|(at, _)| at)) {
            self.turn.report(jump);
        }
        (self.mono, self.stamp) = (self.clock.own(), self.clock.stamp());
        self.segments.set_time(self.clock.mono());
    }

    fn disconnected(&mut self, slot: u32, cause: Cause) {
        self.turn.set_share(Share::Parting);
        // What came before the end still counts, as far as flood control lets it; answers do not.
        loop {
            if self.waits_for_room(slot) {
                // What it sent behind that was meant for that room.
                break;
            }
            self.end_answer(slot);
            self.resume(slot);
            if !self.conns.get(slot).asked {
                break;
            }
        }
        // A network may take thousands with it at one time, each of them out of fifty rooms.
        self.make_room();
        self.leave_chat(slot, cause);
        self.turn.set_share(Share::Fresh);
        self.end_answer(slot);
        self.forget_waiting(slot);
        self.discharge(slot);
        let mut conn = self.conns.remove(slot);
        conn.queue.clear(&mut self.segments);
        if let Some(at) = conn.armed.get() {
            self.timers.remove(&(at, slot));
        }
    }

    /// Panics if the engine's books contradict each other. For tests and fuzzing: it recounts everything.
    pub fn check(&self) {
        assert!(!self.poisoned, "not poisoned");
        self.chat.check();
        let answering =
            |conn: &Conn| conn.answering.iter().flat_map(|a| a.behind.clone()).collect::<Vec<_>>();
        let held = self.conns.iter().flat_map(|(_, conn)| conn.queue.pieces().chain(answering(conn)));
        let held = held.chain(self.keeping.pieces());
        self.segments.check(held);
        for (slot, conn) in self.conns.iter() {
            assert_eq!(conn.owed(), conn_pieces_owed(conn), "what is owed is what is queued");
            let registered = self.chat.is_registered(UserId(slot));
            assert_eq!(
                registered,
                matches!(conn.phase, Phase::Chatting { .. }),
                "a user chats on a connection"
            );
            assert!(self.is_armed(slot), "the first deadline is queued");
        }
        assert_eq!(self.timers.len(), self.conns.iter().filter(|(_, conn)| conn.armed.is_some()).count());
        self.check_limits();
        self.check_keeping();
        self.check_questions();
    }
}

fn conn_pieces_owed(conn: &Conn) -> usize {
    let behind: usize = conn.answering.iter().flat_map(|a| &a.behind).map(|piece| piece.len()).sum();
    conn.queue.recount() + behind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "every holder is counted once")]
    fn a_check_finds_what_was_lost() {
        let mut engine = Engine::new(Config::default()).unwrap();
        engine.segments.insert("owed to nobody".into());
        engine.check();
    }
}
