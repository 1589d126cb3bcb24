//! What the trace says.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use chat_core::{Action, Addresses, ConnId, Event, StoreAnswer, Violation};

/// One observation.
#[derive(Hash)]
pub(crate) enum Seen<'a> {
    /// The engine was told of a connection.
    Connected(ConnId, usize),
    /// It was told of one from this address.
    Accepted(ConnId, SocketAddr),
    /// It was told that these bytes came.
    Received(ConnId, &'a [u8]),
    /// It was told something else.
    Told(ConnId, &'a str),
    /// So many bytes were credited.
    Wrote(ConnId, u64),
    /// Time passed for it.
    Timeout,
    /// It was told whom to ban.
    Bans(&'a [(IpAddr, IpAddr)]),
    /// Its store answered.
    Answered(&'a str),
    /// It was told to end.
    Shutdown,
    /// It wants this written.
    Write(ConnId, &'a [u8]),
    /// It wants something else.
    Action(&'a str),
    /// Something went wrong.
    Fault(&'a str),
    /// A client got something, and has so many bytes by now.
    Client(usize, u64),
    /// A client's connection has ended.
    ClientEnd(usize, &'a str),
}

impl<'a> Seen<'a> {
    /// An event of a connection.
    pub(crate) fn event(conn: ConnId, event: &'a Event<'a>, text: &'a mut String) -> Self {
        match *event {
            Event::Received(bytes) => Self::Received(conn, bytes),
            Event::Wrote(count) => Self::Wrote(conn, count as u64),
            Event::Opened => Self::Told(conn, "opened"),
            Event::Forwarded(peer) => {
                *text = format!("forwarded for {peer}");
                Self::Told(conn, text)
            }
            Event::Violated(Violation::Unforwarded) => Self::Told(conn, "not forwarded"),
            Event::Securing => Self::Told(conn, "securing"),
            Event::PeerFinished => Self::Told(conn, "peer finished"),
            Event::CutShort => Self::Told(conn, "cut short"),
            Event::Violated(Violation::Plaintext) => Self::Told(conn, "plain text refused"),
            Event::Violated(Violation::Garbled) => Self::Told(conn, "garbled"),
            Event::Disconnected(cause) => {
                *text = cause.to_string();
                Self::Told(conn, text)
            }
        }
    }

    /// A list of bans.
    pub(crate) fn bans(bans: &Addresses, ranges: &'a mut Vec<(IpAddr, IpAddr)>) -> Self {
        ranges.extend(bans.ranges().map(|range| (*range.start(), *range.end())));
        Self::Bans(ranges)
    }

    /// What the store said.
    pub(crate) fn answered(answer: &StoreAnswer, text: &'a mut String) -> Self {
        *text = brief(answer);
        Self::Answered(text)
    }

    /// An action.
    pub(crate) fn action(action: &'a Action, text: &'a mut String) -> Self {
        *text = match action {
            Action::Write { conn, bytes } => return Self::Write(*conn, bytes),
            Action::Reading { conn, enabled: true } => format!("{conn} is to be read"),
            Action::Reading { conn, enabled: false } => format!("{conn} is not to be read"),
            Action::Close { conn, how, reason } => format!("{conn} is to be closed ({how:?}): {reason}"),
            Action::Store(batch) => brief(batch),
            Action::LookUp(look_up) => format!("{look_up:?}"),
            Action::Report(report) => format!("{report:?}"),
        };
        Self::Action(text)
    }
}

impl fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(conn, client) => write!(f, "in  {conn} connected, from client {client}"),
            Self::Accepted(conn, peer) => write!(f, "in  {conn} connected, from {peer}"),
            Self::Received(conn, bytes) => write!(f, "in  {conn} received \"{}\"", shown(bytes)),
            Self::Told(conn, what) => write!(f, "in  {conn} {what}"),
            Self::Wrote(conn, count) => write!(f, "in  {conn} wrote {count} bytes"),
            Self::Timeout => f.write_str("in  timeout"),
            Self::Bans(ranges) => write!(f, "in  bans {ranges:?}"),
            Self::Answered(answer) => write!(f, "in  the store: {answer}"),
            Self::Shutdown => f.write_str("in  shutdown"),
            Self::Write(conn, bytes) => {
                write!(f, "out {conn} write \"{}\" ({} bytes)", shown(bytes), bytes.len())
            }
            Self::Action(what) => write!(f, "out {what}"),
            Self::Fault(what) => write!(f, "!!! {what}"),
            Self::Client(client, bytes) => write!(f, "    client {client} has {bytes} bytes"),
            Self::ClientEnd(client, what) => write!(f, "    client {client} sees {what}"),
        }
    }
}

/// What may be long, its beginning.
pub(crate) fn brief(what: &impl fmt::Debug) -> String {
    const MOST: usize = 400;
    let mut text = format!("{what:?}");
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Bytes, escaped, and not too many of them.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 120;
    let ellipsis = if bytes.len() > MOST { "…" } else { "" };
    format!("{}{ellipsis}", bytes[..bytes.len().min(MOST)].escape_ascii())
}
