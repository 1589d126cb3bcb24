//! An adapter made of data: what peers sent goes in, what they would have received is kept.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use chat_core::{Action, Cause, Close, Config, ConnId, Engine, Event, LookUp, Mono, Now, Reason, Report};
use chrono::{DateTime, Utc};

/// What the adapter knows of one connection.
pub(crate) struct Peer {
    pub(crate) id: ConnId,
    /// All bytes that were written to it and credited.
    pub(crate) received: Vec<u8>,
    /// The outstanding write.
    pub(crate) outstanding: Vec<u8>,
    /// Whether the engine wants to hear from it.
    pub(crate) reading: bool,
    /// Whether writes are taken at once.
    pub(crate) takes: bool,
    /// How the engine closed it, the last word counting.
    pub(crate) closed: Option<(Close, Reason)>,
    /// `Disconnected` was reported.
    pub(crate) gone: bool,
    /// Its sending side has ended.
    pub(crate) finished: bool,
}

/// An engine, its time, and its peers.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) now: Now,
    pub(crate) peers: Vec<Peer>,
    pub(crate) actions: Vec<Action>,
    pub(crate) reports: Vec<Report>,
    /// The number of the last batch that is to be stored.
    pub(crate) batch: u64,
    /// What was to be looked up and has no answer yet.
    pub(crate) look_ups: Vec<LookUp>,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let utc = DateTime::<Utc>::from_timestamp(1_000_000_000, 0).unwrap();
        let engine = Engine::new(config).expect("a valid configuration");
        let now = Now { mono: Mono(0), utc };
        let (peers, actions, reports, look_ups) = (vec![], vec![], vec![], vec![]);
        Self { engine, now, peers, actions, reports, batch: 0, look_ups }
    }

    /// A connection that has opened; its index.
    pub(crate) fn connect(&mut self) -> usize {
        self.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    pub(crate) fn connect_from(&mut self, address: IpAddr) -> usize {
        let peer = self.accept(address);
        self.event(peer, Event::Opened);
        peer
    }

    /// A connection on which no text may flow yet.
    pub(crate) fn accept(&mut self, address: IpAddr) -> usize {
        let id = self.engine.connect(self.now, address);
        let (received, outstanding) = (vec![], vec![]);
        let peer = Peer {
            id,
            received,
            outstanding,
            reading: true,
            takes: true,
            closed: None,
            gone: false,
            finished: false,
        };
        self.peers.push(peer);
        self.peers.len() - 1
    }

    /// A user in the lobby, whose transcript is still empty.
    pub(crate) fn user(&mut self, nick: &str) -> usize {
        let peer = self.connect();
        self.send(peer, &format!("{nick}\n"));
        assert!(self.text(peer).starts_with("* welcome"), "{nick} is registered");
        peer
    }

    /// Reports an event, without draining.
    pub(crate) fn event(&mut self, peer: usize, event: Event<'_>) {
        if let Event::Disconnected(_) = event {
            self.peers[peer].gone = true;
        }
        self.engine.handle(self.now, self.peers[peer].id, event);
    }

    /// Receives `text` from a peer as a turn of its own.
    pub(crate) fn send(&mut self, peer: usize, text: &str) {
        self.send_bytes(peer, text.as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, peer: usize, bytes: &[u8]) {
        self.event(peer, Event::Received(bytes));
        self.drain();
    }

    pub(crate) fn finish(&mut self, peer: usize) {
        self.peers[peer].finished = true;
        self.event(peer, Event::PeerFinished);
        self.drain();
    }

    pub(crate) fn disconnect(&mut self, peer: usize, cause: Cause) {
        self.event(peer, Event::Disconnected(cause));
        self.drain();
    }

    /// Lets time pass, doing what falls due on the way at its time.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now.mono.after(by);
        loop {
            self.drain();
            match self.engine.poll_timeout() {
                Some((at, _)) if at <= end => self.move_to(at.max(self.now.mono)),
                _ => break,
            }
            self.engine.handle_timeout(self.now);
        }
        self.move_to(end);
        self.engine.check();
    }

    pub(crate) fn move_to(&mut self, mono: Mono) {
        self.now.utc += mono.since(self.now.mono);
        self.now.mono = mono;
    }

    /// Takes all actions, and those that what is due at once brings; peers that take writes get them at once.
    pub(crate) fn drain(&mut self) {
        loop {
            self.drain_once();
            match self.engine.poll_timeout() {
                Some((at, _)) if at <= self.now.mono => self.engine.handle_timeout(self.now),
                _ => return,
            }
        }
    }

    /// Takes the actions that there are now.
    pub(crate) fn drain_once(&mut self) {
        loop {
            let promised = self.engine.has_action();
            let Some(action) = self.engine.poll_action() else {
                assert!(
                    !promised,
                    "an adapter that trusts this holds writes back that nobody asks for again"
                );
                return;
            };
            self.act(&action);
            self.actions.push(action);
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Write { conn, bytes } => {
                let peer = self.peer(*conn);
                assert!(self.peers[peer].outstanding.is_empty(), "one write at a time");
                assert!(!bytes.is_empty() && self.peers[peer].closed.is_none(), "no write behind a close");
                self.peers[peer].outstanding = bytes.to_vec();
                if self.peers[peer].takes {
                    self.take(peer, usize::MAX);
                }
            }
            Action::Reading { conn, enabled } => {
                let peer = self.peer(*conn);
                assert_ne!(self.peers[peer].reading, *enabled, "told once");
                self.peers[peer].reading = *enabled;
            }
            Action::Close { conn, how, reason } => {
                let peer = self.peer(*conn);
                let before = self.peers[peer].closed.replace((*how, *reason));
                let is_first =
                    before.is_none_or(|(before, _)| before == Close::AfterFlush && *how == Close::Now);
                assert!(is_first, "closed once");
                if *how == Close::Now {
                    self.peers[peer].outstanding.clear();
                    self.event(peer, Event::Disconnected(Cause::Closed));
                } else {
                    self.end_if_flushed(peer);
                }
            }
            Action::Store(batch) => {
                assert_eq!(batch.number, self.batch + 1, "batches are numbered");
                assert!(!batch.events.is_empty(), "and there is something in them");
                self.batch = batch.number;
            }
            Action::LookUp(look_up) => self.look_ups.push(look_up.clone()),
            Action::Report(report) => self.reports.push(report.clone()),
        }
    }

    /// The peer takes up to `count` bytes of its outstanding write.
    pub(crate) fn take(&mut self, peer: usize, count: usize) {
        let count = count.min(self.peers[peer].outstanding.len());
        if count == 0 || self.peers[peer].gone {
            return;
        }
        let taken: Vec<u8> = self.peers[peer].outstanding.drain(..count).collect();
        self.peers[peer].received.extend(taken);
        self.event(peer, Event::Wrote(count));
        self.end_if_flushed(peer);
    }

    /// A polite peer ends when it sees our end.
    fn end_if_flushed(&mut self, peer: usize) {
        let state = &self.peers[peer];
        if state.closed.is_some() && state.outstanding.is_empty() && state.takes && !state.gone {
            self.event(peer, Event::Disconnected(Cause::Closed));
        }
    }

    fn peer(&self, id: ConnId) -> usize {
        self.peers
            .iter()
            .position(|peer| peer.id == id && !peer.gone)
            .expect("an action is for one who is there")
    }

    /// What a peer has received since it was last asked.
    pub(crate) fn text(&mut self, peer: usize) -> String {
        String::from_utf8(std::mem::take(&mut self.peers[peer].received)).expect("only UTF-8 is written")
    }

    /// The same without the stamps.
    pub(crate) fn lines(&mut self, peer: usize) -> Vec<String> {
        let stampless = |line: &str| match line.strip_prefix('[') {
            Some(rest) => rest.split_once("] ").expect("a stamp").1.to_owned(),
            None => line.to_owned(),
        };
        self.text(peer).lines().map(stampless).collect()
    }

    /// How the engine closed a peer.
    pub(crate) fn closed(&self, peer: usize) -> Option<Reason> {
        self.peers[peer].closed.map(|(_, reason)| reason)
    }
}

/// The default, without flood control, and without old lines for newcomers.
pub(crate) fn config() -> Config {
    Config { flood: None, replay: 0, ..Config::default() }
}

/// What was written but for telnet's answers, of three bytes each. No UTF-8 has the first of them in it.
pub(crate) fn without_telnet(bytes: &[u8]) -> Vec<u8> {
    let (mut text, mut answer) = (vec![], 0_usize);
    for &byte in bytes {
        if answer == 0 && byte == 0xff {
            answer = 3;
        }
        if answer == 0 {
            text.push(byte);
        }
        answer = answer.saturating_sub(1);
    }
    text
}
