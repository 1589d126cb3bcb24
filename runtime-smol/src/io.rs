//! A smol stream as the driver's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use chat_driver::{Incoming, Stream};
use futures_io::{AsyncRead, AsyncWrite};

/// Any smol stream, as the driver wants it.
pub struct Io<S>(pub S);

/// What the traits of futures-io lack: a look at the socket's pending error, and its FIN.
pub trait Socket {
    /// `SO_ERROR`, if any. A stream that is no socket has none.
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }

    /// Ends our side, for a stream whose `poll_close` does not: async-io's only flushes.
    fn send_fin(&self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Socket + Unpin> Stream for Io<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Incoming>> {
        Pin::new(&mut self.0).poll_read(cx, buf).map_ok(Incoming::from)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.0).poll_close(cx))?;
        Poll::Ready(self.0.send_fin())
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }
}
