//! Sockets made of data. They believe nothing that the engine tells them before they have checked it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use chat_core::{
    Action, Cause, Close, Config, ConnId, Engine, Event, Mono, Now, Reason, Report, RoomRecord, StoreAnswer,
    StoreMode,
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::store::Store;
use crate::terminal::Terminal;

/// Turns at one instant without anything from outside. More, and the engine is wedged.
const TURNS_AT_ONCE: usize = 10_000;

/// An engine, its time, and its peers, by numbers that are used again.
pub(crate) struct Adapter {
    pub(crate) engine: Engine,
    pub(crate) now: Now,
    /// All bytes that each peer was written, by its number.
    pub(crate) heard: Vec<Vec<u8>>,
    pub(crate) store: Store,
    /// Whether nothing may be seen before it is stored.
    store_first: bool,
    memory: usize,
    peers: Vec<Option<Peer>>,
    /// The latest event of every room.
    rooms: BTreeMap<String, RoomRecord>,
}

/// What an adapter knows of one connection that is not gone.
pub(crate) struct Peer {
    /// Whether it takes every write at once, and ends when it sees our end.
    pub(crate) prompt: bool,
    conn: ConnId,
    outstanding: usize,
    reading: bool,
    closed: Option<(Close, Reason)>,
    terminal: Terminal,
}

impl Adapter {
    /// So many peers, of whom nobody is connected.
    pub(crate) fn new(config: Config, peers: usize) -> Self {
        let utc = DateTime::<Utc>::from_timestamp(1_000_000_000, 0).expect("a time");
        let memory = config.memory;
        let store_first = config.store == Some(StoreMode::StoreFirst);
        Self {
            engine: Engine::new(config).expect("a sound configuration"),
            now: Now { mono: Mono(0), utc },
            heard: vec![Vec::new(); peers],
            store: Store::default(),
            store_first,
            memory,
            peers: (0..peers).map(|_| None).collect(),
            rooms: BTreeMap::new(),
        }
    }

    /// A connection on which no text flows yet, if this peer has none.
    pub(crate) fn connect(&mut self, peer: usize, address: IpAddr) {
        if self.peers[peer].is_some() {
            return;
        }
        let conn = self.engine.connect(self.now, address);
        let taken = self.peers.iter().flatten().any(|other| other.conn == conn);
        assert!(!taken, "a connection that is in use is given away again");
        let terminal = Terminal::default();
        let (prompt, reading) = (true, true);
        self.peers[peer] = Some(Peer { prompt, conn, outstanding: 0, reading, closed: None, terminal });
    }

    /// This peer, unless it is gone.
    pub(crate) fn peer(&mut self, peer: usize) -> Option<&mut Peer> {
        self.peers[peer].as_mut()
    }

    /// Tells the engine, unless the peer is gone. Does not drain.
    pub(crate) fn event(&mut self, peer: usize, event: Event<'_>) {
        let Some(Peer { conn, .. }) = self.peers[peer] else { return };
        self.engine.handle(self.now, conn, event);
        if let Event::Disconnected(_) = event {
            self.peers[peer] = None;
        }
    }

    /// The peer takes so many 255ths of its outstanding write.
    pub(crate) fn take(&mut self, peer: usize, part: u8) {
        let Some(state) = &mut self.peers[peer] else { return };
        let count = state.outstanding * usize::from(part) / 255;
        state.outstanding -= count;
        self.event(peer, Event::Wrote(count));
        self.end_if_flushed(peer);
    }

    /// The store says something.
    pub(crate) fn store_says(&mut self, answer: Option<StoreAnswer>) {
        if let Some(answer) = answer {
            self.engine.store_answered(self.now, answer);
        }
    }

    /// The next action, if there is one, is taken and carried out.
    pub(crate) fn act(&mut self) -> bool {
        let Some(action) = self.engine.poll_action() else { return false };
        match action {
            Action::Write { conn, bytes } => self.write(conn, &bytes),
            Action::Reading { conn, enabled } => {
                let peer = self.find(conn);
                assert!(
                    peer.reading != enabled && peer.closed.is_none(),
                    "told once, and not behind a close"
                );
                peer.reading = enabled;
            }
            Action::Close { conn, how, reason } => self.close(conn, how, reason),
            Action::Store(batch) => self.store.store(batch),
            Action::LookUp(look_up) => self.store.look_up(look_up),
            Action::Report(report) => self.note(report),
        }
        if !self.store.slow {
            while let Some(answer) = self.store.answer_next() {
                self.store_says(Some(answer));
            }
        }
        true
    }

    /// Takes all actions that there are now; says whether there were any.
    pub(crate) fn drain(&mut self) -> bool {
        (0..TURNS_AT_ONCE).find(|_| !self.act()).expect("a drain ends") > 0
    }

    /// Takes all actions, and those that what is due at once brings, until the engine only waits.
    pub(crate) fn settle(&mut self) {
        for _ in 0..TURNS_AT_ONCE {
            let drained = self.drain();
            let dropped = self.drop_closed();
            let due = self.engine.poll_timeout().is_some_and(|(at, _)| at <= self.now.mono);
            if due {
                self.engine.handle_timeout(self.now);
            } else if !drained && !dropped {
                return self.check_settled();
            }
        }
        panic!("the engine is wedged: {:?} at {:?}", self.engine.poll_timeout(), self.now);
    }

    /// Lets time pass, and does what falls due on the way at its time.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end =
            Mono(self.now.mono.0.saturating_add(u64::try_from(by.as_nanos()).expect("less than centuries")));
        for _ in 0..TURNS_AT_ONCE {
            self.settle();
            match self.engine.poll_timeout() {
                Some((at, _)) if at <= end => self.skip(at.since(self.now.mono)),
                _ => return self.skip(end.since(self.now.mono)),
            }
        }
        panic!("the engine is wedged: {:?} at {:?}", self.engine.poll_timeout(), self.now);
    }

    /// Lets time pass, and does nothing.
    pub(crate) fn skip(&mut self, by: Duration) {
        self.now.mono =
            Mono(self.now.mono.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)));
        self.jump(TimeDelta::from_std(by).unwrap_or_default());
    }

    /// The wall clock jumps.
    pub(crate) fn jump(&mut self, by: TimeDelta) {
        self.now.utc = self.now.utc.checked_add_signed(by).unwrap_or(self.now.utc);
    }

    /// Ends it all, and checks that nothing is left.
    pub(crate) fn end(&mut self) {
        self.settle();
        self.engine.shutdown(self.now);
        self.advance(Duration::from_secs(60));
        let answer = self.store.stored_all();
        self.store_says(Some(answer));
        self.settle();
        assert!(self.peers.iter().all(Option::is_none), "everybody is gone a minute after a shutdown");
        let left = self.engine.footprint();
        assert_eq!(left, Default::default(), "nothing is left");
        assert_eq!(self.engine.poll_timeout(), None, "nothing is waited for");
    }

    fn write(&mut self, conn: ConnId, bytes: &[u8]) {
        let number = self.number(conn);
        self.heard[number].extend_from_slice(bytes);
        let peer = self.find(conn);
        assert!(peer.outstanding == 0, "one outstanding write at most");
        assert!(!bytes.is_empty() && peer.closed.is_none(), "no write of nothing, and none behind a close");
        peer.outstanding = bytes.len();
        peer.terminal.take(bytes);
        self.be_prompt(conn);
    }

    fn close(&mut self, conn: ConnId, how: Close, reason: Reason) {
        let peer = self.find(conn);
        let before = peer.closed.replace((how, reason));
        let first = before.is_none_or(|(before, _)| before == Close::AfterFlush && how == Close::Now);
        assert!(first, "closed once");
        if how == Close::AfterFlush {
            assert!(peer.terminal.is_at_line_start(), "whoever is let go has whole lines");
            assert_eq!(
                peer.terminal.is_http(),
                reason == Reason::Http,
                "browsers are sent away, and only they"
            );
        }
        self.be_prompt(conn);
    }

    /// A prompt peer takes what it was written, and ends.
    fn be_prompt(&mut self, conn: ConnId) {
        let peer = self.number(conn);
        if self.peers[peer].as_ref().is_some_and(|state| state.prompt) {
            self.take(peer, 255);
        }
    }

    fn end_if_flushed(&mut self, peer: usize) {
        let ended = |peer: &Peer| peer.prompt && peer.outstanding == 0 && peer.closed.is_some();
        if self.peers[peer].as_ref().is_some_and(ended) {
            self.event(peer, Event::Disconnected(Cause::Closed));
        }
    }

    /// Drops those who are to be dropped; says whether there were any.
    fn drop_closed(&mut self) -> bool {
        let to_drop = |peer: &Peer| peer.closed.is_some_and(|(how, _)| how == Close::Now);
        let closed: Vec<_> =
            (0..self.peers.len()).filter(|&peer| self.peers[peer].as_ref().is_some_and(to_drop)).collect();
        closed.iter().for_each(|&peer| self.event(peer, Event::Disconnected(Cause::Closed)));
        !closed.is_empty()
    }

    /// What is reported of a room is one sequence, whose stamps do not go back. A room that is made anew begins anew.
    fn note(&mut self, report: Report) {
        let Report::Room(record) = report else { return };
        assert!(!self.store_first || self.store.is_stored(&record), "{record:?} is seen before it is stored");
        if let Some(before) = self.rooms.get(&*record.key) {
            let next = record.seq == 1 || record.seq == before.seq + 1;
            assert!(next && record.at >= before.at, "{before:?}, then {record:?}");
        }
        self.rooms.insert(record.key.to_string(), record);
    }

    fn check_settled(&self) {
        let left = self.engine.footprint();
        let connected = self.peers.iter().flatten().count();
        assert_eq!((self.engine.connections(), left.connections), (connected, connected));
        assert!(self.memory == 0 || left.output <= self.memory, "{left:?} is more than {}", self.memory);
    }

    fn number(&self, conn: ConnId) -> usize {
        let known = |peer: &Option<Peer>| peer.as_ref().is_some_and(|peer| peer.conn == conn);
        self.peers.iter().position(known).expect("nothing is asked of a connection that is gone")
    }

    fn find(&mut self, conn: ConnId) -> &mut Peer {
        let peer = self.number(conn);
        self.peers[peer].as_mut().expect("it was found")
    }
}
