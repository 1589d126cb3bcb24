//! The worker, over a store that fails when it is told to.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chat_core::{Batch, Found, Kind, LookUp, LookUpError, Query, RoomRecord, StoreAnswer};
use chat_store::{End, ReadError, Retention, RoomInfo, Store, StoreError, StoreHandle, Stores, Worker};
use chrono::{DateTime, Utc};

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    events: BTreeMap<u64, RoomRecord>,
    /// How many events each transaction had, failed ones included.
    attempts: Vec<usize>,
    fails: bool,
    /// Fails whatever has the event with this number in it.
    poisoned: u64,
    /// Panics instead of reading.
    panics: bool,
    /// Stores, and says it did not.
    lies: bool,
    reads_fail: usize,
    pruned: usize,
}

/// All of them share one history.
#[derive(Clone)]
struct Fake {
    state: Arc<Mutex<State>>,
    /// Told of every attempt to write; and may then be held up until it is told to go on.
    attempted: Sender<usize>,
    held: Option<Arc<Mutex<Receiver<()>>>>,
}

impl Fake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Store for Fake {
    fn write(&mut self, events: &[RoomRecord]) -> Result<(), StoreError> {
        // At the end of a test, nobody listens.
        let _ = self.attempted.send(events.len());
        if let Some(held) = &self.held {
            let _ = held.lock().unwrap().recv();
        }
        let mut state = self.state();
        state.attempts.push(events.len());
        if state.poisoned > 0 && events.iter().any(|event| event.seq == state.poisoned) {
            return Err(StoreError::new("this is poison"));
        }
        if state.fails && !state.lies {
            return Err(StoreError::new("the disk is full"));
        }
        state.events.extend(events.iter().map(|event| (event.seq, event.clone())));
        if state.fails { Err(StoreError::new("the connection is lost")) } else { Ok(()) }
    }

    fn look_up(&mut self, query: &Query) -> Result<Found, ReadError> {
        let mut state = self.state();
        assert!(!state.panics, "it is told to");
        if state.reads_fail > 0 {
            state.reads_fail -= 1;
            return Err(StoreError::new("the connection is lost").into());
        }
        let newest = state.events.keys().last().copied();
        match query {
            Query::Room { .. } => Ok(Found::Room { seq: newest.unwrap_or(0), topic: None, last: Vec::new() }),
            Query::Search { .. } => Err(ReadError::Unsupported),
            _ => Ok(Found::Bounds(newest.map(|newest| (1, newest)))),
        }
    }

    fn prune(&mut self, _: &Retention, _: DateTime<Utc>) -> Result<bool, StoreError> {
        self.state().pruned += 1;
        let _ = self.attempted.send(0);
        Ok(false)
    }

    fn rooms(&mut self, _: &str) -> Result<Vec<RoomInfo>, StoreError> {
        Ok(Vec::new())
    }

    fn restore(&mut self, _: &RoomInfo) -> Result<(), StoreError> {
        Ok(())
    }
}

struct Running {
    fake: Fake,
    handle: StoreHandle,
    worker: Worker,
    answers: Receiver<StoreAnswer>,
    attempts: Receiver<usize>,
    next: u64,
}

impl Running {
    fn start(retention: Retention, held: Option<Receiver<()>>) -> Self {
        let (attempted, attempts) = mpsc::channel();
        let (to, answers) = mpsc::channel();
        let held = held.map(|held| Arc::new(Mutex::new(held)));
        let fake = Fake { state: Arc::default(), attempted, held };
        let stores = Stores { writer: Box::new(fake.clone()), reader: Box::new(fake.clone()), retention };
        let to = Mutex::new(to);
        let answer = move |answer| {
            // At the end of a test, nobody listens.
            let _ = to.lock().unwrap().send(answer);
        };
        let (handle, worker) = Worker::start(stores, Box::new(answer), Box::new(|| ())).unwrap();
        Self { fake, handle, worker, answers, attempts, next: 1 }
    }

    /// Hands over the next batch, of one event with the same number.
    fn store(&mut self) {
        let number = self.next;
        self.next += 1;
        self.handle.store(Batch { number, events: vec![said(number)] });
    }

    fn look_up(&self, id: u64, after: u64, query: Query) {
        self.handle.look_up(LookUp { id, after, asker: 1, query });
    }

    fn answer(&self) -> StoreAnswer {
        self.answers.recv_timeout(PATIENCE).expect("an answer")
    }

    fn attempt(&self) -> usize {
        self.attempts.recv_timeout(PATIENCE).expect("an attempt")
    }
}

fn said(seq: u64) -> RoomRecord {
    RoomRecord {
        room: "#room".into(),
        key: "#room".into(),
        seq,
        at: DateTime::UNIX_EPOCH,
        nick: "ann".into(),
        kind: Kind::Said,
        text: format!("line {seq}"),
    }
}

fn room() -> Query {
    Query::Room { key: "#room".into(), last: 0 }
}

fn bounds() -> Query {
    Query::Bounds { key: "#room".into(), before: None }
}

fn found(id: u64, found: Result<Found, LookUpError>) -> StoreAnswer {
    StoreAnswer::Found { id, found }
}

fn room_at(id: u64, seq: u64) -> StoreAnswer {
    found(id, Ok(Found::Room { seq, topic: None, last: Vec::new() }))
}

#[test]
fn batches_that_wait_are_one_transaction_and_rooms_are_looked_up_after_them() {
    let (go, held) = mpsc::channel();
    let mut running = Running::start(Retention::default(), Some(held));
    running.store();
    assert_eq!(running.attempt(), 1);
    // These come while the first is being stored.
    running.store();
    running.look_up(7, 2, room());
    running.store();
    running.store();
    go.send(()).unwrap();
    assert_eq!(running.answer(), StoreAnswer::Stored(1));
    assert_eq!(running.attempt(), 3);
    go.send(()).unwrap();
    assert_eq!(running.answer(), StoreAnswer::Stored(4));
    assert_eq!(running.answer(), room_at(7, 4));
    drop(go);
    assert_eq!(running.worker.stop(PATIENCE), End::Stored);
}

#[test]
fn a_transaction_has_a_bound() {
    let (go, held) = mpsc::channel();
    let mut running = Running::start(Retention::default(), Some(held));
    running.store();
    assert_eq!(running.attempt(), 1);
    for _ in 0..5_000 {
        running.store();
    }
    for (events, stored) in [(4_096, 1), (904, 4_097)] {
        go.send(()).unwrap();
        assert_eq!(running.answer(), StoreAnswer::Stored(stored));
        assert_eq!(running.attempt(), events);
    }
    go.send(()).unwrap();
    assert_eq!(running.answer(), StoreAnswer::Stored(5_001));
}

#[test]
fn what_fails_is_tried_again_until_it_is_stored() {
    let mut running = Running::start(Retention::default(), None);
    running.fake.state().fails = true;
    running.store();
    for _ in 0..3 {
        assert_eq!(running.attempt(), 1);
    }
    // What comes meanwhile waits, and joins no transaction whose fate is unknown.
    running.store();
    running.look_up(1, 2, bounds());
    running.look_up(2, 2, room());
    assert_eq!(running.attempt(), 1);
    assert!(running.answers.try_recv().is_err(), "nothing is stored");
    running.fake.state().lies = true;
    assert_eq!(running.attempt(), 1);
    running.fake.state().fails = false;
    assert_eq!(running.answer(), StoreAnswer::Stored(1));
    assert_eq!(running.answer(), StoreAnswer::Stored(2));
    let rest = [running.answer(), running.answer()];
    assert!(rest.contains(&room_at(2, 2)), "{rest:?}");
    assert!(rest.contains(&found(1, Ok(Found::Bounds(Some((1, 2)))))), "{rest:?}");
    assert_eq!(running.fake.state().events.len(), 2);
}

#[test]
fn a_look_up_waits_for_its_batches_but_not_for_ever() {
    let mut running = Running::start(Retention::default(), None);
    running.fake.state().fails = true;
    running.store();
    running.look_up(1, 1, bounds());
    running.look_up(2, 1, room());
    // This one waits for nothing.
    running.look_up(4, 0, Query::Search { key: "#room".into(), words: "x".into(), to: 1, count: 1 });
    assert_eq!(running.answer(), found(4, Err(LookUpError::Unsupported)));
    let answers = [running.answer(), running.answer()];
    for id in [1, 2] {
        assert!(answers.contains(&found(id, Err(LookUpError::Unavailable))), "{answers:?}");
    }
    running.fake.state().fails = false;
    assert_eq!(running.answer(), StoreAnswer::Stored(1));
    running.look_up(3, 1, bounds());
    assert_eq!(running.answer(), found(3, Ok(Found::Bounds(Some((1, 1))))));
}

#[test]
fn one_who_asks_much_does_not_keep_others_waiting() {
    let (go, held) = mpsc::channel();
    let mut running = Running::start(Retention::default(), Some(held));
    running.store();
    assert_eq!(running.attempt(), 1);
    // All wait for the batch. One of them asks more than may wait,
    for id in 1..=140 {
        running.handle.look_up(LookUp { id, after: 1, asker: 1, query: bounds() });
    }
    for id in 129..=140 {
        assert_eq!(running.answer(), found(id, Err(LookUpError::Unavailable)));
    }
    // and has its turn with two others.
    for (id, asker) in [(201, 2), (202, 2), (301, 3)] {
        running.handle.look_up(LookUp { id, after: 1, asker, query: bounds() });
    }
    go.send(()).unwrap();
    assert_eq!(running.answer(), StoreAnswer::Stored(1));
    for id in [1, 201, 301, 2, 202, 3, 4] {
        assert_eq!(running.answer(), found(id, Ok(Found::Bounds(Some((1, 1))))));
    }
}

#[test]
fn a_read_is_tried_twice() {
    let running = Running::start(Retention::default(), None);
    for (id, query) in [(1, room()), (2, bounds())] {
        running.fake.state().reads_fail = 1;
        running.look_up(id, 0, query.clone());
        assert!(matches!(running.answer(), StoreAnswer::Found { found: Ok(_), .. }));
        running.fake.state().reads_fail = 2;
        running.look_up(id, 0, query);
        assert_eq!(running.answer(), found(id, Err(LookUpError::Unavailable)));
    }
    let search = Query::Search { key: "#room".into(), words: "x".into(), to: 1, count: 1 };
    running.look_up(3, 0, search);
    assert_eq!(running.answer(), found(3, Err(LookUpError::Unsupported)));
}

#[test]
fn what_cannot_be_stored_does_not_hold_up_what_came_before() {
    let (go, held) = mpsc::channel();
    let mut running = Running::start(Retention::default(), Some(held));
    running.fake.state().poisoned = 7;
    running.store();
    assert_eq!(running.attempt(), 1);
    for _ in 0..8 {
        running.store();
    }
    go.send(()).unwrap();
    assert_eq!(running.answer(), StoreAnswer::Stored(1));
    // From the second to the ninth, of which the seventh is poisoned.
    running.look_up(1, 5, room());
    for events in [8, 4, 4, 2, 1, 3, 2, 1] {
        assert_eq!(running.attempt(), events);
        go.send(()).unwrap();
    }
    for expected in [StoreAnswer::Stored(5), room_at(1, 5), StoreAnswer::Stored(6)] {
        assert_eq!(running.answer(), expected);
    }
}

/// In a process of its own: this program again.
#[test]
fn a_thread_that_breaks_ends_the_process() {
    const BREAKS: &str = "CHAT_STORE_TEST_BREAKS";
    if std::env::var_os(BREAKS).is_some() {
        let running = Running::start(Retention::default(), None);
        running.fake.state().panics = true;
        running.look_up(1, 0, room());
        let _ = running.answers.recv_timeout(PATIENCE);
        return;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "a_thread_that_breaks_ends_the_process"]).env(BREAKS, "1");
    assert_eq!(again.output().unwrap().status.code(), Some(70));
}

#[test]
fn the_end_does_not_wait_for_who_reads() {
    let running = Running::start(Retention::default(), None);
    let state = Arc::clone(&running.fake.state);
    let locked = state.lock().unwrap();
    running.look_up(1, 0, bounds());
    // The reader may hang, or end before it has begun.
    let _ = running.worker.stop(Duration::from_millis(50));
    drop(locked);
}

#[test]
fn the_end_waits_for_what_was_handed_over() {
    let (go, held) = mpsc::channel();
    let mut running = Running::start(Retention::default(), Some(held));
    running.store();
    assert_eq!(running.attempt(), 1);
    running.store();
    running.store();
    go.send(()).unwrap();
    go.send(()).unwrap();
    let fake = running.fake.clone();
    assert_eq!(running.worker.stop(PATIENCE), End::Stored);
    assert_eq!(fake.state().events.len(), 3);
    // Nobody is there any longer, and nothing comes of it.
    running.handle.store(Batch { number: 4, events: vec![said(4)] });
    running.handle.look_up(LookUp { id: 1, after: 4, asker: 0, query: room() });
    assert_eq!(fake.state().events.len(), 3);
}

#[test]
fn the_end_says_what_is_not_stored() {
    let mut running = Running::start(Retention::default(), None);
    running.fake.state().fails = true;
    running.store();
    assert_eq!(running.attempt(), 1);
    assert_eq!(running.worker.stop(Duration::from_millis(200)), End::Unstored);

    // One that hangs is left where it is.
    let (go, held) = mpsc::channel();
    let mut running = Running::start(Retention::default(), Some(held));
    running.store();
    assert_eq!(running.attempt(), 1);
    assert_eq!(running.worker.stop(Duration::from_millis(50)), End::Unstored);
    drop(go);
}

#[test]
fn in_idle_moments_it_forgets() {
    let running = Running::start(Retention { events: Some(1), ..Retention::default() }, None);
    assert_eq!(running.attempt(), 0);
    assert_eq!(running.fake.state().pruned, 1);
}
