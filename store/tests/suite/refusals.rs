//! What a store can never store: its room alone is refused.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use chat_core::{Batch, Found, Kind, LookUp, Query, StoreAnswer};
use chat_store::{End, Worker};

use super::{Place, event, of, room, said};

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
    handle.look_up(LookUp { id: 1, after: 1, query });
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
