//! What turmoil's sockets lack of a kernel: a limited send buffer, giving up a silent peer, telling of a reset,
//! and reads and writes that do less than they were asked.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use turmoil::net::TcpStream;

use super::ground::{Ground, Wire, now};

/// The message of a planted panic.
pub(super) const PLANTED: &str = "a planted fault";

// The same patience as the server sets on its real sockets.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_RETRIES: u32 = 3;
const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// One in so many reads and writes is short,
const SHORT_ONE_IN: u64 = 4;
/// of at most so many bytes: less than a line.
const SHORT: u64 = 16;
/// One in so many writes finds the socket's buffer full.
const FULL_ONE_IN: u64 = 8;

/// A socket of the server's, with a kernel under it.
pub(super) struct Kernel {
    /// In a cell, since smol sends its FIN through a shared reference.
    stream: RefCell<TcpStream>,
    peer: SocketAddr,
    wire: Rc<RefCell<Wire>>,
    ground: Ground,
    /// When bytes last came.
    heard: Duration,
    /// The first write since it grew dark.
    unacknowledged: Option<Duration>,
    /// When to see again whether the peer can be reached.
    look: Pin<Box<Sleep>>,
}

impl Kernel {
    /// Takes over an accepted stream. Must be called within the host.
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, ground: Ground) -> Self {
        let look = Box::pin(sleep(KEEPALIVE_IDLE));
        let wire = ground.wire(peer);
        Self { stream: RefCell::new(stream), peer, wire, ground, heard: now(), unacknowledged: None, look }
    }

    fn dark_since(&self) -> Option<Duration> {
        self.ground.dark.borrow().get(&self.peer.ip()).copied()
    }

    /// When the kernel gives the peer up, as things stand.
    fn deadline(&self) -> Option<Duration> {
        let dark = self.dark_since()?;
        // As on Linux, keepalive does not ask a peer that owes an acknowledgement.
        if let Some(first) = self.unacknowledged.filter(|&first| first >= dark) {
            return Some(first + USER_TIMEOUT);
        }
        let answered = dark.saturating_sub(self.heard).as_secs() / KEEPALIVE_IDLE.as_secs();
        let answered = Duration::from_secs(answered * KEEPALIVE_IDLE.as_secs());
        Some(self.heard + answered + KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_RETRIES)
    }

    fn error(&self) -> Option<io::Error> {
        // A reset is on its way as long as anything may be.
        let reset = self.wire.borrow().reset.filter(|_| self.dark_since().is_none());
        if reset.is_some_and(|at| at + self.ground.latency < now()) {
            return Some(ErrorKind::ConnectionReset.into());
        }
        self.deadline().is_some_and(|deadline| deadline <= now()).then(|| ErrorKind::TimedOut.into())
    }

    /// Ready once the peer is given up. A peer is given up later than `KEEPALIVE_IDLE` after it fell silent,
    /// so looking that often misses none.
    fn poll_error(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            if let Some(error) = self.error() {
                return Poll::Ready(error);
            }
            ready!(self.look.as_mut().poll(cx));
            let wait = self.deadline().map_or(KEEPALIVE_IDLE, |deadline| deadline - now());
            self.look.as_mut().reset(Instant::now() + wait);
        }
    }

    /// A number below `bound`; the last one, if nothing is left to chance.
    fn chance(&self, bound: u64) -> u64 {
        self.ground.ragged.borrow_mut().as_mut().map_or(bound - 1, |rng| rng.draw() % bound)
    }

    /// How much of `asked` is done at once.
    fn share_of(&self, asked: usize) -> usize {
        if self.chance(SHORT_ONE_IN) == 0 {
            asked.min(1 + usize::try_from(self.chance(SHORT)).expect("below 16"))
        } else {
            asked
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let share = self.share_of(buf.len());
        let mut part = ReadBuf::new(&mut buf[..share]);
        // What had come before the peer fell silent is still there to be read.
        let Poll::Ready(result) = Pin::new(self.stream.get_mut()).poll_read(cx, &mut part) else {
            return self.poll_error(cx).map(Err);
        };
        let read = part.filled().len();
        assert!(!(self.wire.borrow().bomb && read > 0), "{PLANTED}");
        if result.is_ok() && read == 0 && self.wire.borrow().reset.is_some() {
            // turmoil ends what is dropped politely, if everything was read.
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        self.heard = now();
        Poll::Ready(result.map(|()| read))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(error) = self.poll_error(cx) {
            return Poll::Ready(Err(error));
        }
        if self.chance(FULL_ONE_IN) == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let room = self.ground.send_buffer.get().saturating_sub(self.wire.borrow().unread);
        if room == 0 {
            self.wire.borrow_mut().waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let share = self.share_of(bytes.len()).min(room);
        let written = ready!(Pin::new(self.stream.get_mut()).poll_write(cx, &bytes[..share]))?;
        self.wire.borrow_mut().unread += written;
        if let Some(dark) = self.dark_since() {
            self.unacknowledged = self.unacknowledged.filter(|&first| first >= dark).or(Some(now()));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}

impl AsyncRead for Kernel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = ready!(Self::poll_read(self.get_mut(), cx, buf.initialize_unfilled()))?;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Kernel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(self.get_mut(), cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_shutdown(self.get_mut(), cx)
    }
}

impl runtime_tokio::Socket for Kernel {
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.error())
    }
}

impl futures_io::AsyncRead for Kernel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(self.get_mut(), cx, buf)
    }
}

impl futures_io::AsyncWrite for Kernel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(self.get_mut(), cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // As async-io's: it only flushes.
        Poll::Ready(Ok(()))
    }
}

impl runtime_smol::Socket for Kernel {
    fn send_fin(&self) -> io::Result<()> {
        // turmoil never makes anybody wait for that.
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(&mut cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.error())
    }
}
