//! What a runtime supplies: time, and sockets that can be polled.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use chat_core::{Mono, Now};

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

/// A connection: bytes in order, both ways, each way ended on its own. Dropping it closes it.
///
/// Reads and writes of one connection are polled with the same waker.
pub trait Stream: Unpin {
    /// Reads at most `buf.len()` bytes; 0 says that the peer has ended its side.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes some of `bytes`, which are never empty, and says how many.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Ends our side, after all that was written.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The pending error of the socket (`SO_ERROR`), if any: how to learn of a reset without reading.
    fn take_error(&self) -> io::Result<Option<io::Error>>;
}
