//! What turmoil's sockets lack of a kernel: giving up a silent peer, and reads and writes that do less than
//! they were asked.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use turmoil::net::TcpStream;

use crate::adapters::rng::Rng;
use crate::adapters::trace::now;

// The same patience as the server sets on its real sockets.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_RETRIES: u32 = 3;
const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// One in so many reads and writes is short,
const SHORT_ONE_IN: usize = 4;
/// of at most so many bytes: less than a line.
const SHORT: usize = 16;
/// One in so many writes finds the socket's buffer full.
const FULL_ONE_IN: usize = 8;

/// Which peers cannot be reached, and since when.
#[derive(Clone, Default)]
pub(crate) struct Weather(Rc<RefCell<BTreeMap<IpAddr, Duration>>>);

impl Weather {
    pub(crate) fn darken(&self, peer: IpAddr, at: Duration) {
        self.0.borrow_mut().entry(peer).or_insert(at);
    }

    pub(crate) fn clear_up(&self, peer: IpAddr) {
        self.0.borrow_mut().remove(&peer);
    }

    fn dark_since(&self, peer: IpAddr) -> Option<Duration> {
        self.0.borrow().get(&peer).copied()
    }
}

/// How a server's sockets differ from the best of all kernels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Temper {
    /// Where the chance of short reads and writes comes from; none: all are whole.
    pub(crate) ragged: Option<Rng>,
    /// Reading these bytes panics: a fault in the code of one connection.
    pub(crate) bomb: Option<&'static str>,
}

impl Temper {
    /// The temper of one socket: its chances are its own.
    pub(crate) fn split(&mut self) -> Self {
        Self { ragged: self.ragged.as_mut().map(|rng| Rng::new(rng.draw())), bomb: self.bomb }
    }
}

/// A socket of the server's, with a kernel under it.
pub(crate) struct Kernel {
    stream: TcpStream,
    peer: IpAddr,
    weather: Weather,
    temper: Temper,
    /// When bytes last came.
    heard: Duration,
    /// The first write since it grew dark.
    unacknowledged: Option<Duration>,
    /// When to look at the weather again.
    look: Pin<Box<Sleep>>,
}

impl Kernel {
    /// Takes over an accepted stream. Must be called within the host.
    pub(crate) fn new(stream: TcpStream, peer: IpAddr, weather: Weather, temper: Temper) -> Self {
        let look = Box::pin(sleep(KEEPALIVE_IDLE));
        Self { stream, peer, weather, temper, heard: now(), unacknowledged: None, look }
    }

    /// When the kernel gives the peer up, as things stand.
    fn deadline(&self) -> Option<Duration> {
        let dark = self.weather.dark_since(self.peer)?;
        // As on Linux, keepalive does not ask a peer that owes an acknowledgement.
        if let Some(first) = self.unacknowledged.filter(|&first| first >= dark) {
            return Some(first + USER_TIMEOUT);
        }
        let answered = dark.saturating_sub(self.heard).as_secs() / KEEPALIVE_IDLE.as_secs();
        let answered = Duration::from_secs(answered * KEEPALIVE_IDLE.as_secs());
        Some(self.heard + answered + KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_RETRIES)
    }

    fn error(&self) -> Option<io::Error> {
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

    /// How much of `asked` is done at once.
    fn share_of(&mut self, asked: usize) -> usize {
        match &mut self.temper.ragged {
            Some(rng) => {
                if rng.one_in(SHORT_ONE_IN) {
                    asked.min(1 + rng.below(SHORT))
                } else {
                    asked
                }
            }
            None => asked,
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let share = self.share_of(buf.len());
        let mut part = ReadBuf::new(&mut buf[..share]);
        // What had come before the peer fell silent is still there to be read.
        let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, &mut part) else {
            return self.poll_error(cx).map(Err);
        };
        let read = part.filled();
        if let Some(bomb) = self.temper.bomb {
            assert!(!String::from_utf8_lossy(read).contains(bomb), "a planted fault");
        }
        self.heard = now();
        Poll::Ready(result.map(|()| read.len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(error) = self.poll_error(cx) {
            return Poll::Ready(Err(error));
        }
        if self.temper.ragged.as_mut().is_some_and(|rng| rng.one_in(FULL_ONE_IN)) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let share = self.share_of(bytes.len());
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..share]))?;
        if let Some(dark) = self.weather.dark_since(self.peer) {
            self.unacknowledged = self.unacknowledged.filter(|&first| first >= dark).or(Some(now()));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
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

impl runtime_tokio::SocketError for Kernel {
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

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_shutdown(self.get_mut(), cx)
    }
}

impl runtime_smol::Socket for Kernel {
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.error())
    }
}
