//! The worker, over a store that can never store what some rooms say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_core::{Batch, Found, Kind, LookUp, Query, RoomRecord, StoreAnswer};
use chat_store::{ReadError, Retention, RoomInfo, Store, StoreError, StoreHandle, Stores, Worker};
use chrono::{DateTime, Utc};

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The newest number of each room.
    rooms: BTreeMap<String, u64>,
    refused: BTreeSet<&'static str>,
    /// Whether it says which room it is.
    tells: bool,
    fails: usize,
}

impl Store for Fake {
    fn write(&mut self, events: &[RoomRecord]) -> Result<(), StoreError> {
        let state = &mut *self.0.lock().unwrap();
        if let Some(event) = events.iter().find(|event| state.refused.contains(&*event.key)) {
            let room = state.tells.then_some(&*event.key);
            return Err(StoreError::refused(room, "there is no place for it"));
        }
        if state.fails > 0 {
            state.fails -= 1;
            return Err(StoreError::new("the connection is lost"));
        }
        for event in events {
            let newest = state.rooms.entry(event.key.to_string()).or_default();
            *newest = event.seq.max(*newest);
        }
        Ok(())
    }

    fn look_up(&mut self, query: &Query) -> Result<Found, ReadError> {
        let Query::Room { key, .. } = query else { return Err(ReadError::Unsupported) };
        let seq = self.0.lock().unwrap().rooms.get(key).copied().unwrap_or_default();
        Ok(Found::Room { seq, topic: None, last: Vec::new() })
    }

    fn prune(&mut self, _: &Retention, _: DateTime<Utc>) -> Result<bool, StoreError> {
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
    _worker: Worker,
    answers: Receiver<StoreAnswer>,
}

impl Running {
    fn start(tells: bool, refused: &[&'static str]) -> Self {
        let fake = Fake::default();
        *fake.0.lock().unwrap() =
            State { tells, refused: refused.iter().copied().collect(), ..State::default() };
        let (to, answers) = channel();
        let to = Mutex::new(to);
        let stores = Stores {
            writer: Box::new(fake.clone()),
            reader: Box::new(fake.clone()),
            retention: Retention::default(),
        };
        let answer = move |answer| drop(to.lock().unwrap().send(answer));
        let (handle, worker) = Worker::start(stores, Box::new(answer), Box::new(|| ())).unwrap();
        Self { fake, handle, _worker: worker, answers }
    }

    /// Has events of these rooms stored.
    fn store(&self, number: u64, events: &[(&str, u64)]) {
        let event = |&(room, seq): &(&str, u64)| RoomRecord {
            room: room.into(),
            key: room.into(),
            seq,
            at: DateTime::UNIX_EPOCH,
            nick: "ann".into(),
            kind: Kind::Said,
            text: "hello".into(),
        };
        self.handle.store(Batch { number, events: events.iter().map(event).collect() });
    }

    /// All answers until this batch is stored; of several that were stored at once, the last is said.
    fn until(&self, batch: u64) -> Vec<StoreAnswer> {
        let mut answers = Vec::new();
        loop {
            match self.answers.recv_timeout(PATIENCE).expect("an answer") {
                StoreAnswer::Stored(number) if number == batch => return answers,
                StoreAnswer::Stored(_) => {}
                answer => answers.push(answer),
            }
        }
    }

    fn newest(&self, room: &str) -> u64 {
        self.fake.0.lock().unwrap().rooms.get(room).copied().unwrap_or_default()
    }
}

fn refused(batch: u64, rooms: &[&str]) -> StoreAnswer {
    StoreAnswer::Refused { batch, rooms: rooms.iter().map(|&room| room.into()).collect() }
}

#[test]
fn a_room_that_cannot_be_stored_blocks_no_other() {
    for tells in [true, false] {
        let running = Running::start(tells, &["#b", "#e"]);
        running.store(1, &[("#a", 1), ("#b", 1), ("#c", 1), ("#b", 2), ("#d", 1)]);
        running.store(2, &[("#b", 3)]);
        running.store(3, &[("#a", 2), ("#e", 1)]);
        let answers = running.until(3);
        assert_eq!(answers, [refused(1, &["#b"]), refused(2, &["#b"]), refused(3, &["#e"])], "{tells}");
        assert_eq!(["#a", "#b", "#c", "#d", "#e"].map(|room| running.newest(room)), [2, 0, 1, 1, 0]);
    }
}

#[test]
fn nothing_of_it_is_stored_until_it_was_asked_for() {
    let running = Running::start(true, &["#b"]);
    running.store(1, &[("#b", 5)]);
    assert_eq!(running.until(1), [refused(1, &["#b"])]);
    // The reason has passed, but the numbers are still behind what is not there.
    running.fake.0.lock().unwrap().refused.clear();
    running.store(2, &[("#a", 1), ("#b", 6)]);
    assert_eq!(running.until(2), [refused(2, &["#b"])]);
    let query = Query::Room { key: "#b".into(), last: 0 };
    running.handle.look_up(LookUp { id: 1, after: 2, asker: 0, query });
    let found = Found::Room { seq: 0, topic: None, last: Vec::new() };
    let answer = running.answers.recv_timeout(PATIENCE).unwrap();
    assert_eq!(answer, StoreAnswer::Found { id: 1, found: Ok(found) });
    running.store(3, &[("#b", 1)]);
    assert_eq!(running.until(3), []);
    assert_eq!(running.newest("#b"), 1);
}

#[test]
fn what_fails_for_now_is_refused_to_nobody() {
    let running = Running::start(false, &["#b"]);
    running.fake.0.lock().unwrap().fails = 3;
    running.store(1, &[("#a", 1), ("#b", 1), ("#c", 1)]);
    assert_eq!(running.until(1), [refused(1, &["#b"])]);
    assert_eq!(["#a", "#c"].map(|room| running.newest(room)), [1, 1]);
}
