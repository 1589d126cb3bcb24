//! The engine and the driver over connections in memory, polled by hand.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use chat_core::{Config, Engine, TurnLimit};
use chat_driver::Driver;

use super::memory;
use super::wires::{Door, Midnight, Wires};
use crate::Result;

/// How many join in one turn at most: what the driver accepts in one.
pub(super) const BURST: usize = 64;

/// Polls that make up a turn with input: the first takes it in and has the reactor look for more, the second takes
/// that in and answers.
const POLLS: usize = 2;

/// How long one turn took, from the input on.
pub(super) struct Turn {
    /// Until the driver slept again.
    pub(super) length: Duration,
    /// Until the first write.
    pub(super) first: Duration,
    /// Until the last write.
    pub(super) last: Duration,
}

/// How long one turn took in which some joined.
pub(super) struct Joined {
    /// How many were there before.
    pub(super) before: usize,
    /// For each that joined.
    pub(super) each: Duration,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A server, and everybody on it.
pub(super) struct World {
    driver: Driver<Midnight, Door>,
    wires: Rc<RefCell<Wires>>,
    woken: Arc<Flag>,
    waker: Waker,
    /// Bytes resident when the far ends were there, and no server yet.
    base: u64,
}

impl World {
    /// A server for so many connections, without any yet. Joins are announced up to `announce_limit` members.
    pub(super) fn new(connections: usize, announce_limit: usize) -> Result<Self> {
        let wires = Wires::new(connections);
        let base = memory::resident()?;
        let config = Config {
            turn: TurnLimit { text: 0, copies: 0 },
            lobby: None,
            flood: None,
            history: None,
            max_connections: 0,
            max_connections_per_address: 0,
            connect_rate: None,
            max_unregistered: 0,
            announce_limit,
            report_messages: false,
            ..Config::default()
        };
        let driver = Driver::new(Engine::new(config)?, Midnight, vec![Door(Rc::clone(&wires))]);
        let woken = Arc::<Flag>::default();
        let waker = Waker::from(Arc::clone(&woken));
        Ok(Self { driver, wires, woken, waker, base })
    }

    /// Bytes resident for the server, without the far ends of its connections.
    pub(super) fn resident(&self) -> Result<u64> {
        Ok(memory::resident()?.saturating_sub(self.base))
    }

    /// Everybody connects, takes a nickname and joins the room that `room` names, `burst` in a turn.
    pub(super) fn join_all(
        &mut self,
        connections: usize,
        burst: usize,
        room: impl Fn(u32) -> String,
    ) -> Result<Vec<Joined>> {
        let mut joined = Vec::new();
        for before in (0..connections).step_by(burst) {
            let ids = before..(before + burst).min(connections);
            let (count, script) = (ids.len(), |id| format!("{}\n/join {}\n", nick(id), room(id)));
            let texts = ids.map(|id| script(id as u32).into_bytes()).collect();
            self.wires.borrow_mut().knock(texts);
            let start = Instant::now();
            self.settle()?;
            joined.push(Joined { before, each: start.elapsed() / count as u32 });
        }
        Ok(joined)
    }

    /// A turn in which each of `speakers` says `text`, which makes the driver write `writes` times.
    pub(super) fn turn(&mut self, speakers: &[u32], text: &str, writes: usize) -> Result<Turn> {
        self.wires.borrow_mut().prepare(speakers, text.as_bytes(), writes);
        let start = Instant::now();
        self.wires.borrow().wake(speakers);
        let polls = self.settle()?;
        let length = start.elapsed();
        if polls != POLLS {
            return Err(format!("a turn took {polls} polls instead of {POLLS}").into());
        }
        let wires = self.wires.borrow();
        let (Some(first), Some(last)) = (wires.writes.first, wires.writes.last) else {
            return Err(format!("a turn did not lead to {writes} writes").into());
        };
        Ok(Turn { length, first: first - start, last: last - start })
    }

    /// The same, and each of the writes must be `expected`, but for those to `except`, if any.
    pub(super) fn checked_turn(
        &mut self,
        speaker: u32,
        text: &str,
        (expected, writes): (String, usize),
    ) -> Result<()> {
        self.wires.borrow_mut().begin_check(expected.into_bytes(), speaker);
        self.turn(&[speaker], text, writes)?;
        let (right, wrong) = self.wires.borrow_mut().end_check();
        // Whoever acts is told so, which is a write of its own.
        let own = usize::from(text.starts_with('/'));
        if (right, wrong) == (writes - own, 0) {
            Ok(())
        } else {
            Err(format!("of {writes} writes, {right} were right and {wrong} wrong").into())
        }
    }

    /// Bytes written to each connection since the last call.
    pub(super) fn take_written(&mut self) -> Vec<u64> {
        self.wires.borrow_mut().take_written()
    }

    /// Polls the driver until it sleeps; how often.
    fn settle(&mut self) -> Result<usize> {
        let mut polls = 0;
        loop {
            self.poll()?;
            polls += 1;
            if !self.woken.0.load(Ordering::Relaxed) {
                return Ok(polls);
            }
        }
    }

    fn poll(&mut self) -> Result<()> {
        self.woken.0.store(false, Ordering::Relaxed);
        let mut cx = Context::from_waker(&self.waker);
        match Pin::new(&mut self.driver).poll(&mut cx) {
            std::task::Poll::Pending => Ok(()),
            std::task::Poll::Ready(_) => Err("the driver has ended".into()),
        }
    }
}

/// A nickname, always of nine bytes. Those of neighbours are far apart in the order of names, as people's are.
pub(super) fn nick(id: u32) -> String {
    // An odd factor gives every id a number of its own.
    format!("u{:08x}", id.wrapping_mul(0x9e37_79b1))
}

/// What the members of a room see when somebody speaks there.
pub(super) fn said(room: &str, speaker: u32, text: &str) -> String {
    let lines = text.lines().map(|line| format!("[00:00:00] {room} <{}> {line}\n", nick(speaker)));
    lines.collect()
}

/// A line of 64 bytes.
pub(super) fn line() -> String {
    format!("{}\n", "x".repeat(63))
}
