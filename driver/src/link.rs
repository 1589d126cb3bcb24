//! One connection: reading, writing, closing. What it learns it tells the engine, and nobody else.

use std::io::{self, ErrorKind};
use std::mem;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use chat_core::{Attempt, Cause, ConnId, Event, Mono, Now, Reason};

use crate::log;
use crate::observe::Observed;
use crate::transport::{Incoming, Stream};

/// What one connection may read at a time: a screenful of pasted text many times over, and small enough
/// that a thousand eager senders take fair turns.
pub(crate) const SHARE: usize = 16 << 10;
/// What all connections may read in one turn, so that the answers to a flood are not kept waiting by it.
const INTAKE: usize = 256 << 10;
/// Shares still read after a write failed. What a reset left behind is at most a socket buffer.
const SHARES_AFTER_RESET: u8 = 16;

/// The one buffer that everybody reads into, and how much may still be read in this turn.
pub(crate) struct Intake {
    buffer: Box<[u8]>,
    left: usize,
}

impl Intake {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; SHARE].into_boxed_slice(), left: INTAKE }
    }

    pub(crate) fn begin_turn(&mut self) {
        self.left = INTAKE;
    }

    pub(crate) fn is_used(&self) -> bool {
        self.left < INTAKE
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.left == 0
    }
}

/// What one step of one connection works with.
pub(crate) struct Step<'a> {
    pub(crate) engine: &'a mut Observed,
    pub(crate) now: Now,
    pub(crate) intake: &'a mut Intake,
    /// Where a writer notes what has left, for the engine to hear of it.
    pub(crate) written: &'a mut Vec<(ConnId, usize)>,
    /// Wakes this connection's slot.
    pub(crate) cx: Context<'a>,
}

/// How a connection goes on after a step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// When its waker says so.
    Wait,
    /// In the next turn: there may be more to do.
    Again,
    /// Not at all.
    Gone(Cause),
}

/// The state of our sending side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Open,
    /// The engine wants it closed: our FIN follows the outgoing chunk, and input is discarded.
    Closing,
    /// Our FIN is on its way; the peer's is awaited.
    Shut,
    /// A write failed. What the peer sent before that is still read.
    Broken {
        cause: Cause,
        shares_left: u8,
    },
}

/// One connection.
pub(crate) struct Link<S> {
    pub(crate) id: ConnId,
    /// When it was accepted.
    pub(crate) since: Mono,
    /// Why the engine closes it, if it does.
    pub(crate) reason: Option<Reason>,
    /// The peer's port, unless that is a proxy's.
    pub(crate) port: Option<u16>,
    /// Whether it has had a nickname.
    pub(crate) known: bool,
    /// Whether it has said a wrong password.
    pub(crate) guessed: bool,
    /// Whether it is among those watched for a reset.
    pub(crate) watched: bool,
    /// Whether it is in a handshake, or before one: it can wait for those who talk.
    pub(crate) securing: bool,
    /// Whether it stands in the queue of those.
    pub(crate) deferred: bool,
    stream: S,
    /// The one outstanding write, or what is left of it.
    chunk: Bytes,
    output: Output,
    /// Whether the engine wants input.
    reading: bool,
    /// Whether the peer has ended its side.
    finished: bool,
}

impl<S: Stream> Link<S> {
    pub(crate) fn new(id: ConnId, since: Mono, port: u16, stream: S) -> Self {
        Self {
            id,
            since,
            reason: None,
            port: Some(port),
            known: false,
            guessed: false,
            watched: false,
            securing: !stream.is_open(),
            deferred: false,
            stream,
            chunk: Bytes::new(),
            output: Output::Open,
            reading: true,
            finished: false,
        }
    }

    /// Whether a reset would go unnoticed, since nothing is read.
    pub(crate) fn needs_watching(&self) -> bool {
        self.output == Output::Open && !self.wants_input()
    }

    /// It was accepted, or a proxy has said for whom.
    pub(crate) fn begin(&mut self, step: &mut Step<'_>) {
        if !self.securing {
            step.engine.handle(step.now, self.id, Event::Opened);
        }
    }

    /// It was woken: tries whatever was waiting, both ways.
    pub(crate) fn serve(&mut self, step: &mut Step<'_>) -> Next {
        match self.flush(step) {
            Next::Wait => self.read(step),
            // A write failed: first the reactor is to tell of what came before that.
            next => next,
        }
    }

    /// The engine has something to say. The chunk before this one has left.
    pub(crate) fn write(&mut self, step: &mut Step<'_>, bytes: Bytes) -> Next {
        if matches!(self.output, Output::Broken { .. }) {
            return Next::Again;
        }
        assert!(self.chunk.is_empty(), "one outstanding write at most");
        self.chunk = bytes;
        let (written, next) = self.send(&mut step.cx);
        if written > 0 {
            step.written.push((self.id, written));
        }
        next
    }

    /// The engine wants input, or has enough of it.
    pub(crate) fn set_reading(&mut self, enabled: bool) -> Next {
        self.reading = enabled;
        // No read is pending while input is not wanted, so nothing but this would wake it.
        if enabled { Next::Again } else { Next::Wait }
    }

    /// The engine is done with this peer: the rest of the chunk, our FIN, then whatever it sends until its own.
    pub(crate) fn close_after_flush(&mut self, step: &mut Step<'_>, reason: Reason) -> Next {
        self.reason.get_or_insert(reason);
        match self.output {
            Output::Broken { cause, .. } => return Next::Gone(cause),
            Output::Open => self.output = Output::Closing,
            Output::Closing | Output::Shut => {}
        }
        match self.flush(step) {
            gone @ Next::Gone(_) => gone,
            Next::Wait | Next::Again => Next::Again,
        }
    }

    /// Looks for a reset that no read would notice.
    pub(crate) fn check(&mut self) -> Next {
        match self.stream.take_error() {
            Ok(None) => Next::Wait,
            Ok(Some(error)) | Err(error) => self.break_off(cause_of(&error)),
        }
    }

    /// Writes as much of the chunk as the kernel takes, and our FIN after it if it is time.
    fn flush(&mut self, step: &mut Step<'_>) -> Next {
        let (written, next) = self.send(&mut step.cx);
        if written > 0 {
            step.engine.handle(step.now, self.id, Event::Wrote(written));
        }
        next
    }

    /// The same, before the engine knows how much that was.
    fn send(&mut self, cx: &mut Context<'_>) -> (usize, Next) {
        let mut sent = 0;
        while !self.chunk.is_empty() {
            let written = match self.stream.poll_write(cx, &self.chunk) {
                Poll::Pending => return (sent, Next::Wait),
                Poll::Ready(Ok(0)) => return (sent, self.break_off(Cause::Failed)),
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(error)) => return (sent, self.break_off(cause_of(&error))),
            };
            // A chunk written whole is let go at once: it may be all that keeps a shared segment alive.
            if written == self.chunk.len() {
                drop(mem::take(&mut self.chunk));
            } else {
                self.chunk.advance(written);
            }
            sent += written;
        }
        let next = if self.output == Output::Closing { self.shut(cx) } else { Next::Wait };
        (sent, next)
    }

    /// Sends our FIN. If that fails, the peer is gone, and its reads will say so.
    fn shut(&mut self, cx: &mut Context<'_>) -> Next {
        if self.stream.poll_shutdown(cx).is_pending() {
            return Next::Wait;
        }
        self.output = Output::Shut;
        if self.finished { Next::Gone(Cause::Closed) } else { Next::Again }
    }

    /// Stops writing. The chunk is dropped without credit, so that the engine hands out no more.
    fn break_off(&mut self, cause: Cause) -> Next {
        self.chunk = Bytes::new();
        if self.output != Output::Open {
            return Next::Gone(cause);
        }
        self.output = Output::Broken { cause, shares_left: SHARES_AFTER_RESET };
        Next::Again
    }

    /// Reads until the peer has no more, or this turn's share is used up.
    fn read(&mut self, step: &mut Step<'_>) -> Next {
        if let Output::Broken { cause, shares_left } = &mut self.output {
            if *shares_left == 0 || self.finished {
                return Next::Gone(*cause);
            }
            *shares_left -= 1;
        }
        let mut share = SHARE.min(step.intake.left);
        while self.wants_input() {
            if share == 0 {
                return Next::Again;
            }
            match self.stream.poll_read(&mut step.cx, &mut step.intake.buffer[..share]) {
                Poll::Pending => return self.input_paused(),
                Poll::Ready(Ok(Incoming::Text(read))) => {
                    share -= read;
                    step.intake.left -= read;
                    if !self.discards() {
                        step.engine.handle(step.now, self.id, Event::Received(&step.intake.buffer[..read]));
                        self.guessed |= step.engine.engine().secrets().1.contains(&Attempt::Wrong);
                    }
                }
                Poll::Ready(Ok(Incoming::Overhead(read))) => {
                    share -= read;
                    step.intake.left -= read;
                }
                Poll::Ready(Ok(Incoming::Ended)) => return self.input_ended(step, Event::PeerFinished),
                Poll::Ready(Ok(Incoming::CutShort)) => return self.input_ended(step, Event::CutShort),
                Poll::Ready(Ok(Incoming::Forwarded(peer))) => {
                    step.engine.handle(step.now, self.id, Event::Forwarded(peer));
                    self.port = None;
                    log::forwarded(self.id, peer);
                    self.securing = !self.stream.is_open();
                    self.begin(step);
                    return Next::Again;
                }
                Poll::Ready(Ok(Incoming::Securing)) => {
                    self.securing = true;
                    step.engine.handle(step.now, self.id, Event::Securing);
                    return Next::Again;
                }
                Poll::Ready(Ok(Incoming::Opened)) => {
                    self.securing = false;
                    step.engine.handle(step.now, self.id, Event::Opened);
                    // A write may have waited for this.
                    return Next::Again;
                }
                Poll::Ready(Ok(Incoming::Violated(violation))) => {
                    self.securing = false;
                    step.engine.handle(step.now, self.id, Event::Violated(violation));
                    // What the engine thinks of that comes first.
                    return Next::Again;
                }
                Poll::Ready(Err(error)) => return self.input_failed(&error),
            }
        }
        Next::Wait
    }

    fn wants_input(&self) -> bool {
        let wanted = match self.output {
            Output::Open => self.reading,
            Output::Closing | Output::Shut | Output::Broken { .. } => true,
        };
        wanted && !self.finished
    }

    /// Whether input is read only to be out of the way.
    fn discards(&self) -> bool {
        matches!(self.output, Output::Closing | Output::Shut)
    }

    fn input_paused(&self) -> Next {
        match self.output {
            Output::Broken { cause, .. } => Next::Gone(cause),
            Output::Open | Output::Closing | Output::Shut => Next::Wait,
        }
    }

    fn input_ended(&mut self, step: &mut Step<'_>, event: Event<'_>) -> Next {
        self.finished = true;
        match self.output {
            Output::Open => step.engine.handle(step.now, self.id, event),
            Output::Closing => {}
            Output::Shut => return Next::Gone(Cause::Closed),
            Output::Broken { cause, .. } => return Next::Gone(cause),
        }
        Next::Wait
    }

    fn input_failed(&self, error: &io::Error) -> Next {
        Next::Gone(match self.output {
            Output::Open => cause_of(error),
            Output::Closing | Output::Shut => Cause::Closed,
            Output::Broken { cause, .. } => cause,
        })
    }
}

fn cause_of(error: &io::Error) -> Cause {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Cause::Reset,
        ErrorKind::TimedOut => Cause::TimedOut,
        _ => Cause::Failed,
    }
}
