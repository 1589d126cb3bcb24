//! A recording holds what a history store answered, and replays it without one.

mod harness;

use chat_core::{Config, Event, Found, Kind, LookUpError, RoomRecord, StoreAnswer, StoreMode};

use harness::{Folder, Server, assert_replayed, at};

#[test]
fn what_a_store_answers_is_recorded_whole() {
    let folder = Folder::new("store");
    let event = |seq, kind| RoomRecord {
        room: "#Tea".into(),
        key: "#tea".into(),
        seq,
        at: at(0).utc,
        nick: "ann".into(),
        kind,
        text: "said before".into(),
    };
    let events = vec![event(1, Kind::Said), event(2, Kind::Topic)];
    let topic = Some(String::from("said before"));
    let found = [
        Ok(Found::Room { seq: 2, topic, last: events.clone() }),
        Ok(Found::Bounds(None)),
        Ok(Found::Bounds(Some((1, 2)))),
        Ok(Found::Events { events, complete: false }),
        Err(LookUpError::Unsupported),
        Err(LookUpError::Unavailable),
    ];
    let mut server = Server::new(&folder.file(), 0);
    let answers = found.into_iter().map(|found| StoreAnswer::Found { id: 7, found });
    for answer in answers.chain([StoreAnswer::Stored(u64::MAX)]) {
        server.answer(answer);
        server.drain();
    }
    assert_replayed(&folder, server);
}

#[test]
fn what_is_asked_of_a_store_is_held_against_the_recording() {
    let folder = Folder::new("asked");
    let config = || Config { store: Some(StoreMode::StoreFirst), ..Config::default() };
    let mut server = Server::with(&folder.file(), 0, config());
    let ann = server.open();
    server.tell(ann, Event::Received(b"ann\nhello\n/history 500\n"));
    server.drain();
    let asked = |server: &Server| {
        let asked = server.seen.0.iter().filter(|seen| seen.contains("LookUp") || seen.contains("Store("));
        asked.count()
    };
    // The lobby has to be looked up before anybody is in it.
    assert_eq!(asked(&server), 1, "{:?}", server.seen);
    let found = Ok(Found::Room { seq: 7, topic: None, last: Vec::new() });
    let id = server.look_ups[0].id;
    server.answer(StoreAnswer::Found { id, found });
    server.drain();
    assert!(asked(&server) > 1, "{:?}", server.seen);
    server.answer(StoreAnswer::Stored(1));
    server.drain();
    assert!(server.engine.state().rooms.iter().any(|room| room.seq > 7), "the number goes on");
    assert_replayed(&folder, server);
}
