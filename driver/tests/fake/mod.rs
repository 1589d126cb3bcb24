//! A listener, streams and a clock in memory, and a driver on them that is polled by hand.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use chat_core::{Config, Engine, Mono, Now};
use chat_driver::{Clock, Driver, Fault, Handle, HistoryStore, Incoming, Listener, Observer, Stream};
use chrono::DateTime;

/// Turns after which a driver that still has something to do counts as spinning.
const MANY_TURNS: usize = 1_000;

/// One connection, seen from the network.
#[derive(Default)]
pub(crate) struct Wire {
    /// What the driver will read, piece by piece; an empty piece is the end.
    pub(crate) input: VecDeque<Vec<u8>>,
    pub(crate) output: Vec<u8>,
    /// The reactor has not told of input yet: the next read finds none, and is woken.
    pub(crate) untold: bool,
    /// Writes that took something.
    pub(crate) writes: usize,
    /// Bytes that one write takes at most; none: all of them.
    pub(crate) write_size: Option<usize>,
    /// Bytes that are taken before writes block; none: any number.
    pub(crate) window: Option<usize>,
    pub(crate) write_error: Option<ErrorKind>,
    pub(crate) pending_error: Option<ErrorKind>,
    pub(crate) panics_on_read: bool,
    pub(crate) panics_on_write: bool,
    pub(crate) shut: bool,
    pub(crate) dropped: bool,
    waker: Option<Waker>,
}

/// The peer's end of a connection.
#[derive(Clone, Default)]
pub(crate) struct Peer(pub(crate) Rc<RefCell<Wire>>);

impl Peer {
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) {
        self.0.borrow_mut().input.push_back(bytes.as_ref().to_vec());
        self.wake();
    }

    pub(crate) fn finish(&self) {
        self.send([]);
    }

    pub(crate) fn wake(&self) {
        let waker = self.0.borrow_mut().waker.take();
        waker.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn heard(&self) -> String {
        String::from_utf8(self.0.borrow().output.clone()).unwrap()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.borrow().dropped
    }
}

pub(crate) struct FakeStream(Rc<RefCell<Wire>>);

impl Drop for FakeStream {
    fn drop(&mut self) {
        self.0.borrow_mut().dropped = true;
    }
}

impl Stream for FakeStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Incoming>> {
        let mut wire = self.0.borrow_mut();
        assert!(!wire.panics_on_read, "asked to");
        if wire.untold {
            wire.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let Some(mut piece) = wire.input.pop_front() else {
            wire.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let count = piece.len().min(buf.len());
        buf[..count].copy_from_slice(&piece[..count]);
        if count < piece.len() {
            wire.input.push_front(piece.split_off(count));
        }
        Poll::Ready(Ok(count.into()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.0.borrow_mut();
        assert!(!wire.panics_on_write, "asked to");
        if let Some(error) = wire.write_error {
            return Poll::Ready(Err(error.into()));
        }
        let most = wire.write_size.unwrap_or(usize::MAX).min(wire.window.unwrap_or(usize::MAX));
        let count = bytes.len().min(most);
        if count == 0 {
            wire.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        wire.output.extend(&bytes[..count]);
        wire.writes += 1;
        wire.window = wire.window.map(|window| window - count);
        Poll::Ready(Ok(count))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().shut = true;
        Poll::Ready(Ok(()))
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.0.borrow_mut().pending_error.take().map(io::Error::from))
    }
}

/// What the listener will say, and how often it was asked.
#[derive(Default)]
pub(crate) struct Door {
    queue: VecDeque<Peer>,
    pub(crate) error: Option<ErrorKind>,
    pub(crate) asked: usize,
    waker: Option<Waker>,
}

pub(crate) struct FakeListener(Rc<RefCell<Door>>);

impl Listener for FakeListener {
    type Stream = FakeStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(FakeStream, SocketAddr)>> {
        let mut door = self.0.borrow_mut();
        door.asked += 1;
        if let Some(error) = door.error {
            return Poll::Ready(Err(error.into()));
        }
        match door.queue.pop_front() {
            Some(peer) => Poll::Ready(Ok((FakeStream(peer.0), ([127, 0, 0, 1], 1).into()))),
            None => {
                door.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

pub(crate) struct FakeClock(Rc<Cell<Mono>>);

impl Clock for FakeClock {
    fn now(&self) -> Now {
        Now { mono: self.0.get(), utc: DateTime::from_timestamp_nanos(self.0.get().0 as i64) }
    }

    fn poll_until(&mut self, _cx: &mut Context<'_>, deadline: Mono) -> Poll<()> {
        if self.0.get() < deadline { Poll::Pending } else { Poll::Ready(()) }
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A driver and the world around it.
pub(crate) struct World<L: Listener = FakeListener> {
    driver: Driver<FakeClock, L>,
    pub(crate) door: Rc<RefCell<Door>>,
    time: Rc<Cell<Mono>>,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self::with_listener(config, |listener| listener)
    }

    /// One whose history is stored there.
    pub(crate) fn with_store(config: Config, store: Box<dyn HistoryStore>) -> Self {
        let World { driver, door, time } = Self::new(config);
        Self { driver: driver.with_store(Some(store)), door, time }
    }

    /// One with somebody who looks on.
    pub(crate) fn observed(config: Config, observer: Box<dyn Observer>) -> Self {
        let World { door, time, .. } = Self::new(config.clone());
        let (engine, clock) = (Engine::new(config).unwrap(), FakeClock(Rc::clone(&time)));
        let listener = FakeListener(Rc::clone(&door));
        Self { driver: Driver::with_observer(engine, clock, vec![listener], Some(observer)), door, time }
    }
}

impl<L: Listener> World<L> {
    /// One whose listener is wrapped in another.
    pub(crate) fn with_listener(config: Config, wrap: impl FnOnce(FakeListener) -> L) -> Self {
        let (door, time) = (Rc::<RefCell<Door>>::default(), Rc::<Cell<Mono>>::default());
        let listener = wrap(FakeListener(Rc::clone(&door)));
        let engine = Engine::new(config).unwrap();
        Self { driver: Driver::new(engine, FakeClock(Rc::clone(&time)), vec![listener]), door, time }
    }

    /// Somebody connects, who has sent these bytes already.
    pub(crate) fn connect(&mut self, bytes: &str) -> Peer {
        let peer = self.knock(bytes);
        assert!(self.run().is_pending());
        peer
    }

    /// Somebody waits to be accepted, and has sent these bytes already.
    pub(crate) fn knock(&self, bytes: impl AsRef<[u8]>) -> Peer {
        let peer = self.arrive();
        peer.send(bytes);
        peer
    }

    /// Somebody waits to be accepted, and has sent nothing.
    pub(crate) fn arrive(&self) -> Peer {
        let peer = Peer::default();
        let mut door = self.door.borrow_mut();
        door.queue.push_back(peer.clone());
        door.waker.take().into_iter().for_each(Waker::wake);
        peer
    }

    /// Polls once.
    pub(crate) fn turn(&mut self) -> Poll<Result<(), Fault>> {
        Pin::new(&mut self.driver).poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Polls until there is nothing left to do.
    pub(crate) fn run(&mut self) -> Poll<Result<(), Fault>> {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        for _ in 0..MANY_TURNS {
            let result = Pin::new(&mut self.driver).poll(&mut Context::from_waker(&waker));
            if result.is_ready() || !flag.0.swap(false, Ordering::Relaxed) {
                return result;
            }
        }
        panic!("the driver spins");
    }

    /// Lets time pass, and nothing happen.
    pub(crate) fn advance(&self, duration: Duration) {
        self.time.set(self.time.get().after(duration));
    }

    /// Lets time pass, second by second, and whatever it brings happen: one long step would be that of a process that
    /// stood still.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let mut left = duration;
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(1));
            self.advance(step);
            assert!(self.run().is_pending());
            left -= step;
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        self.driver.handle()
    }

    pub(crate) fn shut_down(&mut self) -> Poll<Result<(), Fault>> {
        self.driver.handle().shutdown();
        self.run()
    }
}
