//! A smol stream as the driver's.

use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use chat_driver::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use smol::Async;

/// Any smol stream, as the driver wants it.
pub struct Io<S>(pub S);

/// What the traits of futures-io lack: a look at the socket's pending error.
pub trait SocketError {
    /// `SO_ERROR`, if any. A stream that is no socket has none.
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }
}

impl SocketError for Async<TcpStream> {
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.get_ref().take_error()
    }
}

impl<S: AsyncRead + AsyncWrite + SocketError + Unpin> Stream for Io<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }
}
