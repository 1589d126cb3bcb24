//! A tokio stream as the driver's.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use chat_driver::{Incoming, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Any tokio stream, as the driver wants it.
pub struct Io<S>(pub S);

/// What tokio's own traits lack. A stream that is no socket has none of it.
pub trait Socket {
    /// Writes at once what fits, without asking tokio whether anything does.
    ///
    /// # Errors
    /// `WouldBlock` if that is nothing: then tokio has to be asked, and wakes whoever did.
    fn try_send(&self, _bytes: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    /// `SO_ERROR`, if any.
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }
}

impl Socket for TcpStream {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        chat_server::send(self, bytes)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Self::take_error(self)
    }
}

impl<S: AsyncRead + AsyncWrite + Socket + Unpin> Stream for Io<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Incoming>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len().into()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.0.try_send(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Pin::new(&mut self.0).poll_write(cx, bytes)
            }
            done => Poll::Ready(done),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }
}
