//! What adapters tell the engine.

use core::fmt;

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
    /// The peer sent these bytes. Cut anywhere; the engine copies only what it must keep.
    Received(&'a [u8]),
    /// So many bytes of the outstanding [`Write`](crate::Action::Write) have left for the kernel.
    Wrote(usize),
    /// The peer ended its sending side; it may still read.
    PeerFinished,
    /// The connection is gone. The last event of every connection, whoever ended it.
    Disconnected(Cause),
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
