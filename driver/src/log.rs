//! What the operator reads. Text from users is logged in its escaped form: a log is read on a terminal too.
//!
//! Who gets a nickname has a line for that and one for the end, and the limit on how fast an address connects bounds
//! these. Strangers who are refused can be any number, and are summed up; those who leave by themselves, such as
//! health checks, are in the log only at `debug`.

use std::fmt::{self, Display};
use std::io;
use std::net::{IpAddr, SocketAddr};

use chat_core::{Cause, ConnId, Engine, Mono, Reason, Report};
use tracing::{debug, error, info, warn};

use crate::link::Link;
use crate::refusals::{Refusals, Told};

/// Lines of which strangers could cause any number.
#[derive(Debug, Default)]
pub(crate) struct Log {
    refusals: Refusals,
}

/// A peer's address, as the log has it: what is known of it.
#[derive(Clone, Copy, Debug)]
struct Peer {
    /// None, if the engine has forgotten it.
    ip: Option<IpAddr>,
    /// None, if a proxy connects for it.
    port: Option<u16>,
}

impl Peer {
    fn of<S>(link: &Link<S>, engine: &Engine) -> Self {
        Self { ip: engine.peer(link.id), port: link.port }
    }
}

impl Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.port) {
            (Some(ip), Some(port)) => SocketAddr::new(ip, port).fmt(f),
            (Some(ip), None) => ip.fmt(f),
            (None, _) => f.write_str("unknown"),
        }
    }
}

impl Log {
    /// A connection is closed: a stranger may be refused.
    pub(crate) fn closed<S>(&mut self, now: Mono, link: Option<&Link<S>>, engine: &Engine, reason: Reason) {
        if let Some(link) = link.filter(|link| !link.known && link.reason.is_none() && is_refusal(reason)) {
            self.refused(now, Peer::of(link, engine), reason);
        }
    }

    fn refused(&mut self, now: Mono, peer: Peer, reason: Reason) {
        if let Some(ip) = peer.ip
            && self.refusals.add(now, reason, ip) == Told::AtOnce
        {
            info!(%peer, %reason, "refused");
        }
    }

    /// The engine's reason, if it has one, says more than how the transport ended.
    pub(crate) fn disconnected<S>(&mut self, now: Mono, link: &Link<S>, engine: &Engine, cause: Cause) {
        let (conn, peer, duration) = (link.id, Peer::of(link, engine), now.since(link.since));
        let reason: &dyn Display = link.reason.as_ref().map_or(&cause, |reason| reason as &dyn Display);
        if link.known {
            info!(%conn, %peer, %reason, ?duration, "disconnected");
            return;
        }
        debug!(%conn, %peer, %reason, ?duration, "disconnected");
        // Whoever guesses goes before it is refused, and comes again.
        if link.guessed && link.reason != Some(Reason::PasswordRefused) {
            self.refused(now, peer, Reason::PasswordRefused);
        }
    }

    /// When more is to be told of those who were refused, if they were.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.refusals.deadline()
    }

    /// Sums up those who were refused, if it is time.
    pub(crate) fn sum_up(&mut self, now: Mono) {
        for sum in self.refusals.due(now) {
            let (reason, refused, addresses, most) = (sum.reason, sum.times, sum.addresses(), sum.most());
            info!(%reason, refused, %addresses, %most, "refused as well");
        }
    }

    /// The same at the end, when it is always time.
    pub(crate) fn finish(&mut self) {
        self.sum_up(Mono(u64::MAX));
    }
}

/// Whether somebody who has no nickname is told no, and does not just leave.
fn is_refusal(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::Quit
            | Reason::EndOfInput
            | Reason::EndOfInputTimeout
            | Reason::ShuttingDown
            | Reason::LingerTimeout
    )
}

pub(crate) fn connected(conn: ConnId, peer: SocketAddr) {
    debug!(%conn, %peer, "connected");
}

pub(crate) fn forwarded(conn: ConnId, peer: IpAddr) {
    debug!(%conn, %peer, "connected through a proxy");
}

/// A connection has a nickname now. `link`: if it is not gone again already.
pub(crate) fn registered<S>(conn: ConnId, link: Option<&mut Link<S>>, engine: &Engine, nick: &str) {
    let peer = link.map(|link| {
        link.known = true;
        Peer::of(link, engine)
    });
    match peer {
        Some(peer) => info!(%conn, %peer, ?nick, "registered"),
        None => info!(%conn, ?nick, "registered"),
    }
}

/// So many attempts have failed since this was last told.
pub(crate) fn accept_failed(error: &io::Error, times: u64) {
    warn!(%error, times, "cannot accept connections; trying again");
}

pub(crate) fn fault() {
    error!("a panic left the chat half-changed; stopping at once");
}

pub(crate) fn report(report: &Report) {
    match report {
        // That is told with what the driver knows of it.
        Report::Registered { .. } => {}
        Report::Store { stuck: true } => {
            warn!("history is not stored in time; until it is, what is said to rooms may be refused");
        }
        Report::Store { stuck: false } => info!("history is stored in time again"),
        Report::ClockJumped { by, back } => warn!(?by, back, "the wall clock jumped"),
        Report::Room(record) => {
            let chat_core::RoomRecord { room, seq, at, nick, kind, text, .. } = record;
            debug!(?room, seq, %at, kind = kind.word(), ?nick, ?text, "room");
        }
        Report::Private { from, to, .. } => debug!(?from, ?to, "private message"),
    }
}
