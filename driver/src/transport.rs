//! What a runtime supplies: time, and sockets that can be polled.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use chat_core::{Mono, Now, Violation};

/// Both clocks, and the one timer.
pub trait Clock: Unpin {
    /// The time.
    fn now(&self) -> Now;

    /// Ready once `deadline` has come. There is one timer: a new deadline replaces the one before.
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Mono) -> Poll<()>;
}

/// Where connections come from.
pub trait Listener: Unpin {
    /// What an accepted connection is.
    type Stream: Stream;

    /// The next connection, and its peer.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>>;
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// So many bytes of text, at least one.
    Text(usize),
    /// The peer has ended its side.
    Ended,
    /// The peer's side has ended, and it may not have been the peer that ended it.
    CutShort,
    /// The peer speaks for somebody at this address.
    Forwarded(IpAddr),
    /// So many bytes of the transport's own, without text in them.
    Overhead(usize),
    /// A step of a handshake: no text flows until `Opened`.
    Securing,
    /// The handshake is done: text may flow.
    Opened,
    /// The peer does not keep to the transport. What is read from now on means nothing.
    Violated(Violation),
}

impl From<usize> for Incoming {
    /// What a system call says that it has read.
    fn from(read: usize) -> Self {
        if read == 0 { Self::Ended } else { Self::Text(read) }
    }
}

/// A connection: bytes in order, both ways, each way ended on its own. Dropping it closes it.
///
/// Reads and writes of one connection are polled with the same waker.
pub trait Stream: Unpin {
    /// Whether text may flow from the start, or since a read has brought [`Incoming::Forwarded`], and not only when one
    /// has brought [`Incoming::Opened`].
    fn is_open(&self) -> bool {
        true
    }

    /// Reads at most `buf.len()` bytes.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Incoming>>;

    /// Writes some of `bytes`, which are never empty, and says how many have left for the kernel. After `Pending`, it is
    /// called again with the same bytes.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Ends our side, after all that was written.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The pending error of the socket (`SO_ERROR`), if any: how to learn of a reset without reading.
    fn take_error(&self) -> io::Result<Option<io::Error>>;
}
