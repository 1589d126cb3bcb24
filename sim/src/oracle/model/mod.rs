//! The reference model: what the server owes to whom, worked out as plainly as it can be said.
//!
//! It is told what the engine is told, and knows, byte for byte, what every connection is to get: no sharing,
//! no segments, no queues, no timers kept in order; whoever is owed something is found by looking at everybody.
//! Where the engine is clever the model is slow, and where they differ one of them breaks a promise.
//!
//! | file | what it holds |
//! |---|---|
//! | `peer` | one connection: what it sent, what it is owed, how far it has come |
//! | `framing` | where lines end |
//! | `input` | from bytes to what they ask for |
//! | `names` | which names there can be, which are the same, which look alike |
//! | `chat` | users, rooms, who is told what |
//! | `answer` | long answers, in parts |
//! | `history` | what is kept in memory of what rooms said |
//! | `reading` | `/history`, `/search`, and the last lines for whoever joins |
//! | `limits` | who may not connect |
//! | `guesses` | who may not guess the password |
//! | `turn` | what is seen together, and when |
//! | `keeping` | what is asked of a store, and what happens when it does not answer |
//! | `opening` | who waits for a room that only the store knows |
//! | `ends` | how connections end |
//! | `deadlines` | what is due when |
//! | `clock` | what time it is, for deadlines and on stamps |
//! | `wire` | the words |

mod answer;
mod chat;
mod clock;
mod deadlines;
mod editing;
mod ends;
mod framing;
mod guesses;
mod history;
mod input;
mod keeping;
mod limits;
mod names;
mod opening;
mod peer;
mod reading;
mod turn;
mod wire;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use chat_core::{Cause, Config, ConnId, Event, Now, Reason, Report, Violation};
use chrono::{DateTime, Utc};

use self::chat::Room;
use self::clock::Clock;
use self::guesses::Guesses;
use self::history::History;
use self::keeping::{Asked, Order};
use self::names::Name;
pub(super) use self::peer::Peer;
use self::peer::{Bucket, Phase};
use self::turn::{Held, Share, Turn};
use super::marks::{Mark, Marks};

/// What the server should be like.
#[derive(Debug)]
pub(super) struct Model {
    config: Config,
    /// By slot. Those whose `Disconnected` has come are not in it.
    pub(super) peers: BTreeMap<u32, Peer>,
    /// How often each address has connected of late.
    arrivals: BTreeMap<IpAddr, Bucket>,
    guesses: Guesses,
    /// How many rooms each address has made of late.
    new_rooms: BTreeMap<IpAddr, Bucket>,
    /// By key.
    rooms: BTreeMap<String, Room>,
    /// Keys of rooms that there were.
    rooms_before: BTreeSet<String>,
    history: History,
    /// What the engine has still to report, in order.
    pub(super) reports: VecDeque<Report>,
    /// Whose the joins among them are, in order.
    pub(super) joiners: VecDeque<u32>,
    /// The turn under way.
    turn: Turn,
    /// How many turns were sealed.
    sealed: u64,
    /// Those that nobody may see yet, in order.
    held: VecDeque<Held>,
    /// How much they take, by the engine's own count.
    held_bytes: usize,
    /// The last batch, and the last one that is stored.
    emitted: u64,
    stored_to: u64,
    /// Batches that are not stored, and since when.
    outstanding: VecDeque<(u64, u64)>,
    /// The oldest of them has waited for too long.
    stuck: bool,
    /// What the engine has still to ask of the store.
    orders: VecDeque<Order>,
    /// How many look-ups there were, the last id, and those without an answer.
    questions: u64,
    last_id: u64,
    asked: Vec<Asked>,
    /// Who waits for which room, by its key, with the name as each has written it.
    openings: BTreeMap<String, Vec<(u32, Name)>>,
    /// Lost rooms that are to be asked for again, and when.
    again: VecDeque<(u64, String)>,
    /// Connections whose lines wait until less is held back.
    waiting: Vec<ConnId>,
    /// Who is due to be given the next part of a long answer.
    answers_due: VecDeque<u32>,
    /// What is being served.
    share: Share,
    /// Connections whose lines wait for another turn, each behind when all its tokens would be there.
    postponed: Vec<(u64, ConnId)>,
    /// Slots that have still to be looked up in the list of bans.
    banning: VecDeque<u32>,
    /// Connections whose nickname or password was refused in the turn under way, in order, and what becomes of scripts.
    refused: Vec<(u32, Reason)>,
    /// Who joined which room in the turn under way.
    joined: Vec<(u32, String)>,
    /// Names of users who are gone.
    names_before: BTreeSet<String>,
    ending: bool,
    /// The server's own time in nanoseconds: all deadlines are in it.
    now: u64,
    stamp: DateTime<Utc>,
    clock: Clock,
    pub(super) marks: Marks,
}

impl Model {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            peers: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            guesses: Guesses::default(),
            new_rooms: BTreeMap::new(),
            rooms: BTreeMap::new(),
            rooms_before: BTreeSet::new(),
            history: History::new(config.history),
            reports: VecDeque::new(),
            joiners: VecDeque::new(),
            turn: Turn::default(),
            sealed: 0,
            held: VecDeque::new(),
            held_bytes: 0,
            emitted: 0,
            stored_to: 0,
            outstanding: VecDeque::new(),
            stuck: false,
            orders: VecDeque::new(),
            questions: 0,
            last_id: 0,
            asked: Vec::new(),
            openings: BTreeMap::new(),
            again: VecDeque::new(),
            waiting: Vec::new(),
            answers_due: VecDeque::new(),
            share: Share::Fresh,
            postponed: Vec::new(),
            banning: VecDeque::new(),
            refused: Vec::new(),
            joined: Vec::new(),
            names_before: BTreeSet::new(),
            ending: false,
            now: 0,
            stamp: DateTime::<Utc>::MIN_UTC,
            clock: Clock::default(),
            marks: Marks::default(),
        }
    }

    /// A connection was accepted.
    pub(super) fn connect(&mut self, now: Now, conn: ConnId, address: IpAddr) {
        self.observe(now);
        let over = self.over(address, None);
        let slot = slot_of(conn);
        self.peers.insert(slot, Peer::new(conn, address, over, self.now));
        if self.ending {
            self.drop_now(slot, Reason::ShuttingDown);
        } else {
            self.refuse(slot, over);
        }
    }

    /// Something happened to a connection.
    pub(super) fn handle(&mut self, now: Now, conn: ConnId, event: &Event<'_>) {
        self.observe(now);
        let slot = slot_of(conn);
        match *event {
            Event::Opened => self.opened(slot),
            Event::Forwarded(address) => self.forwarded(slot, address),
            Event::Received(bytes) => self.received(slot, bytes),
            Event::Wrote(count) => self.wrote(slot, count),
            Event::Securing => self.securing(slot),
            Event::PeerFinished => self.peer_finished(slot),
            Event::CutShort => self.cut_short(slot),
            Event::Violated(violation) => self.violated(slot, violation),
            Event::Disconnected(cause) => self.disconnected(slot, cause),
        }
    }

    /// The turn ends: what was said in it is what everybody is now owed.
    pub(super) fn seal(&mut self) {
        self.settle_refused();
        self.seal_turn();
    }

    /// The latest time that it was told.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// How many users there are, how many rooms, and how many bytes of history.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        let users = self.peers.values().filter(|peer| peer.user.is_some()).count();
        (users, self.rooms.len(), self.history.bytes())
    }

    fn opened(&mut self, slot: u32) {
        let timeout = self.config.registration_timeout;
        let until = (!timeout.is_zero()).then(|| self.now + nanos(timeout));
        let latest = until.map(|until| until + nanos(timeout));
        let greeting = self.now + nanos(deadlines::GREETING);
        let owes_password = self.config.password.is_some();
        let peer = self.peer(slot);
        let Phase::Handshaking { over, .. } = peer.phase else { return };
        peer.phase = Phase::registering(greeting, over, until, latest, owes_password);
        // It may have said something, or ended, too early.
        self.resume(slot);
    }

    fn securing(&mut self, slot: u32) {
        let from_now = self.now + nanos(deadlines::HANDSHAKE);
        let phase = &mut self.peer(slot).phase;
        let (until, over) = match phase {
            Phase::Handshaking { until, over, .. } => (*until, *over),
            Phase::Registering(registering) if registering.greeting.is_some() => (from_now, registering.over),
            Phase::Registering(_) => return self.marks.set(Mark::SecuringTooLate),
            _ => return,
        };
        *phase = Phase::Handshaking { until, over, begun: true };
        self.marks.set(Mark::Securing);
        if let Some(reason @ (Reason::ConnectingTooFast | Reason::Banned)) = over {
            self.drop_now(slot, reason);
        }
    }

    fn violated(&mut self, slot: u32, violation: Violation) {
        let reason = match violation {
            Violation::Plaintext => Reason::PlaintextRefused,
            Violation::Garbled => Reason::TransportGarbled,
            Violation::Unforwarded => Reason::Unforwarded,
        };
        let peer = self.peer(slot);
        let peer_chats = peer.user.is_some();
        if peer.is_open() || matches!(peer.phase, Phase::Handshaking { .. }) {
            self.marks.set(if peer_chats { Mark::ViolatedInChat } else { Mark::Violated });
            self.close(slot, reason);
        }
    }

    fn wrote(&mut self, slot: u32, count: usize) {
        let (now, ending, backlog) = (self.now, self.ending, self.config.backlog);
        let peer = self.peer(slot);
        if let Phase::Dropped { .. } = peer.phase {
            return;
        }
        peer.writing -= count;
        let partial = peer.writing > 0;
        if peer.debt() <= backlog {
            peer.stalled = None;
        }
        let flushed = peer.queued() == 0 && peer.writing == 0;
        if let Phase::Closing(closing) = &mut peer.phase
            && closing.behind.is_none()
        {
            let linger = if ending && flushed { deadlines::SHUTDOWN_LINGER } else { deadlines::LINGER };
            closing.until = (now + nanos(linger)).min(closing.latest);
        }
        if peer.held.is_empty()
            && let Some(finished) = &mut peer.finished
        {
            *finished = now + nanos(deadlines::AFTER_END);
        }
        self.note_answer(slot);
        if partial {
            self.marks.set(Mark::PartialWrite);
        }
    }

    fn peer(&mut self, slot: u32) -> &mut Peer {
        self.peers.get_mut(&slot).expect("events are for connections that are not gone")
    }

    fn disconnected(&mut self, slot: u32, cause: Cause) {
        // What had come still counts, as far as flood control lets it; its answers do not.
        self.share = Share::Parting;
        while !self.peer(slot).opening {
            self.end_answer(slot);
            self.resume(slot);
            if self.peer(slot).answer.is_none() {
                break;
            }
        }
        self.make_room();
        self.leave_everything(slot, &cause.to_string());
        self.share = Share::Fresh;
        self.peers.remove(&slot);
    }
}

/// An event of a room, as its members are told of it.
pub(super) fn encoded(record: &chat_core::RoomRecord) -> Vec<u8> {
    wire::line(&wire::event(record))
}

/// What a room of this name is known by, if it is a name.
pub(super) fn room_key(name: &str) -> Option<String> {
    Name::room(name).map(|name| name.key)
}

pub(super) fn slot_of(conn: ConnId) -> u32 {
    u32::try_from(conn.slot()).expect("slots are dense")
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
