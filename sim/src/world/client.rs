//! What clients do, and how they read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::link::{Link, Segment};
use super::{Happening, World};
use crate::oracle::Promise;
use crate::plan::{Act, Appetite};
use crate::seen::Seen;

/// How often somebody who trickles reads, in nanoseconds.
const BITE: u64 = 10_000_000;

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    /// Its connection.
    pub(super) link: Option<usize>,
    pub(super) appetite: Appetite,
    /// It has ended its sending side.
    pub(super) finished: bool,
    /// Nothing reaches it or comes from it for now,
    pub(super) held: bool,
    /// what it sends is lost,
    pub(super) deaf_to: bool,
    /// what is sent to it is lost.
    pub(super) mute_to: bool,
}

impl Default for Client {
    fn default() -> Self {
        let appetite = Appetite::Eager;
        Self { link: None, appetite, finished: false, held: false, deaf_to: false, mute_to: false }
    }
}

impl Client {
    /// Whether bytes come and go.
    pub(super) fn is_reachable(&self) -> bool {
        !self.held && !self.deaf_to && !self.mute_to
    }
}

impl World<'_> {
    pub(super) fn act(&mut self, client: usize, act: &Act) {
        let link = self.clients[client].link;
        match (act, link) {
            (Act::Connect, None) => self.connect(client),
            (Act::Send(bytes), Some(link)) if !self.clients[client].finished => {
                self.send_up(link, Segment::Data(bytes.clone()));
            }
            (Act::Read(appetite), Some(link)) => {
                self.clients[client].appetite = *appetite;
                self.eat(link);
            }
            (Act::Finish, Some(link)) if !self.clients[client].finished => {
                self.clients[client].finished = true;
                self.send_up(link, Segment::Fin);
            }
            (Act::Reset, Some(link)) => {
                self.clients[client].link = None;
                self.send_up(link, Segment::Rst);
            }
            _ => {}
        }
    }

    fn connect(&mut self, client: usize) {
        let state = &mut self.clients[client];
        if state.deaf_to || state.mute_to {
            return;
        }
        let link = self.links.len();
        *state = Client { link: Some(link), held: state.held, ..Client::default() };
        let ip = address(client, self.plan.options.addresses);
        // A port for each connection, so that the address tells them apart.
        let port = 1_024 + u16::try_from(link % 60_000).expect("below 60,000");
        self.links.push(Link::new(client, SocketAddr::new(ip, port)));
        self.send_up(link, Segment::Syn);
    }

    pub(super) fn send_up(&mut self, link: usize, segment: Segment) {
        let at = self.now + self.latency();
        if let Some(at) = self.links[link].up.send(at, segment) {
            self.queue.push(at, Happening::ToServer(link));
        }
    }

    pub(super) fn send_down(&mut self, link: usize, segment: Segment) {
        let at = self.now + self.latency();
        if let Some(at) = self.links[link].down.send(at, segment) {
            self.queue.push(at, Happening::ToClient(link));
        }
    }

    /// What the server sent arrives at the client's machine.
    pub(super) fn arrive_at_client(&mut self, link: usize) {
        let client = self.links[link].client;
        if self.clients[client].held {
            return;
        }
        while let Some(segment) = self.links[link].down.arrived(self.now) {
            if self.clients[client].link != Some(link) {
                continue;
            }
            match segment {
                Segment::Data(bytes) => self.links[link].pending.extend(bytes),
                Segment::Fin => self.links[link].fin = true,
                Segment::Rst => {
                    self.clients[client].link = None;
                    self.note(&Seen::ClientEnd(client, "a reset"));
                }
                Segment::Syn => unreachable!("servers do not connect"),
            }
            self.eat(link);
        }
    }

    /// The client reads as it likes to.
    pub(super) fn eat(&mut self, link: usize) {
        let client = self.links[link].client;
        if self.clients[client].link != Some(link) {
            return;
        }
        match self.clients[client].appetite {
            Appetite::Eager => self.read(link, usize::MAX),
            Appetite::Trickle(_) => self.queue.push(self.now + BITE, Happening::Bite(link)),
            Appetite::None => {}
        }
    }

    /// Somebody who trickles reads a little.
    pub(super) fn bite(&mut self, link: usize) {
        let client = self.links[link].client;
        let Appetite::Trickle(bytes) = self.clients[client].appetite else { return };
        if self.clients[client].link == Some(link)
            && !self.links[link].pending.is_empty() | self.links[link].fin
        {
            self.read(link, bytes.max(1));
            if !self.links[link].pending.is_empty() {
                self.queue.push(self.now + BITE, Happening::Bite(link));
            }
        }
    }

    /// The client reads up to `count` bytes, and what it reads must be what was written.
    fn read(&mut self, link: usize, count: usize) {
        let state = &mut self.links[link];
        let count = count.min(state.pending.len());
        let client = state.client;
        if count > 0 {
            let read: Vec<u8> = state.pending.drain(..count).collect();
            let owed = state.written.get(state.received..state.received + count);
            if owed != Some(&read[..]) {
                self.accuse(Promise::Order, format!("client {client} reads what was not written"));
                return;
            }
            let state = &mut self.links[link];
            state.received += count;
            let received = state.received as u64;
            if let Some(socket) = &mut state.socket {
                socket.unread -= count;
            }
            self.queue.push(self.now, Happening::Writable(link));
            self.note(&Seen::Client(client, received));
        }
        if self.links[link].fin && self.links[link].pending.is_empty() {
            // It sees the end, and ends as well.
            self.note(&Seen::ClientEnd(client, "the end"));
            self.clients[client].link = None;
            if !self.clients[client].finished {
                self.send_up(link, Segment::Fin);
            }
        }
    }
}

impl World<'_> {
    /// Some of the addresses from which clients come are banned from now on, and others no longer.
    pub(super) fn change_bans(&mut self) {
        if self.concluding {
            return;
        }
        if self.now < self.asleep_until {
            return self.queue.push(self.asleep_until, Happening::Ban);
        }
        let addresses = self.plan.options.addresses;
        let chosen = self.chance.draw();
        let banned = |&client: &usize| chosen >> (client % 64) & 3 == 3;
        // Who comes from loopback is banned seldom: that is everybody.
        let all = (0..self.clients.len()).filter(banned).map(|client| address(client, addresses));
        let all = all.filter(|ip| !ip.is_loopback() || chosen.is_multiple_of(16));
        self.bans = all.map(|ip| ip..=ip).collect();
        self.ban();
        self.queue.push(self.now + super::nanos(self.plan.options.bans), Happening::Ban);
    }
}

/// Where a client comes from: one of so many IPv4 addresses (plain, or mapped into IPv6) and IPv6 networks in
/// turn; loopback, if there are none.
fn address(client: usize, addresses: usize) -> IpAddr {
    let Some(number) = client.checked_rem(addresses) else { return Ipv4Addr::LOCALHOST.into() };
    let (number, host) = (number as u16, client as u16);
    let v4 = Ipv4Addr::new(10, 0, 0, number as u8);
    match (number % 2, host % 3) {
        (1, _) => Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, host, 0, 1).into(),
        (_, 2) => v4.to_ipv6_mapped().into(),
        _ => v4.into(),
    }
}
