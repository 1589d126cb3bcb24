//! The adapter made of data: turns, reads, writes, closes. It does as `chat_driver` does.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use chat_core::{Action, Cause, Close, ConnId, Engine, Event, Footprint, Reason, Report, Timer};
use chat_driver::{Input, Observer as _};

use super::link::{Output, Segment, Socket};
use super::{Happening, MONO, TURNS_AT_ONCE, World};
use crate::oracle::{Oracle, Promise};
use crate::plan::Plan;
use crate::seen::Seen;
use crate::store::Store;

/// Writes that are taken from the engine before any of them is made. Rooms here are small, and so is this.
const WRITES: usize = 8;
/// Worlds with at most so many clients and moments have the engine's books recounted after every turn.
const RECOUNTED: (usize, usize) = (8, 250);
/// Where connections come from that come through a proxy.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 255, 0, 1));
/// How often the server looks at a connection that it does not read, in nanoseconds.
pub(super) const LOOK: u64 = 1_000_000_000;
/// In how much time a server must end, and what its last messages may take.
const SHUTDOWN: u64 = 5_000_000_000;

/// A server that runs.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) engine: Engine,
    pub(super) oracle: Oracle,
    /// Connections by slot.
    pub(super) links: Vec<Option<usize>>,
    /// Connections that can go on, in the order of their waking.
    ready: VecDeque<usize>,
    /// Connections that wait to be accepted.
    pub(super) backlog: VecDeque<usize>,
    /// Accepting fails so many times,
    pub(super) accept_errors: u32,
    /// and until then.
    pub(super) accept_after: u64,
    /// It was asked to end, then.
    pub(super) stopping: Option<u64>,
    pub(super) stop_asked: bool,
    /// Nicknames that were registered.
    pub(super) nicks: Vec<String>,
}

impl Server {
    /// One that finds rooms in its store: how far each has come.
    pub(super) fn new(plan: &Plan, heads: BTreeMap<String, u64>) -> Self {
        let mut config = plan.options.config.clone();
        if plan.options.proxied {
            config.proxies = [PROXY..=PROXY].into_iter().collect();
        }
        let small = plan.options.everybody() <= RECOUNTED.0 && plan.moments.len() <= RECOUNTED.1;
        Self {
            engine: Engine::new(config.clone()).expect("plans have sound limits"),
            oracle: Oracle::new(&config, small).after(heads),
            links: Vec::new(),
            ready: VecDeque::new(),
            backlog: VecDeque::new(),
            accept_errors: 0,
            accept_after: 0,
            stopping: None,
            stop_asked: false,
            nicks: Vec::new(),
        }
    }

    fn has_work(&self, now: u64) -> bool {
        let accepts = !self.backlog.is_empty() && self.accept_after <= now;
        let due = self.engine.poll_timeout().is_some_and(|(at, _)| at.0 <= MONO + now);
        accepts || due || !self.ready.is_empty() || (self.stop_asked && self.stopping.is_none())
    }
}

impl World<'_> {
    /// When the engine wants to be told that time has passed.
    pub(super) fn server_deadline(&self) -> Option<u64> {
        let (at, _) = self.server.as_ref()?.engine.poll_timeout()?;
        Some(at.0.saturating_sub(MONO).max(self.asleep_until))
    }

    /// Takes turns for as long as there is something to do at this instant.
    pub(super) fn serve(&mut self) {
        while self.broken.is_none()
            && self.now >= self.asleep_until
            && self.server.as_ref().is_some_and(|server| server.has_work(self.now) || self.store_speaks())
        {
            self.turns_at_once += 1;
            if self.turns_at_once > TURNS_AT_ONCE {
                return self.accuse(Promise::Robust, "the server is busy for ever, with nothing");
            }
            self.turn();
            self.take_verdict();
            self.end_server_if_done();
        }
    }

    pub(super) fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("only a server that runs takes turns")
    }

    fn turn(&mut self) {
        let now = self.clocks();
        self.hear_store();
        if self.server().stop_asked && self.server().stopping.is_none() {
            let at = self.now;
            self.note(&Seen::Shutdown);
            let server = self.server();
            server.stopping = Some(at);
            server.engine.shutdown(now);
            server.oracle.handled(now, Input::Shutdown, &server.engine);
            for link in std::mem::take(&mut server.backlog) {
                self.refuse(link);
            }
        }
        // The engine takes events in any order, so connections come in the midst of others' events, too.
        let events = 1 + self.below(self.plan.options.turn as u64);
        let accepted_before = self.below(events + 1);
        for event in 0..=events {
            if event == accepted_before {
                self.accept();
            }
            if event < events
                && let Some(link) = self.next_ready()
            {
                self.step(link);
            }
        }
        let server = self.server();
        if server.engine.poll_timeout().is_some_and(|(at, _)| at <= now.mono) {
            server.engine.handle_timeout(now);
            server.oracle.handled(now, Input::Timeout, &server.engine);
            self.note(&Seen::Timeout);
        }
        self.carry_out_all();
    }

    /// What the engine wants, until it wants nothing more: several writes together, as the driver makes them.
    fn carry_out_all(&mut self) {
        let mut writes = Vec::new();
        while let Some(action) = self.poll() {
            if matches!(action, Action::Write { .. }) {
                writes.push(action);
                if writes.len() < WRITES && self.server().engine.has_action() {
                    continue;
                }
                writes.drain(..).for_each(|write| self.carry_out(write));
            } else {
                writes.drain(..).for_each(|write| self.carry_out(write));
                self.carry_out(action);
            }
        }
    }

    /// The connection that has waited longest, of those that are still there.
    fn next_ready(&mut self) -> Option<usize> {
        loop {
            let link = self.server().ready.pop_front()?;
            if self.links[link].socket.is_some() {
                return Some(link);
            }
        }
    }

    fn poll(&mut self) -> Option<Action> {
        let server = self.server();
        let action = server.engine.poll_action();
        server.oracle.polled(action.as_ref(), &server.engine);
        if let Some(action) = &action {
            self.note(&Seen::action(action, &mut String::new()));
        }
        // What follows from something wrong is of no interest.
        action.filter(|_| self.server().oracle.broken().is_none())
    }

    fn take_verdict(&mut self) {
        if let Some(broken) = self.server().oracle.broken() {
            let broken = broken.clone();
            self.broken.get_or_insert(broken);
        }
    }

    /// Tells the engine, and with it the oracle.
    pub(super) fn tell(&mut self, conn: ConnId, event: Event<'_>) {
        let now = self.clocks();
        self.turns_at_once = 0;
        self.note(&Seen::event(conn, &event, &mut String::new()));
        let server = self.server();
        server.engine.handle(now, conn, event);
        server.oracle.handled(now, Input::Event { conn, event }, &server.engine);
    }

    fn accept(&mut self) {
        let at = self.now;
        while self.server().accept_after <= at {
            let server = self.server();
            if server.backlog.is_empty() {
                return;
            }
            if server.accept_errors > 0 {
                server.accept_errors -= 1;
                server.accept_after = at + LOOK / 10;
                return self.queue.push(at + LOOK / 10, Happening::Wake);
            }
            let link = server.backlog.pop_front().expect("it is not empty");
            self.open(link);
        }
    }

    fn open(&mut self, link: usize) {
        let now = self.clocks();
        let (peer, client) = (self.links[link].address, self.links[link].client);
        let at = self.now;
        let proxied = self.is_proxied(link);
        let peer = if proxied { SocketAddr::new(PROXY, peer.port()) } else { peer };
        let server = self.server();
        let conn = server.engine.connect(now, peer.ip());
        server.oracle.handled(now, Input::Connect { conn, peer }, &server.engine);
        if server.links.len() <= conn.slot() {
            server.links.resize(conn.slot() + 1, None);
        }
        assert!(
            server.links[conn.slot()].replace(link).is_none(),
            "the engine gave out a slot that is in use"
        );
        self.note(&Seen::Connected(conn, client));
        let mut socket = Socket::new(conn, at);
        if let Some((inbox, fin, reset)) = self.links[link].waiting.take() {
            (socket.inbox, socket.fin, socket.error) = (inbox, fin, reset.then_some(Cause::Reset));
        }
        self.links[link].socket = Some(socket);
        self.begin(link);
        self.wake(link);
    }

    /// What a client sent arrives at the server's machine.
    pub(super) fn arrive_at_server(&mut self, link: usize) {
        if self.clients[self.links[link].client].held {
            return;
        }
        while let Some(segment) = self.links[link].up.arrived(self.now) {
            self.arrived(link, segment);
        }
    }

    fn arrived(&mut self, link: usize, segment: Segment) {
        let at = self.now;
        if let Segment::Syn = segment {
            let listening = self.server.as_ref().is_some_and(|server| !server.stop_asked);
            if !listening {
                return self.refuse(link);
            }
            self.links[link].waiting = Some(Default::default());
            return self.server().backlog.push_back(link);
        }
        let state = &mut self.links[link];
        let (inbox, fin, reset) = match (&mut state.socket, &mut state.waiting) {
            (Some(socket), _) => {
                socket.heard = at;
                (&mut socket.inbox, &mut socket.fin, &mut socket.error)
            }
            (None, Some((inbox, fin, reset))) => {
                match segment {
                    Segment::Data(bytes) => inbox.extend(bytes),
                    Segment::Fin => *fin = true,
                    _ => *reset = true,
                }
                return;
            }
            // The server's end is gone.
            (None, None) => return,
        };
        match segment {
            Segment::Data(bytes) => inbox.extend(bytes),
            Segment::Fin => *fin = true,
            _ => *reset = reset.or(Some(Cause::Reset)),
        }
        self.wake(link);
    }

    pub(super) fn refuse(&mut self, link: usize) {
        self.links[link].waiting = None;
        self.send_down(link, Segment::Rst);
    }

    /// A connection can go on.
    pub(super) fn wake(&mut self, link: usize) {
        if let Some(socket) = &mut self.links[link].socket
            && !std::mem::replace(&mut socket.ready, true)
        {
            self.server().ready.push_back(link);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Write { conn, bytes } => {
                let Some(link) = self.link_of(conn) else { return };
                let state = &mut self.links[link];
                state.written.extend_from_slice(&bytes);
                let socket = state.socket.as_mut().expect("it is there");
                if matches!(socket.output, Output::Broken(_)) {
                    return;
                }
                assert!(socket.chunk.is_empty(), "one outstanding write at most");
                socket.chunk = bytes;
                self.flush(link);
            }
            Action::Reading { conn, enabled } => {
                let Some(link) = self.link_of(conn) else { return };
                self.links[link].socket.as_mut().expect("it is there").reading = enabled;
                if enabled {
                    self.wake(link);
                } else {
                    self.queue.push(self.now + LOOK, Happening::Look(link));
                }
            }
            Action::Close { conn, how, reason } => self.close(conn, how, reason),
            Action::Report(Report::Registered { nick, .. }) => self.server().nicks.push(nick),
            Action::Store(_) | Action::LookUp(_) => self.ask_store(&action),
            Action::Report(_) => {}
        }
    }

    fn close(&mut self, conn: ConnId, how: Close, reason: Reason) {
        let Some(link) = self.link_of(conn) else { return };
        self.check_unheard(link, reason);
        let socket = self.links[link].socket.as_mut().expect("it is there");
        socket.closed.get_or_insert(reason);
        match (how, socket.output) {
            (Close::Now, _) => self.drop_socket(link, Cause::Closed),
            (Close::AfterFlush, Output::Broken(cause)) => self.drop_socket(link, cause),
            (Close::AfterFlush, _) => {
                socket.output = Output::Closing;
                self.flush(link);
                self.wake(link);
            }
        }
    }

    /// Nobody is let go for its silence while what it said lies unread: the server may have stood still meanwhile.
    fn check_unheard(&mut self, link: usize, reason: Reason) {
        let silent = matches!(reason, Reason::Idle | Reason::RegistrationTimeout);
        let socket = self.links[link].socket.as_ref().expect("it is there");
        let unread = socket.inbox.len();
        let waits = unread > 0 && socket.heard + LOOK <= self.now && socket.wants_input();
        if silent && waits && self.is_text(link) {
            self.accuse(Promise::Time, format!("closed ({reason}) with {unread} bytes unread"));
        }
    }

    pub(super) fn link_of(&self, conn: ConnId) -> Option<usize> {
        let link = (*self.server.as_ref()?.links.get(conn.slot())?)?;
        self.links[link].socket.as_ref().is_some_and(|socket| socket.conn == conn).then_some(link)
    }

    /// A server that was asked to end ends with its last connection, and in time.
    fn end_server_if_done(&mut self) {
        let (now, slept) = (self.now, self.asleep_until);
        let server = self.server();
        let Some(since) = server.stopping else { return };
        let late = now > since + SHUTDOWN && slept < since;
        // What is not stored when the last connection ends, the store is still given the time for.
        let left = Footprint { held: 0, ..server.engine.footprint() };
        let next =
            server.engine.poll_timeout().filter(|(_, timer)| ![Timer::Store, Timer::LookUp].contains(timer));
        if server.engine.connections() > 0 {
            if late {
                self.accuse(Promise::NoGhosts, "the server does not end within 5 s of being asked to");
            }
        } else if left != Default::default() || next.is_some() {
            self.accuse(Promise::NoGhosts, format!("left behind by the last connection: {left:?}"));
        } else {
            self.retire_server();
            self.store.iter_mut().for_each(Store::settle);
            self.start_server();
        }
    }

    /// A server starts, and bans whom the one before did.
    pub(super) fn start_server(&mut self) {
        let heads = self.store.as_ref().map(Store::heads).unwrap_or_default();
        self.server = Some(Server::new(self.plan, heads));
        self.ban();
    }

    /// The server is told whom to ban, if it runs.
    pub(super) fn ban(&mut self) {
        let (now, bans) = (self.clocks(), self.bans.clone());
        if self.server.is_none() {
            return;
        }
        self.turns_at_once = 0;
        self.note(&Seen::bans(&bans, &mut Vec::new()));
        let server = self.server();
        server.engine.ban(now, bans.clone());
        server.oracle.handled(now, Input::Bans(&bans), &server.engine);
        // What comes of it is for a turn, and somebody may have nothing else to wake it.
        self.carry_out_all();
    }

    /// The server is gone; what it saw counts.
    pub(super) fn retire_server(&mut self) {
        if let Some(server) = self.server.take() {
            self.marks.merge(server.oracle.marks());
        }
    }
}
