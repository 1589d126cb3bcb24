//! The turn: accept, read, let time pass, carry out what the engine wants, sleep.

mod actions;

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use chat_core::{Cause, ConnId, Engine, Event, Mono, Now};

use crate::accept::{Accept, Acceptor};
use crate::fault::Fault;
use crate::link::{Intake, Link, Next, Step};
use crate::log::{self, Log};
use crate::observe::{Observed, Observer};
use crate::ready::{Handle, Ready};
use crate::store::{HistoryStore, Storing};
use crate::transport::{Clock, Listener};
use crate::watch::Watch;

/// Connections accepted from one listener in one turn, so that a rush does not silence those who are here.
const ACCEPT_BURST: usize = 64;

/// Steps of handshakes in one turn. Public-key cryptography takes from 0.1 ms (ECDSA) to 1 ms (RSA) a step, so a rush of
/// newcomers makes a turn this much longer, and no more.
const HANDSHAKES: usize = 8;

/// Writes that are taken from the engine together, then made, then credited. A write leaves little of ours in the
/// processor's caches, so the engine is better not left and entered again for each.
const WRITES: usize = 64;

/// The server: an engine, its listeners and its connections, as one future.
///
/// It resolves after [`Handle::shutdown`], once the last connection is gone, or at once with a [`Fault`].
/// A panic in the code of one connection ends that connection alone. Poll it without a cooperative budget:
/// it bounds each turn itself, and yields after it.
pub struct Driver<C, L: Listener> {
    engine: Observed,
    clock: C,
    acceptors: Vec<Acceptor<L>>,
    /// By [`ConnId::slot`].
    links: Vec<Option<Link<L::Stream>>>,
    ready: Ready,
    /// Slots of connections in a handshake that can go on, once all others have had their turn.
    handshakes: VecDeque<usize>,
    watch: Watch,
    intake: Intake,
    /// What the engine wants written, and nobody has tried to.
    writes: Vec<(ConnId, Bytes)>,
    /// What has been written and the engine does not know of.
    written: Vec<(ConnId, usize)>,
    store: Option<Box<dyn HistoryStore>>,
    storing: Storing,
    /// Until when those who are ready wait for what is being stored.
    pause: Option<Mono>,
    log: Log,
    /// Whether input has come that is not answered yet: the reactor has a look at who else has some.
    gathering: bool,
    stopping: bool,
}

impl<C: Clock, L: Listener> Future for Driver<C, L> {
    type Output = Result<(), Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let driver = self.get_mut();
        match driver.turn(cx) {
            Err(fault) => {
                log::fault();
                Poll::Ready(Err(fault))
            }
            Ok(_) if driver.stopping && driver.engine.engine().connections() == 0 => {
                driver.log.finish();
                Poll::Ready(Ok(()))
            }
            Ok(more) => {
                if more || driver.deadline_passed(cx) {
                    // Not at once: first the reactor learns who else is ready.
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }
}

impl<C: Clock, L: Listener> Driver<C, L> {
    /// A server that has not begun: it does nothing until polled.
    pub fn new(engine: Engine, clock: C, listeners: Vec<L>) -> Self {
        Self::with_observer(engine, clock, listeners, None)
    }

    /// The same, with somebody who sees what is said to the engine and what it answers.
    pub fn with_observer(
        engine: Engine,
        clock: C,
        listeners: Vec<L>,
        observer: Option<Box<dyn Observer>>,
    ) -> Self {
        Self {
            engine: Observed::new(engine, observer),
            clock,
            acceptors: listeners.into_iter().map(Acceptor::new).collect(),
            links: Vec::new(),
            ready: Ready::new(),
            handshakes: VecDeque::new(),
            watch: Watch::default(),
            intake: Intake::new(),
            writes: Vec::with_capacity(WRITES),
            written: Vec::with_capacity(WRITES),
            store: None,
            storing: Storing::default(),
            pause: None,
            log: Log::default(),
            gathering: false,
            stopping: false,
        }
    }

    /// The same, with where its history is stored: needed if the engine's [`store`](chat_core::Config::store) is set.
    #[must_use]
    pub fn with_store(mut self, store: Option<Box<dyn HistoryStore>>) -> Self {
        self.store = store;
        self
    }

    /// A handle to shut it down with, to ask for a look at its engine, or to answer as its store.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.ready.handle()
    }

    /// One turn; whether there is more to do without anybody waking us.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<bool, Fault> {
        self.ready.gather(cx.waker());
        let now = self.clock.now();
        if let Some(bans) = self.ready.take_bans() {
            self.enter(|engine| engine.ban(now, bans))?;
        }
        self.hear_store(now)?;
        if self.ready.shutdown_asked() && !self.stopping {
            self.stopping = true;
            self.acceptors.clear();
            self.enter(|engine| engine.shutdown(now))?;
        }
        let more_waiting = self.accept(now, cx)?;
        // A turn that has begun goes on.
        let pauses = !self.gathering && !self.stopping && self.storing.pause(now.mono).is_some();
        if !pauses {
            self.serve(now)?;
        }
        self.pass_time(now)?;
        if !pauses && self.gather() {
            return Ok(true);
        }
        self.drain(now)?;
        if self.ready.take_inspection() {
            self.enter(Observed::inspect)?;
        }
        let waits = self.ready.len() > 0 || !self.handshakes.is_empty();
        self.pause = self.storing.pause(now.mono).filter(|_| waits && !self.stopping);
        Ok(more_waiting || waits && self.pause.is_none())
    }

    /// Whether to ask the reactor once more before this turn's input is answered. What several people say within
    /// the time of a system call or two then costs each listener one write, and not several. Those who have more
    /// to say already fill the turn, and nobody is to have two shares of it.
    fn gather(&mut self) -> bool {
        let full = self.intake.is_spent() || self.engine.engine().is_full();
        let input = self.intake.is_used() && !full;
        self.gathering = input && !self.gathering && !self.stopping && self.ready.len() == 0;
        self.gathering
    }

    /// Takes in who is waiting; whether somebody may be left.
    fn accept(&mut self, now: Now, cx: &mut Context<'_>) -> Result<bool, Fault> {
        let mut more = false;
        for index in 0..self.acceptors.len() {
            let mut burst = 0..ACCEPT_BURST;
            more |= loop {
                if burst.next().is_none() {
                    break true;
                }
                match self.acceptors[index].accept(now.mono, cx) {
                    Accept::New(stream, peer) => self.open(stream, peer, now)?,
                    Accept::Missed => {}
                    Accept::Idle => break false,
                }
            };
        }
        Ok(more)
    }

    fn open(&mut self, stream: L::Stream, peer: SocketAddr, now: Now) -> Result<(), Fault> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let id = self.enter(|engine| engine.connect(now, peer))?;
        log::connected(id, peer);
        if self.links.len() <= id.slot() {
            self.links.resize_with(id.slot() + 1, || None);
        }
        let vacant = self.links[id.slot()].replace(Link::new(id, now.mono, peer.port(), stream)).is_none();
        assert!(vacant, "the engine gave out a slot that is in use");
        self.step(id.slot(), now, |link, step| {
            link.begin(step);
            Next::Again
        })
    }

    /// Serves those who are ready by now, each once, until the turn's input is used up.
    fn serve(&mut self, now: Now) -> Result<(), Fault> {
        if !self.gathering {
            self.intake.begin_turn();
        }
        for _ in 0..self.ready.len() {
            if self.intake.is_spent() || self.engine.engine().is_full() {
                break;
            }
            if let Some(slot) = self.ready.pop()
                && !self.defer(slot)
            {
                self.step(slot, now, Link::serve)?;
            }
        }
        for _ in 0..self.handshakes.len().min(HANDSHAKES) {
            let slot = self.handshakes.pop_front().expect("so many are there");
            if let Some(link) = &mut self.links[slot] {
                link.deferred = false;
            }
            self.step(slot, now, Link::serve)?;
        }
        Ok(())
    }

    /// Lets a connection wait that is in a handshake; whether it is.
    fn defer(&mut self, slot: usize) -> bool {
        let Some(link) = self.links[slot].as_mut().filter(|link| link.securing) else { return false };
        if !mem::replace(&mut link.deferred, true) {
            self.handshakes.push_back(slot);
        }
        true
    }

    /// What the time brings: the engine's deadline, and a look at those that are not being read.
    fn pass_time(&mut self, now: Now) -> Result<(), Fault> {
        if self.engine.engine().poll_timeout().is_some_and(|(deadline, _)| deadline <= now.mono) {
            self.enter(|engine| engine.handle_timeout(now))?;
        }
        self.log.sum_up(now.mono);
        for slot in self.watch.due(now.mono) {
            self.step(slot, now, |link, _| link.check())?;
        }
        Ok(())
    }

    /// Arms the clock at the next deadline; whether that has passed already.
    fn deadline_passed(&mut self, cx: &mut Context<'_>) -> bool {
        let engine = self.engine.engine().poll_timeout().map(|(deadline, _)| deadline);
        let accept = self.acceptors.iter().filter_map(Acceptor::deadline);
        let others = [self.watch.deadline(), self.log.deadline(), self.pause];
        let next = engine.into_iter().chain(others.into_iter().flatten()).chain(accept).min();
        next.is_some_and(|deadline| self.clock.poll_until(cx, deadline).is_ready())
    }

    /// As `step`, if that very connection is still here: the engine may speak of one that has just gone.
    fn step_of(
        &mut self,
        conn: ConnId,
        now: Now,
        act: impl FnOnce(&mut Link<L::Stream>, &mut Step<'_>) -> Next,
    ) -> Result<(), Fault> {
        match self.links.get(conn.slot()) {
            Some(Some(link)) if link.id == conn => self.step(conn.slot(), now, act),
            _ => Ok(()),
        }
    }

    /// Lets one connection act, if the slot holds one. A panic ends that connection alone.
    fn step(
        &mut self,
        slot: usize,
        now: Now,
        act: impl FnOnce(&mut Link<L::Stream>, &mut Step<'_>) -> Next,
    ) -> Result<(), Fault> {
        let Some(link) = &mut self.links[slot] else { return Ok(()) };
        let waker = self.ready.waker(slot);
        let mut step = Step {
            engine: &mut self.engine,
            now,
            intake: &mut self.intake,
            written: &mut self.written,
            cx: Context::from_waker(waker),
        };
        let next = catch_unwind(AssertUnwindSafe(|| act(link, &mut step)));
        if self.engine.engine().is_poisoned() {
            return Err(Fault);
        }
        if link.watched != link.needs_watching() {
            link.watched = !link.watched;
            if link.watched {
                self.watch.add(slot, now.mono);
            } else {
                self.watch.remove(slot);
            }
        }
        match next.unwrap_or(Next::Gone(Cause::Panicked)) {
            Next::Wait => Ok(()),
            Next::Again => {
                self.ready.mark(slot);
                Ok(())
            }
            Next::Gone(cause) => self.end(slot, cause, now),
        }
    }

    /// Drops a connection and tells the engine, which forgets it.
    fn end(&mut self, slot: usize, cause: Cause, now: Now) -> Result<(), Fault> {
        // Before its end: after that, the engine is to hear no more of it.
        self.credit(now)?;
        let Some(link) = self.links[slot].take() else { return Ok(()) };
        self.watch.remove(slot);
        let id = link.id;
        self.log.disconnected(now.mono, &link, self.engine.engine(), cause);
        // The engine is told whether or not the stream can be dropped in peace.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(link)));
        self.enter(|engine| engine.handle(now, id, Event::Disconnected(cause)))
    }

    /// Calls the engine where no one connection is to blame for a panic.
    fn enter<T>(&mut self, act: impl FnOnce(&mut Observed) -> T) -> Result<T, Fault> {
        catch_unwind(AssertUnwindSafe(|| act(&mut self.engine))).map_err(|_| Fault)
    }
}
