//! Transports with a handshake, as TLS has it, between the kernel and the driver.

use std::io;
use std::mem;
use std::task::{Context, Poll, ready};

use chat_core::Violation;
use chat_driver::{Incoming, Stream};

use super::ground::Ground;
use crate::tape::Rng;

/// A stream, secured or not.
pub(super) struct Secured<S> {
    inner: S,
    stage: Stage,
    /// Came before the handshake was done, and is text behind it.
    held: Vec<u8>,
    rng: Rng,
    ground: Ground,
}

/// How far the transport has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Text flows, for good.
    Plain,
    /// Text flows, unless the first bytes begin a handshake.
    Undecided,
    /// The first bytes begin a handshake.
    Awaited,
    /// The first bytes are none that it could understand.
    Refusing(Violation),
    /// A handshake is under way, and may never end.
    Securing { for_ever: bool },
    /// Text flows, and may become garbled or be cut short.
    Open,
    /// What comes means nothing any more.
    Over,
}

impl<S: Stream> Secured<S> {
    pub(super) fn new(inner: S, ground: Ground) -> Self {
        let seed = ground.secure.borrow_mut().as_mut().map(Rng::draw);
        let mut rng = Rng::new(seed.unwrap_or_default());
        let stage = match rng.draw() % 8 {
            _ if seed.is_none() => Stage::Plain,
            0 => Stage::Refusing(Violation::Plaintext),
            1 => Stage::Refusing(Violation::Garbled),
            2 | 3 => Stage::Awaited,
            4 | 5 => Stage::Undecided,
            _ => Stage::Plain,
        };
        Self { inner, stage, held: Vec::new(), rng, ground }
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.ground.secure.borrow().is_some() && self.rng.draw().is_multiple_of(count)
    }

    /// What is made of so many bytes, which are text where text flows.
    fn take_in(&mut self, bytes: &[u8]) -> Incoming {
        let stage = self.stage;
        match stage {
            Stage::Plain => Incoming::Text(bytes.len()),
            Stage::Open if self.one_in(40) => {
                self.stage = Stage::Over;
                Incoming::Violated(Violation::Garbled)
            }
            Stage::Open => Incoming::Text(bytes.len()),
            Stage::Refusing(violation) => {
                self.stage = Stage::Over;
                Incoming::Violated(violation)
            }
            Stage::Undecided | Stage::Awaited => {
                self.held = bytes.to_vec();
                self.stage = Stage::Securing { for_ever: self.one_in(8) };
                Incoming::Securing
            }
            Stage::Securing { .. } | Stage::Over => Incoming::Overhead(bytes.len()),
        }
    }
}

impl<S: Stream> Stream for Secured<S> {
    fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Plain | Stage::Undecided)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Incoming>> {
        if let Stage::Securing { for_ever: false } = self.stage {
            self.stage = Stage::Open;
            return Poll::Ready(Ok(Incoming::Opened));
        }
        if self.stage == Stage::Open && !self.held.is_empty() {
            let count = self.held.len().min(buf.len());
            buf[..count].copy_from_slice(&self.held[..count]);
            self.held.drain(..count);
            return Poll::Ready(Ok(Incoming::Text(count)));
        }
        Poll::Ready(Ok(match ready!(self.inner.poll_read(cx, buf))? {
            Incoming::Text(count) => self.take_in(&buf[..count]),
            Incoming::Ended if self.stage == Stage::Open && self.one_in(2) => Incoming::CutShort,
            incoming => incoming,
        }))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stage = self.stage;
        match stage {
            Stage::Securing { .. } => return Poll::Pending,
            // Some begin one all the same, and are not heeded.
            Stage::Undecided if self.one_in(2) => self.stage = Stage::Plain,
            Stage::Awaited | Stage::Refusing(_) => self.stage = Stage::Over,
            _ => {}
        }
        self.inner.poll_write(cx, bytes)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.stage != Stage::Plain {
            self.stage = Stage::Over;
            drop(mem::take(&mut self.held));
        }
        self.inner.poll_shutdown(cx)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}
