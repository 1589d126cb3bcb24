//! What adapters tell the engine.

use core::fmt;
use core::net::IpAddr;

/// A connection, as the adapter and the engine both call it.
///
/// Slots are dense and reused, so an adapter can index a `Vec` by them; the generation tells apart the
/// connections that held one slot in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl ConnId {
    /// The dense index: smaller than the greatest number of connections that were open at once,
    /// and those that closed in the turn under way.
    #[must_use]
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

/// Something that happened to one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Text may flow: at once on plain TCP, after the handshake on TLS.
    Opened,
    /// A transport handshake has begun after all, where plain text was thought to flow: none does until the next
    /// [`Opened`](Event::Opened). Ignored once the greeting was sent or a line has come.
    Securing,
    /// The peer, one of [`Config::proxies`](crate::Config), speaks for somebody at this address: limits and bans go by
    /// that from here on. Comes before [`Opened`](Event::Opened), and is ignored behind it.
    Forwarded(IpAddr),
    /// The peer sent these bytes. Cut anywhere; the engine copies only what it must keep.
    Received(&'a [u8]),
    /// So many bytes of the outstanding [`Write`](crate::Action::Write) have left for the kernel.
    Wrote(usize),
    /// The peer ended its sending side; it may still read.
    PeerFinished,
    /// The same, without the goodbye that its transport asks for (`close_notify` of TLS): somebody on the way may have
    /// cut it short, so an unfinished last line does not count.
    CutShort,
    /// The peer does not keep to the transport: no text is to be had from it any more.
    Violated(Violation),
    /// The connection is gone. The last event of every connection, whoever ended it.
    Disconnected(Cause),
}

/// What a peer did that its transport does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// It spoke in plain text where only a secure transport is served. It can be told so.
    Plaintext,
    /// What it sent cannot be understood, as a handshake or later. The transport itself has told it, if it could.
    Garbled,
    /// It is a proxy, and did not say in whose name it connects.
    Unforwarded,
}

/// How a connection came to its end, as the adapter saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Both sides finished, or the engine's close was carried out.
    Closed,
    /// The peer reset the connection.
    Reset,
    /// The peer was silent for longer than the kernel tolerates.
    TimedOut,
    /// Another error of the transport.
    Failed,
    /// The adapter's code for this connection panicked.
    Panicked,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "connection closed",
            Self::Reset => "connection reset",
            Self::TimedOut => "connection timed out",
            Self::Failed => "connection failed",
            Self::Panicked => "internal error",
        })
    }
}
