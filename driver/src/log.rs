//! What the operator reads. Text from users is logged in its escaped form: a log is read on a terminal too.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chat_core::{Cause, ConnId, Reason, Report};
use tracing::{debug, error, info, warn};

pub(crate) fn connected(conn: ConnId, peer: SocketAddr) {
    info!(%conn, %peer, "connected");
}

pub(crate) fn forwarded(conn: ConnId, peer: IpAddr) {
    info!(%conn, %peer, "connected through a proxy");
}

/// The engine's reason, if it has one, says more than how the transport ended.
pub(crate) fn disconnected(conn: ConnId, reason: Option<Reason>, cause: Cause, duration: Duration) {
    let reason: &dyn Display = reason.as_ref().map_or(&cause, |reason| reason as &dyn Display);
    info!(%conn, %reason, ?duration, "disconnected");
}

pub(crate) fn accept_failed(error: &io::Error) {
    warn!(%error, "cannot accept connections; trying again");
}

pub(crate) fn fault() {
    error!("a panic left the chat half-changed; stopping at once");
}

pub(crate) fn report(report: &Report) {
    match report {
        Report::Registered { conn, nick } => info!(%conn, ?nick, "registered"),
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
