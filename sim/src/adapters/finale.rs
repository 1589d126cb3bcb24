//! The end: what must still work once nothing more goes wrong, and what clients must have heard.

use std::collections::BTreeMap;
use std::time::Duration;

use super::faults::host_of;
use super::host::Server;
use super::keeping::nanos;
use super::{SERVER, World};
use crate::oracle::Promise;
use crate::plan::{Act, Appetite, PASSWORD};
use crate::transcript::Transcript;

/// How long it takes until all is calm, flood control aside;
const CALM: Duration = Duration::from_secs(16);
/// and until every kernel has given up a machine that cannot be reached: the first line that it does not
/// acknowledge may come as late as the kernel's patience, and be met with as much patience again.
const GIVEN_UP: Duration = Duration::from_secs(250);
/// How long what was said may take to everybody, on links that are as slow as they may be.
const ARRIVAL: Duration = Duration::from_secs(1);
/// How long the last goodbyes may take.
const GOODBYES: Duration = Duration::from_secs(75);
/// Users who try to be heard.
const PROBES: usize = 3;
/// What kernels take for a peer that reads, in bytes.
const HEALED_BUFFER: usize = 1 << 20;
/// Longer than a line may be: whatever is unfinished ends with it.
const FLUSH: usize = 5_000;
/// How many times a bucket of flood control fills until that line is served, at most: it costs as much as five.
const FLUSHING: u32 = 6;

/// Somebody who can talk and be talked to.
struct Survivor {
    transcript: usize,
    client: usize,
    room: Option<String>,
}

impl World<'_> {
    pub(super) fn conclude(&mut self) {
        self.heal();
        self.pass(if self.dark { GIVEN_UP } else { CALM });
        self.probe();
        self.check_transcripts();
        self.part();
        self.come_again();
        self.stop();
        self.check_transcripts();
        self.ground.check_store();
    }

    fn heal(&mut self) {
        let ground = &self.ground;
        ground.accept_errors.set(0);
        ground.no_descriptors_until.set(Duration::ZERO);
        ground.asleep_until.set(self.sim.elapsed());
        ground.send_buffer.set(HEALED_BUFFER);
        ground.secure.take();
        let now = nanos(self.sim.elapsed());
        ground.store.borrow_mut().iter_mut().for_each(|store| store.heal(now));
        ground.asked.notify_one();
        for wire in ground.wires.borrow().values() {
            if let Some(waker) = wire.borrow_mut().waker.take() {
                waker.wake();
            }
        }
        for client in 0..self.clients.len() {
            self.sim.release(host_of(client), SERVER);
            self.clients[client].tell(Act::Read(Appetite::Eager));
        }
    }

    /// What a survivor says reaches all others in its room.
    fn probe(&mut self) {
        let flood = self.plan.options.config.flood.map_or(Duration::ZERO, |limit| limit.per);
        let delay = 2 * flood + 4 * self.ground.latency + ARRIVAL;
        let leaves_when_idle = !self.plan.options.config.idle_timeout.is_zero();
        let mut ready = Vec::new();
        for survivor in self.survivors().iter().take(PROBES) {
            ready.push(survivor.transcript);
            // Whatever stands unfinished in its line is ended first.
            let end = [vec![b'x'; FLUSH], b"\n".to_vec()].concat();
            self.clients[survivor.client].tell(Act::Send(end));
        }
        let renamed = self.ground.oracle.borrow().longest_wait();
        self.pass(renamed + FLUSHING * flood + delay);
        for speaker in self.survivors().into_iter().filter(|survivor| ready.contains(&survivor.transcript)) {
            let Some(room) = speaker.room else { continue };
            let mut hearers = self.survivors();
            hearers.retain(|hearer| hearer.room.as_ref() == Some(&room) && hearer.client != speaker.client);
            let probe = format!("probe by {}", speaker.client);
            self.clients[speaker.client].tell(Act::Send(format!("/msg {room} {probe}\n").into_bytes()));
            self.pass(delay);
            let still: Vec<_> = self.survivors().into_iter().map(|survivor| survivor.transcript).collect();
            if leaves_when_idle && !still.contains(&speaker.transcript) {
                continue;
            }
            for hearer in hearers.into_iter().filter(|hearer| still.contains(&hearer.transcript)) {
                let heard = &self.ground.transcripts.borrow()[hearer.transcript].received;
                if !heard.windows(probe.len()).any(|window| window == probe.as_bytes()) {
                    self.ground
                        .accuse(Promise::Live, format!("client {} does not hear {probe:?}", hearer.client));
                }
            }
        }
    }

    /// Users whose connection works both ways, and whose input does not wait.
    fn survivors(&self) -> Vec<Survivor> {
        let oracle = self.ground.oracle.borrow();
        let transcripts = self.ground.transcripts.borrow();
        let users = oracle.chatting().into_iter().filter_map(|(ledger, room)| {
            let ledger = &oracle.ledgers()[ledger];
            let transcript = transcripts.iter().rposition(|seen| seen.from == Some(ledger.peer))?;
            let seen = &transcripts[transcript];
            let sound = !seen.eof && !seen.cut && !seen.finished && self.is_reachable(seen.client);
            let heard = ledger.received.len() == seen.sent.len();
            (sound && heard && oracle.is_read(ledger.conn)).then_some(Survivor {
                transcript,
                client: seen.client,
                room,
            })
        });
        users.collect()
    }

    /// What went over the wire is what the engine meant, both ways.
    fn check_transcripts(&self) {
        let oracle = self.ground.oracle.borrow();
        let past = self.ground.past.borrow();
        let ledgers = past.iter().chain(oracle.ledgers());
        let ledgers: BTreeMap<_, _> = ledgers.map(|ledger| (ledger.peer, ledger)).collect();
        for seen in &*self.ground.transcripts.borrow() {
            // Not there: it was never accepted, or by a server that has crashed.
            let Some(ledger) = seen.from.and_then(|from| ledgers.get(&from)) else { continue };
            if let Err(broken) = seen.check(ledger, self.is_reachable(seen.client)) {
                self.ground.accuse(broken.promise, broken.how);
            }
        }
    }

    /// Everybody goes, and nothing of them is left.
    fn part(&mut self) {
        for client in &self.clients {
            client.tell(Act::Reset);
        }
        self.pass(GOODBYES);
        let left = self.ground.connections.get();
        if left > 0 {
            self.ground.accuse(Promise::NoGhosts, format!("all have gone, and {left} connections are left"));
        }
    }

    /// Whoever comes now is welcome under a name that somebody had before, is seen off, and may come back.
    fn come_again(&mut self) {
        let Some(client) = (0..self.clients.len()).find(|&client| self.is_reachable(client)) else { return };
        let name = self.ground.transcripts.borrow().iter().find_map(name_in).unwrap_or_else(|| "ann".into());
        let guarded = self.plan.options.config.password.is_some();
        let password = if guarded { format!("{PASSWORD}\n") } else { String::new() };
        let flood = self.plan.options.config.flood.map_or(Duration::ZERO, |limit| limit.per);
        let leaves_when_idle = !self.plan.options.config.idle_timeout.is_zero();
        for leaves in [true, false] {
            self.clients[client].tell(Act::Connect);
            self.clients[client].tell(Act::Send(format!("{password}{name}\n").into_bytes()));
            self.pass(if guarded { flood } else { Duration::ZERO } + 4 * self.ground.latency + ARRIVAL);
            if !self
                .last_of(client)
                .is_some_and(|seen| name_in(&seen).is_some() && (leaves_when_idle || !seen.eof))
            {
                self.ground.accuse(Promise::Names, format!("the name {name} is not to be had again"));
            }
            if leaves {
                self.clients[client].tell(Act::Send(b"/quit\n".into()));
                self.pass(flood + 4 * self.ground.latency + ARRIVAL);
                if !self.last_of(client).is_some_and(|seen| seen.eof) {
                    self.ground.accuse(Promise::NoGhosts, "a goodbye with no end behind it");
                }
            }
        }
    }

    /// What a client has seen of its last connection.
    fn last_of(&self, client: usize) -> Option<Transcript> {
        self.ground.transcripts.borrow().iter().rfind(|seen| seen.client == client).cloned()
    }

    /// The server ends when it is asked to.
    fn stop(&mut self) {
        let before = self.ground.ended.get();
        self.shut_down();
        self.pass(Server::patience());
        if self.ground.ended.get() == before {
            self.ground.accuse(Promise::NoGhosts, "the server does not end");
        }
    }
}

/// The nickname under which somebody was welcomed.
fn name_in(seen: &Transcript) -> Option<String> {
    let text = String::from_utf8_lossy(&seen.received);
    let (_, rest) = text.split_once("* welcome, ")?;
    Some(rest.split_once(';')?.0.to_owned())
}
