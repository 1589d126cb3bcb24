//! What holds of every store, against real servers.

mod cases;
mod older;
mod refusals;
mod semantics;
mod transfers;

use chat_core::{Found, Kind, Query, RoomRecord};
use chat_store::{ReadError, Retention, Store, Stores, open};
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use test_services::{Postgres, Redis};

/// A store that can be opened again.
trait Place {
    fn url(&self) -> String;
    fn searches(&self) -> bool {
        true
    }
    fn open(&self) -> Stores {
        open(&self.url(), false, Retention::default()).expect("the store opens").stores
    }
}

struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }
}

impl Place for File {
    fn url(&self) -> String {
        format!("sqlite:{}", self.0.path().join("data/history.db").display())
    }
}

impl Place for Postgres {
    fn url(&self) -> String {
        self.url()
    }
}

impl Place for Redis {
    fn url(&self) -> String {
        self.url()
    }
    fn searches(&self) -> bool {
        false
    }
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 123_456_000).unwrap() + TimeDelta::seconds(second)
}

/// An event of `#Room`, which is known as `#room`.
fn event(seq: u64, kind: Kind, text: &str) -> RoomRecord {
    RoomRecord {
        room: "#Room".into(),
        key: "#room".into(),
        seq,
        at: at(i64::try_from(seq).unwrap()),
        nick: "ann".into(),
        kind,
        text: text.into(),
    }
}

fn said(seq: u64) -> RoomRecord {
    event(seq, Kind::Said, &format!("line {seq}"))
}

fn of(room: &str, mut event: RoomRecord) -> RoomRecord {
    event.room = room.into();
    event.key = room.to_lowercase().into();
    event
}

fn room(store: &mut dyn Store, key: &str, last: usize) -> (u64, Option<String>, Vec<RoomRecord>) {
    match store.look_up(&Query::Room { key: key.into(), last }) {
        Ok(Found::Room { seq, topic, last }) => (seq, topic, last),
        other => panic!("{other:?}"),
    }
}

fn bounds(store: &mut dyn Store, before: Option<DateTime<Utc>>) -> Option<(u64, u64)> {
    match store.look_up(&Query::Bounds { key: "#room".into(), before }) {
        Ok(Found::Bounds(bounds)) => bounds,
        other => panic!("{other:?}"),
    }
}

fn events(store: &mut dyn Store, from: u64, to: u64) -> Vec<RoomRecord> {
    match store.look_up(&Query::Events { key: "#room".into(), from, to }) {
        Ok(Found::Events { events, complete: true }) => events,
        other => panic!("{other:?}"),
    }
}

fn search(store: &mut dyn Store, words: &str, to: u64, count: usize) -> Vec<u64> {
    let query = Query::Search { key: "#room".into(), words: words.into(), to, count };
    match store.look_up(&query) {
        Ok(Found::Events { events, complete: true }) => events.iter().map(|event| event.seq).collect(),
        other => panic!("{other:?}"),
    }
}

fn seqs(events: &[RoomRecord]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

/// Everything that was put off.
fn catch_up(store: &mut dyn Store) {
    while store.catch_up().expect("it catches up") {}
}

/// Everything that is to be forgotten, at second 1,000.
fn prune(store: &mut dyn Store, retention: Retention) {
    while store.prune(&retention, at(1_000)).expect("it forgets") {}
}

#[test]
fn sqlite_does_what_a_store_does() {
    semantics::all(File::new);
}

#[test]
fn postgres_does_what_a_store_does() {
    semantics::all(Postgres::start);
}

#[test]
fn redis_does_what_a_store_does() {
    semantics::all(Redis::start);
}

#[test]
fn what_one_store_exports_another_imports() {
    transfers::around(&[&File::new(), &Postgres::start(), &Redis::start(), &File::new()]);
}

#[test]
fn only_some_stores_search() {
    let redis = Redis::start();
    let query = Query::Search { key: "#room".into(), words: "x".into(), to: 1, count: 1 };
    assert_eq!(Place::open(&redis).reader.look_up(&query), Err(ReadError::Unsupported));
}

/// What was stored last is in a log, and goes to its place later: nobody sees a difference.
#[test]
fn sqlite_reads_what_is_on_its_way() {
    let file = File::new();
    let mut stores = file.open();
    let batch = |seqs: [u64; 3], topic: &str| -> Vec<RoomRecord> {
        let talk = seqs.map(said).into_iter();
        let other = of("#Other", event(seqs[0], Kind::Topic, topic));
        talk.chain([other]).collect()
    };
    // Older ones come later, as with an import, and some for the second time.
    let batches = [([7, 8, 9], "one"), ([1, 2, 5], "two"), ([3, 8, 20], "three"), ([21, 22, 23], "four")];
    let mut there = std::collections::BTreeSet::new();
    for (round, (seqs, topic)) in batches.into_iter().enumerate() {
        stores.writer.write(&batch(seqs, topic)).unwrap();
        there.extend(seqs);
        let newest = there.iter().copied().max().unwrap();
        let expected: Vec<u64> = there.iter().copied().collect();
        let mut foreign = chat_store::open_to_read(&file.url()).unwrap();
        for store in [&mut *stores.writer, &mut *stores.reader, &mut *foreign] {
            assert_eq!(seqs_of(store), expected, "{round}");
            assert_eq!(room(store, "#room", 0).0, newest);
            assert_eq!(bounds(store, None), Some((expected[0], newest)));
            for &seq in &expected {
                let before = expected.iter().copied().filter(|&other| other < seq).max();
                let found = bounds(store, Some(at(i64::try_from(seq).unwrap())));
                assert_eq!(found.map(|(_, last)| last), before, "{round} {seq}");
            }
            let mut newest_first = expected.clone();
            newest_first.reverse();
            assert_eq!(search(store, "line", 100, 50), newest_first, "{round}");
            // The newest topic is not the last that came.
            let topic = ["one", "one", "one", "four"][round];
            assert_eq!(room(store, "#other", 0).1.as_deref(), Some(topic), "{round}");
            assert_eq!(store.rooms("").unwrap()[0].topic.as_deref(), Some(topic), "{round}");
        }
        if round % 2 == 0 {
            assert!(stores.writer.catch_up().unwrap(), "there was something");
        }
    }
    drop(stores);
    let mut stores = file.open();
    assert_eq!(seqs_of(&mut *stores.reader), there.into_iter().collect::<Vec<_>>());
    catch_up(&mut *stores.writer);
    assert_eq!(seqs_of(&mut *stores.reader).len(), 11);
}

fn seqs_of(store: &mut dyn Store) -> Vec<u64> {
    seqs(&events(store, 1, 100))
}

/// The index is asked block by block: the ends of blocks are where something could be lost.
#[test]
fn sqlite_searches_across_blocks() {
    let file = File::new();
    let mut stores = file.open();
    let ends = [1, 32_767, 32_768, 32_769, 65_535, 65_536, 69_999];
    let talk = |seq| event(seq, Kind::Said, if ends.contains(&seq) { "needle hay" } else { "hay" });
    for first in (1..70_000).step_by(5_000) {
        stores.writer.write(&(first..first + 5_000).map(talk).collect::<Vec<_>>()).unwrap();
    }
    catch_up(&mut *stores.writer);
    for to in ends.into_iter().chain([100_000]) {
        let expected: Vec<u64> = ends.into_iter().rev().filter(|&end| end <= to).collect();
        // With too little time for all of it, the newest are found.
        let query = Query::Search { key: "#room".into(), words: "hay needle".into(), to, count: 50 };
        let Ok(Found::Events { events, complete }) = stores.reader.look_up(&query) else {
            panic!("{query:?}")
        };
        assert!(expected.starts_with(&seqs(&events)), "{to}: {events:?}");
        assert!(!complete || events.len() == expected.len(), "{to}: {events:?}");
    }
}
