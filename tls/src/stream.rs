//! A connection, secured or not.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use chat_core::Violation;
use chat_driver::{Incoming, Stream};

use crate::acceptor::Acceptor;
use crate::listener::Security;
use crate::session::{Session, Step};

/// The first byte of every handshake (RFC 8446, section 5.1), and of no text: a control character that nobody types.
const HANDSHAKE: u8 = 0x16;

/// A connection, secured or not.
pub struct SecureStream<S> {
    inner: S,
    layer: Layer,
}

/// What stands between the stream and its text.
enum Layer {
    /// Nothing.
    Plain,
    /// Nothing, unless the first byte begins a handshake.
    Undecided(Arc<Acceptor>),
    /// TLS, of which nothing has come yet.
    Awaited(Arc<Acceptor>),
    /// TLS. Behind a pointer, so that those without it are as small as they were.
    Tls(Box<Session>),
}

impl<S: Stream> SecureStream<S> {
    pub(crate) fn new(inner: S, security: &Security) -> Self {
        let layer = match security {
            Security::Plain => Layer::Plain,
            Security::Either(acceptor) => Layer::Undecided(Arc::clone(acceptor)),
            Security::Required(acceptor) => Layer::Awaited(Arc::clone(acceptor)),
        };
        Self { inner, layer }
    }

    /// The first bytes have come: they decide.
    fn decide(&mut self, first: &[u8]) -> io::Result<Incoming> {
        let (acceptor, plaintext) = match &self.layer {
            Layer::Undecided(acceptor) => (acceptor, Incoming::Text(first.len())),
            Layer::Awaited(acceptor) => (acceptor, Incoming::Violated(Violation::Plaintext)),
            Layer::Plain | Layer::Tls(_) => return Ok(Incoming::Text(first.len())),
        };
        if first[0] != HANDSHAKE {
            // From here on it is plain, also where it is refused: the reason can be read.
            self.layer = Layer::Plain;
            return Ok(plaintext);
        }
        let mut session = Session::new(acceptor.accept().map_err(io::Error::other)?);
        session.receive(first);
        self.layer = Layer::Tls(Box::new(session));
        Ok(Incoming::Securing)
    }

    /// Sends what is outgoing.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Layer::Tls(session) = &mut self.layer else { return Poll::Ready(Ok(())) };
        while !session.outgoing().is_empty() {
            let sent = ready!(self.inner.poll_write(cx, session.outgoing()))?;
            if sent == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            session.sent(sent);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read_tls(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Incoming>> {
        let Layer::Tls(session) = &mut self.layer else { unreachable!("only where there is TLS") };
        let mut step = session.step(buf);
        if step == Step::Blocked(0) {
            let incoming = ready!(self.inner.poll_read(cx, buf))?;
            let Incoming::Text(count) = incoming else {
                // Of a handshake nothing is left to be served; later, what came before still is.
                let handshaking = session.is_handshaking();
                return Poll::Ready(Ok(if handshaking { Incoming::Ended } else { Incoming::CutShort }));
            };
            if session.is_over() {
                return Poll::Ready(Ok(Incoming::Overhead(count)));
            }
            session.receive(&buf[..count]);
            step = session.step(buf);
        }
        Poll::Ready(Ok(match step {
            Step::Text(count) => Incoming::Text(count),
            Step::Blocked(overhead) => Incoming::Overhead(overhead.min(buf.len())),
            Step::Answered => Incoming::Securing,
            Step::Opened => Incoming::Opened,
            Step::Ended => Incoming::Ended,
            Step::Failed => Incoming::Violated(Violation::Garbled),
        }))
    }
}

impl<S: Stream> Stream for SecureStream<S> {
    fn is_open(&self) -> bool {
        matches!(self.layer, Layer::Plain | Layer::Undecided(_)) && self.inner.is_open()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Incoming>> {
        match &self.layer {
            Layer::Plain => self.inner.poll_read(cx, buf),
            Layer::Undecided(_) | Layer::Awaited(_) => match ready!(self.inner.poll_read(cx, buf))? {
                Incoming::Text(count) => Poll::Ready(self.decide(&buf[..count])),
                incoming => Poll::Ready(Ok(incoming)),
            },
            Layer::Tls(_) => {
                // An answer of the handshake may have had to wait, and others may be due now. Whether the peer is still
                // there, reading will tell.
                let _ = self.poll_flush(cx);
                let incoming = self.poll_read_tls(cx, buf);
                let _ = self.poll_flush(cx);
                incoming
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.layer {
            Layer::Plain => return self.inner.poll_write(cx, bytes),
            Layer::Undecided(_) | Layer::Awaited(_) => {
                // Whoever has been spoken to in plain text cannot begin a handshake any more.
                self.layer = Layer::Plain;
                return self.inner.poll_write(cx, bytes);
            }
            // The driver tries again when the handshake is done.
            Layer::Tls(session) if session.is_handshaking() => return Poll::Pending,
            Layer::Tls(_) => {}
        }
        loop {
            ready!(self.poll_flush(cx))?;
            let Layer::Tls(session) = &mut self.layer else { unreachable!("the others have returned") };
            if session.is_over() {
                return Poll::Ready(Ok(bytes.len()));
            }
            if session.has_failed() {
                return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
            }
            match session.take_sealed() {
                0 => session.seal(bytes),
                left => return Poll::Ready(Ok(left)),
            }
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Tls(session) => session.say_goodbye(),
            // It is too late for a handshake.
            layer => *layer = Layer::Plain,
        }
        ready!(self.poll_flush(cx))?;
        self.inner.poll_shutdown(cx)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}
