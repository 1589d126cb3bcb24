//! What a store can never store, and what is too much for it.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use chat_core::{Batch, Found, Kind, LookUp, Query, StoreAnswer};
use chat_store::{End, Retention, Store, Total, Worker};

use super::{Place, event, events, of, prune, room, said, seqs};

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Another server has said something with a number that this one gives, too.
pub(crate) fn a_number_that_is_taken_blocks_its_room_alone(place: &impl Place) {
    let mut stores = place.open();
    stores.writer.write(&(1..=3).map(said).collect::<Vec<_>>()).unwrap();
    let (to, answers) = channel();
    let to = Mutex::new(to);
    let answer = move |answer| drop(to.lock().unwrap().send(answer));
    let (handle, worker) = Worker::start(stores, Box::new(answer), Box::new(|| ())).unwrap();
    let next = || answers.recv_timeout(PATIENCE).expect("an answer");
    let mine = |seq| event(seq, Kind::Said, "another line");
    handle
        .store(Batch { number: 1, events: vec![of("#One", said(1)), mine(2), of("#Two", said(1)), mine(3)] });
    assert_eq!(next(), StoreAnswer::Refused { batch: 1, rooms: vec!["#room".into()] });
    assert_eq!(next(), StoreAnswer::Stored(1));
    let query = Query::Room { key: "#room".into(), last: 0 };
    handle.look_up(LookUp { id: 1, after: 1, asker: 0, query });
    let found = Found::Room { seq: 3, topic: None, last: vec![] };
    assert_eq!(next(), StoreAnswer::Found { id: 1, found: Ok(found) });
    handle.store(Batch { number: 2, events: vec![mine(4), of("#Two", said(2))] });
    assert_eq!(next(), StoreAnswer::Stored(2));
    assert_eq!(worker.stop(PATIENCE), End::Stored);
    let store = &mut *place.open().reader;
    assert_eq!(["#one", "#two", "#room"].map(|key| room(store, key, 0).0), [1, 2, 4]);
    assert_eq!(room(store, "#room", 2).2, [said(3), mine(4)]);
}

/// Whoever joins is shown no more than fits: the question is answered at once, whatever was said.
pub(crate) fn the_last_events_are_bounded_in_bytes(place: &impl Place) {
    let store = &mut *place.open().writer;
    let long = |seq| event(seq, Kind::Said, &"x".repeat(4_000));
    store.write(&(1..=200).map(long).collect::<Vec<_>>()).unwrap();
    let (seq, _, last) = room(store, "#room", 200);
    let bytes: usize = last.iter().map(|event| event.nick.len() + event.text.len()).sum();
    assert!((Query::LAST - 5_000..=Query::LAST).contains(&bytes), "{bytes}");
    assert_eq!((seq, last.last()), (200, Some(&long(200))));
    // One that is too long for that is one.
    store.write(&[event(201, Kind::Said, &"y".repeat(Query::LAST + 1))]).unwrap();
    assert_eq!(room(store, "#room", 200).2.len(), 1);
}

pub(crate) fn it_forgets_the_oldest_of_the_largest_rooms(place: &impl Place) {
    let store = &mut *place.open().writer;
    let text = "word ".repeat(200);
    let long = |name: &str, seq| of(name, event(seq, Kind::Said, &text));
    for first in (1..=3_000).step_by(500) {
        store.write(&(first..first + 500).map(|seq| long("#Room", seq)).collect::<Vec<_>>()).unwrap();
    }
    store.write(&(1..=300).map(|seq| long("#Middle", seq)).collect::<Vec<_>>()).unwrap();
    store.write(&(1..=20).map(|seq| long("#Small", seq)).collect::<Vec<_>>()).unwrap();
    store.write(&[of("#Small", event(21, Kind::Topic, "kept"))]).unwrap();
    let total = 2 << 20;
    let bounded = Retention { total: Some(Total::Bytes(total)), ..Retention::default() };
    prune(store, bounded);
    prune(store, bounded);
    assert!(!store.is_over(&bounded));
    let newest = seqs(&events(store, 2_990, 3_000));
    assert_eq!(newest, (2_990..=3_000).collect::<Vec<_>>(), "the newest are kept");
    let oldest = |store: &mut dyn Store, key: &str| {
        let query = Query::Bounds { key: key.into(), before: None };
        match store.look_up(&query) {
            Ok(Found::Bounds(Some((oldest, newest)))) => newest - oldest + 1,
            other => panic!("{other:?}"),
        }
    };
    let left = ["#room", "#middle", "#small"].map(|key| oldest(store, key));
    assert!((300..2_000).contains(&left[0]), "{left:?}");
    assert_eq!(left[1..], [300, 21], "only the largest is smaller");
    assert_eq!(room(store, "#room", 0).0, 3_000);
    assert_eq!(room(store, "#small", 0).1, Some("kept".into()));
    // As much as nothing: then nothing more is to be done, either.
    let nothing = Retention { total: Some(Total::Bytes(1)), ..Retention::default() };
    prune(store, nothing);
    assert_eq!(room(store, "#room", 0).0, 3_000);
}

/// What the process before has stored is there for whatever this one does first.
pub(crate) fn a_new_process_forgets_nothing_that_the_last_has_stored(place: &impl Place) {
    let talk = [event(1, Kind::Joined, ""), event(2, Kind::Said, "hello"), event(3, Kind::Left, "part")];
    place.open().writer.write(&talk).unwrap();
    let empty = Retention { empty_rooms: Some(Duration::ZERO), ..Retention::default() };
    prune(&mut *place.open().writer, empty);
    assert_eq!(room(&mut *place.open().reader, "#room", 9), (3, None, talk.to_vec()));
    place.open().writer.write(&(4..=60).map(said).collect::<Vec<_>>()).unwrap();
    prune(&mut *place.open().writer, Retention { events: Some(10), ..Retention::default() });
    assert_eq!(seqs(&room(&mut *place.open().reader, "#room", 99).2), (51..=60).collect::<Vec<_>>());
}

pub(crate) fn it_forgets_rooms_of_which_nothing_is_worth_keeping(place: &impl Place) {
    let store = &mut *place.open().writer;
    let joined = |name: &str, seq| of(name, event(seq, Kind::Joined, ""));
    let left = |name: &str, seq| of(name, event(seq, Kind::Left, "part"));
    let mut records = Vec::new();
    for room in 0..200 {
        let name = format!("#empty{room}");
        records.extend([joined(&name, 1), left(&name, 2)]);
    }
    records.extend([joined("#talk", 1), of("#talk", event(2, Kind::Said, "hello")), left("#talk", 3)]);
    records.extend([joined("#topic", 1), of("#topic", event(2, Kind::Topic, "tea"))]);
    // Somebody may be about to say something there.
    records.push(of("#young", event(990, Kind::Joined, "")));
    store.write(&records).unwrap();
    let retention = Retention { empty_rooms: Some(Duration::from_secs(100)), ..Retention::default() };
    prune(store, retention);
    let mut keys: Vec<_> = store.rooms("").unwrap().into_iter().map(|room| room.key).collect();
    keys.sort();
    assert_eq!(keys, ["#talk", "#topic", "#young"]);
    assert_eq!(room(store, "#empty7", 10), (0, None, vec![]));
    // Where somebody has been all the time, it goes on.
    store.write(&[of("#empty7", event(3, Kind::Said, "still here"))]).unwrap();
    assert_eq!(room(store, "#empty7", 10).0, 3);
    store.write(&[joined("#new", 1), of("#empty9", event(1, Kind::Said, "again"))]).unwrap();
    assert_eq!(seqs(&room(store, "#empty9", 10).2), [1]);
    prune(store, retention);
    assert_eq!(seqs(&room(store, "#empty7", 10).2), [3]);
}
