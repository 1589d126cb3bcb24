//! The end of a run: nothing more goes wrong, what is broken for good stays so, and the rest must work.

use std::collections::BTreeSet;

use chat_core::Addresses;

use super::faults::USER_TIMEOUT;
use super::{Happening, World};
use crate::oracle::Promise;
use crate::plan::{Act, Appetite, PASSWORD};

/// A second of simulated time.
const SECOND: u64 = 1_000_000_000;
/// How long it may take until every kernel has given up whom it cannot reach, and every deadline has passed.
const CALM: u64 = 2 * USER_TIMEOUT + 200 * SECOND;
/// How long what was said may take to everybody, flood control aside.
const ARRIVAL: u64 = SECOND;
/// How long the last goodbyes may take.
const GOODBYES: u64 = 150 * SECOND;
/// What kernels take for a peer that reads, in bytes.
const HEALED_BUFFER: usize = 1 << 20;
/// Names that are tried out again.
const NAMES: usize = 4;
/// Longer than a line may be: whatever is unfinished ends with it.
const FLUSH: usize = 5_000;
/// How many times a bucket of flood control fills until that line is served, at most: it costs as much as five.
const FLUSHING: u64 = 6;

/// Somebody who can talk and be talked to.
#[derive(Clone, Debug)]
struct Survivor {
    link: usize,
    client: usize,
    room: Option<String>,
}

impl World<'_> {
    /// Lets everything calm down, and sees whether all is well.
    pub(super) fn conclude(&mut self) {
        self.heal();
        let latency = self.latency.1;
        self.pass(CALM + 10 * latency);
        self.probe(latency);
        self.part(latency);
        self.try_names(latency);
        self.stop(latency);
        self.check_store();
    }

    fn pass(&mut self, time: u64) {
        if self.broken.is_none() {
            self.advance_to(self.now + time);
        }
    }

    fn heal(&mut self) {
        for client in 0..self.clients.len() {
            self.release(client);
            self.clients[client].appetite = Appetite::Eager;
            if let Some(link) = self.clients[client].link {
                self.queue.push(self.now, Happening::ToClient(link));
                self.eat(link);
            }
        }
        self.asleep_until = self.now;
        self.concluding = true;
        self.bans = Addresses::default();
        self.ban();
        let now = self.now;
        self.store.iter_mut().for_each(|store| store.heal(now));
        self.send_buffer = HEALED_BUFFER;
        self.latency.1 = self.latency.0;
        if let Some(server) = &mut self.server {
            server.accept_errors = 0;
            server.accept_after = self.now;
        }
    }

    /// What each survivor says reaches all others in its room.
    fn probe(&mut self, latency: u64) {
        if self.broken.is_some() || self.server.is_none() {
            return;
        }
        let flood = self.plan.options.config.flood.map_or(0, |limit| super::nanos(limit.per));
        let leaves_when_idle = !self.plan.options.config.idle_timeout.is_zero();
        // Whatever stands unfinished in somebody's line is ended first.
        let mut ready = BTreeSet::new();
        for survivor in self.survivors() {
            ready.insert(survivor.link);
            let end = [vec![b'x'; FLUSH], b"\n".to_vec()].concat();
            self.act(survivor.client, &Act::Send(end));
        }
        let renamed = self.server.as_ref().map_or(0, |server| super::nanos(server.oracle.longest_wait()));
        self.pass(renamed + FLUSHING * flood + 2 * latency + ARRIVAL);
        for speaker in self.survivors().into_iter().filter(|survivor| ready.contains(&survivor.link)) {
            let Some(room) = speaker.room.clone() else { continue };
            let probe = format!("probe {} by {}", self.now, speaker.client);
            let mut hearers = self.survivors();
            hearers.retain(|hearer| hearer.room.as_deref() == Some(&room) && hearer.client != speaker.client);
            let marks: Vec<_> = self.links.iter().map(|link| link.received).collect();
            self.act(speaker.client, &Act::Send(format!("/msg {room} {probe}\n").into_bytes()));
            self.pass(2 * flood + 2 * latency + ARRIVAL);
            let survivors: BTreeSet<_> = self.survivors().into_iter().map(|survivor| survivor.link).collect();
            if leaves_when_idle && !survivors.contains(&speaker.link) {
                continue;
            }
            for hearer in hearers.into_iter().filter(|hearer| survivors.contains(&hearer.link)) {
                let link = &self.links[hearer.link];
                let heard = &link.written[marks[hearer.link]..link.received];
                if !heard.windows(probe.len()).any(|window| window == probe.as_bytes()) {
                    return self
                        .accuse(Promise::Live, format!("client {} does not hear {probe:?}", hearer.client));
                }
            }
        }
    }

    /// Users whose connection works both ways.
    fn survivors(&self) -> Vec<Survivor> {
        let Some(server) = &self.server else { return Vec::new() };
        let ledgers = server.oracle.ledgers();
        let users = server.oracle.chatting().into_iter().filter_map(|(ledger, room)| {
            let conn = ledgers[ledger].conn;
            let sound = |link: usize| {
                let client = &self.clients[self.links[link].client];
                let socket = self.links[link].socket.as_ref();
                client.link == Some(link)
                    && client.is_reachable()
                    && !client.finished
                    && socket.is_some_and(|socket| socket.reading)
            };
            let link = self.link_of(conn).filter(|&link| sound(link))?;
            Some(Survivor { link, client: self.links[link].client, room })
        });
        users.collect()
    }

    /// Everybody goes, and nothing of them is left.
    fn part(&mut self, latency: u64) {
        for client in 0..self.clients.len() {
            // Behind a long paste, an end is seen only when flood control has let all of the paste through.
            let socket = self.clients[client].link.and_then(|link| self.links[link].socket.as_ref());
            let heard = socket.is_some_and(|socket| socket.reading && !self.clients[client].finished);
            let act = if heard && client % 2 == 0 { Act::Finish } else { Act::Reset };
            self.act(client, &act);
        }
        self.pass(CALM + GOODBYES + 4 * latency);
        let Some(server) = self.server.as_ref().filter(|_| self.broken.is_none()) else { return };
        let left = server.engine.footprint();
        if server.engine.connections() > 0 || left != Default::default() {
            self.accuse(Promise::NoGhosts, format!("all have gone, and this is left: {left:?}"));
        } else if let Some(deadline) = server.engine.poll_timeout() {
            self.accuse(Promise::NoGhosts, format!("all have gone, and {deadline:?} is left"));
        }
    }

    /// Names that were taken are free again.
    fn try_names(&mut self, latency: u64) {
        let Some(server) = &self.server else { return };
        let nicks: BTreeSet<_> = server.nicks.iter().cloned().collect();
        let Some(client) = self.clients.iter().position(super::Client::is_reachable) else { return };
        for nick in nicks.into_iter().take(NAMES) {
            self.act(client, &Act::Connect);
            let Some(link) = self.clients[client].link.filter(|_| self.broken.is_none()) else { return };
            let guarded = self.plan.options.config.password.is_some();
            let password = if guarded { format!("{PASSWORD}\n") } else { String::new() };
            self.act(client, &Act::Send(format!("{password}{nick}\n").into_bytes()));
            // Of two lines, the second may have to wait.
            let flood = self.plan.options.config.flood.filter(|_| guarded);
            self.pass(4 * latency + ARRIVAL + flood.map_or(0, |limit| super::nanos(limit.per)));
            // Where memory is short, the last lines of a room may be too much for it: then it is dropped behind that.
            let got = String::from_utf8_lossy(&self.links[link].written);
            if !got.contains("* welcome, ") {
                return self.accuse(Promise::Names, format!("the name {nick} is not to be had again"));
            }
            self.act(client, &Act::Finish);
            self.pass(GOODBYES);
        }
    }

    /// The server ends when it is asked to.
    fn stop(&mut self, latency: u64) {
        if let Some(server) = self.server.as_mut().filter(|_| self.broken.is_none()) {
            server.stop_asked = true;
            self.pass(10 * SECOND + latency);
            if self.server.as_ref().is_some_and(|server| server.stop_asked) && self.broken.is_none() {
                self.accuse(Promise::NoGhosts, "the server does not end");
            }
        }
    }
}
