//! What is counted, as the driver's observer.

use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use chat_core::{Action, Cause, ConnId, Engine, Event, Mono, Now, Reason, StoreAnswer};
use chat_driver::{Input, Observer};

use crate::histogram::Histogram;
use crate::labels;
use crate::snapshot::Snapshot;
use crate::writes::Writes;

/// Finished writes for which the clock is read once. That takes a hundredth of the time of a write. It puts off what is
/// measured, and so does the driver, which makes 64 before it says that they are finished: by half a millisecond at most.
const BATCH: u64 = 32;

/// What only grows.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    /// Connections that were accepted.
    pub(crate) opened: u64,
    /// Connections that are gone, by [`labels::end`].
    pub(crate) ended: BTreeMap<&'static str, u64>,
    /// Bytes of text that were read.
    pub(crate) received: u64,
    /// Bytes of text that the kernel has taken.
    pub(crate) sent: u64,
    /// Events that were to be stored.
    pub(crate) events: u64,
    /// The number of the last batch that was to be stored, and that of the last one that is.
    pub(crate) batches: u64,
    pub(crate) stored: u64,
    /// How long turns took.
    pub(crate) turns: Histogram,
    /// How long writes took from the input that they come from.
    pub(crate) delays: Histogram,
}

/// Counts what passes between a driver and its engine, and answers who asks for the numbers.
///
/// The clock is read twice a turn, and once more for a few dozens of writes; a connection that is idle has no memory
/// here.
#[derive(Debug)]
pub struct Meter {
    counts: Counts,
    /// The turn under way, once something has happened in it.
    turn: Option<Turn>,
    writes: Writes,
    finished: Finished,
    /// Why the engine closes those that it does.
    closing: BTreeMap<ConnId, Reason>,
    answers: SyncSender<Snapshot>,
}

/// A turn, by both clocks: the driver's, by which the engine lives, and ours.
#[derive(Clone, Copy, Debug)]
struct Turn {
    mono: Mono,
    began: Instant,
}

/// Writes that have left and are not measured yet, all of them of one age.
#[derive(Clone, Copy, Debug, Default)]
struct Finished {
    writes: u64,
    since: Mono,
}

impl Meter {
    pub(crate) fn new(answers: SyncSender<Snapshot>) -> Self {
        let counts = Counts {
            opened: 0,
            ended: labels::ENDS.map(|end| (end, 0)).into(),
            received: 0,
            sent: 0,
            events: 0,
            batches: 0,
            stored: 0,
            turns: Histogram::default(),
            delays: Histogram::default(),
        };
        let (writes, finished, closing) = (Writes::default(), Finished::default(), BTreeMap::new());
        Self { counts, turn: None, writes, finished, closing, answers }
    }

    fn wrote(&mut self, conn: ConnId, bytes: usize) {
        self.counts.sent += bytes as u64;
        let Some(since) = self.writes.wrote(conn, bytes) else { return };
        if self.finished.writes == BATCH || self.finished.writes > 0 && self.finished.since != since {
            self.measure_writes(Instant::now());
        }
        self.finished.since = since;
        self.finished.writes += 1;
    }

    /// Measures the writes that have left by `now`.
    fn measure_writes(&mut self, now: Instant) {
        let Finished { writes, since } = std::mem::take(&mut self.finished);
        if let Some(turn) = self.turn.filter(|_| writes > 0) {
            // What is made in this turn waits since that began; it may get its stamp a little later.
            let before = turn.mono.since(since);
            self.counts.delays.observe(before + now.duration_since(turn.began), writes);
        }
    }

    fn ended(&mut self, conn: ConnId, cause: Cause) {
        self.writes.forget(conn);
        let end = labels::end(self.closing.remove(&conn), cause);
        *self.counts.ended.entry(end).or_default() += 1;
    }

    fn end_turn(&mut self) {
        let Some(turn) = self.turn else { return };
        let now = Instant::now();
        self.measure_writes(now);
        self.counts.turns.observe(now.duration_since(turn.began), 1);
        self.turn = None;
    }
}

impl Observer for Meter {
    fn handled(&mut self, now: Now, input: Input<'_>, _: &Engine) {
        self.turn.get_or_insert_with(|| Turn { mono: now.mono, began: Instant::now() });
        match input {
            Input::Connect { .. } => self.counts.opened += 1,
            Input::Event { conn, event } => match event {
                Event::Received(bytes) => self.counts.received += bytes.len() as u64,
                Event::Wrote(bytes) => self.wrote(conn, bytes),
                Event::Disconnected(cause) => self.ended(conn, cause),
                _ => {}
            },
            Input::StoreAnswered(StoreAnswer::Stored(batch)) => self.counts.stored = *batch,
            Input::Bans(_) | Input::StoreAnswered(_) | Input::Timeout | Input::Shutdown => {}
        }
    }

    fn polled(&mut self, action: Option<&Action>, engine: &Engine) {
        match action {
            Some(Action::Write { conn, bytes }) => {
                if let Some(since) = engine.writing_since(*conn) {
                    self.writes.begin(*conn, bytes.len(), since);
                }
            }
            // The first reason is the one that counts: what follows it says how the goodbye went.
            Some(Action::Close { conn, reason, .. }) => {
                self.closing.entry(*conn).or_insert(*reason);
            }
            Some(Action::Store(batch)) => {
                self.counts.events += batch.events.len() as u64;
                self.counts.batches = batch.number;
            }
            Some(Action::Reading { .. } | Action::LookUp(_) | Action::Report(_)) => {}
            None => self.end_turn(),
        }
    }

    fn panicked(&mut self, _: Option<(Now, Input<'_>)>, _: &Engine) {}

    fn inspected(&mut self, engine: &Engine) {
        // If there is an answer that nobody has taken yet, that is as good as this one.
        let _ = self.answers.try_send(Snapshot::new(&self.counts, engine));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use chat_core::Config;
    use chrono::DateTime;

    use super::*;

    /// An engine with a meter, and peers of whom some take nothing.
    struct World {
        engine: Engine,
        meter: Meter,
        now: Now,
        /// Who takes nothing for now, and what it is owed.
        blocked: Option<(ConnId, usize)>,
    }

    impl World {
        fn new() -> Self {
            let engine = Engine::new(Config { flood: None, ..Config::default() }).unwrap();
            let meter = Meter::new(mpsc::sync_channel(1).0);
            let now = Now { mono: Mono(0), utc: DateTime::UNIX_EPOCH };
            Self { engine, meter, now, blocked: None }
        }

        fn user(&mut self, nick: &str) -> ConnId {
            let peer = ([127, 0, 0, 1], 1).into();
            let conn = self.engine.connect(self.now, [127, 0, 0, 1].into());
            self.meter.handled(self.now, Input::Connect { conn, peer }, &self.engine);
            self.tell(conn, Event::Opened);
            self.tell(conn, Event::Received(format!("{nick}\n").as_bytes()));
            self.drain();
            conn
        }

        fn tell(&mut self, conn: ConnId, event: Event<'_>) {
            self.engine.handle(self.now, conn, event);
            self.meter.handled(self.now, Input::Event { conn, event }, &self.engine);
        }

        fn drain(&mut self) {
            loop {
                let action = self.engine.poll_action();
                self.meter.polled(action.as_ref(), &self.engine);
                match action {
                    None => return,
                    Some(Action::Write { conn, bytes }) => match &mut self.blocked {
                        Some((blocked, owed)) if *blocked == conn => *owed += bytes.len(),
                        _ => self.tell(conn, Event::Wrote(bytes.len())),
                    },
                    Some(Action::Close { conn, .. }) => self.tell(conn, Event::Disconnected(Cause::Closed)),
                    Some(_) => {}
                }
            }
        }

        /// Lets time pass for the engine. For the meter's clock, next to none does.
        fn pass(&mut self, secs: u64) {
            self.now.mono = self.now.mono.after(Duration::from_secs(secs));
        }

        /// Who was blocked takes what it is owed.
        fn unblock(&mut self) {
            let (conn, owed) = self.blocked.take().unwrap();
            self.tell(conn, Event::Wrote(owed));
            self.drain();
        }

        /// Writes that took longer than half a second, by the bound that they did not exceed.
        fn slow(&self) -> Vec<(f64, u64)> {
            let buckets = self.meter.counts.delays.buckets();
            buckets.into_iter().filter(|&(bound, count)| bound > 0.5 && count > 0).collect()
        }
    }

    #[test]
    fn what_waits_for_its_socket_is_measured_from_when_it_was_said() {
        let mut world = World::new();
        let (ann, bob) = (world.user("ann"), world.user("bob"));
        world.blocked = Some((bob, 0));
        for line in ["one\n", "two\n"] {
            world.tell(ann, Event::Received(line.as_bytes()));
            world.drain();
            world.pass(2);
        }
        assert_eq!(world.slow(), []);
        world.unblock();
        // The first was said four seconds ago, and the second, which stood behind it, two.
        assert_eq!(world.slow(), [(2.5, 1), (5.0, 1)]);
    }

    #[test]
    fn every_write_is_measured_once_and_nothing_is_kept() {
        let mut world = World::new();
        let users: Vec<_> = (0..100).map(|user| world.user(&format!("user{user}"))).collect();
        let before = world.meter.counts.delays.count();
        world.tell(users[0], Event::Received(b"hello\n"));
        world.drain();
        assert_eq!(world.meter.counts.delays.count() - before, 99);
        world.blocked = Some((users[1], 0));
        world.tell(users[0], Event::Received(b"hello\n"));
        world.drain();
        world.tell(users[1], Event::Disconnected(Cause::Reset));
        for user in users.into_iter().skip(2) {
            world.tell(user, Event::Received(b"/quit\n"));
            world.drain();
        }
        let ended = &world.meter.counts.ended;
        assert_eq!((ended["reset"], ended["quit"], ended.values().sum()), (1, 98, 99));
        assert!(world.meter.closing.is_empty());
        assert!(format!("{:?}", world.meter.writes).contains("begun: [], waiting: {}"));
    }
}
