//! What the store can never store: it is shown to nobody, and its room goes on from where the store has it.

mod harness;

use std::time::Duration;

use chat_core::{
    Action, Batch, Config, Found, Kind, LookUp, LookUpError, Query, Report, RoomRecord, StoreAnswer,
    StoreMode,
};
use harness::{World, config};

const NOT_DELIVERED: &str = "! not delivered: the history of #tea cannot be stored just now; try again later";

fn stored() -> Config {
    Config { store: Some(StoreMode::StoreFirst), ..config() }
}

/// What the store was given since the last call.
fn taken(world: &mut World) -> (Vec<Batch>, Vec<LookUp>) {
    let (mut batches, mut look_ups) = (vec![], vec![]);
    for action in world.actions.drain(..) {
        match action {
            Action::Store(batch) => batches.push(batch),
            Action::LookUp(look_up) => look_ups.push(look_up),
            _ => {}
        }
    }
    (batches, look_ups)
}

fn answer(world: &mut World, answer: StoreAnswer) {
    world.engine.store_answered(world.now, answer);
    world.drain();
    world.engine.check();
}

fn refuse(world: &mut World, batch: u64, room: &str) {
    answer(world, StoreAnswer::Refused { batch, rooms: vec![room.into()] });
}

fn room_at(world: &mut World, look_up: &LookUp, seq: u64, last: Vec<RoomRecord>) {
    let found = Found::Room { seq, topic: Some("green".into()), last };
    answer(world, StoreAnswer::Found { id: look_up.id, found: Ok(found) });
}

/// Stores everything, in rooms that nobody has ever heard of.
fn keep_up(world: &mut World) {
    loop {
        let (batches, look_ups) = taken(world);
        if batches.is_empty() && look_ups.is_empty() {
            return;
        }
        for LookUp { id, .. } in look_ups {
            let found = Found::Room { seq: 0, topic: None, last: vec![] };
            answer(world, StoreAnswer::Found { id, found: Ok(found) });
        }
        if let Some(batch) = batches.last() {
            answer(world, StoreAnswer::Stored(batch.number));
        }
    }
}

/// Ann and bob in the lobby and in #tea, with nothing left to store.
fn two_in_tea(config: Config) -> (World, usize, usize) {
    let mut world = World::new(config);
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    keep_up(&mut world);
    for user in [ann, bob] {
        world.send(user, "/join #tea\n");
        keep_up(&mut world);
    }
    world.text(ann);
    world.text(bob);
    (world, ann, bob)
}

#[test]
fn the_other_rooms_of_a_batch_are_stored_and_shown() {
    let (mut world, ann, bob) = two_in_tea(stored());
    world.send(ann, "one\n/msg #lobby two\n/me three\n/topic four\n/msg bob five\n");
    world.send(bob, "/history\n");
    let (batches, _) = taken(&mut world);
    assert_eq!(batches[0].events.len(), 4);
    refuse(&mut world, batches[0].number, "#tea");
    // Each line is answered at once, and the store is asked how far the room has come.
    assert_eq!(world.lines(ann), [NOT_DELIVERED; 3]);
    let (_, look_ups) = taken(&mut world);
    let [LookUp { after, query: Query::Room { key, .. }, .. }] = &look_ups[..] else {
        panic!("{look_ups:?}")
    };
    assert_eq!((*after, &**key), (batches.last().unwrap().number, "#tea"));
    answer(&mut world, StoreAnswer::Stored(*after));
    let told = world.lines(bob);
    assert_eq!(told[..2], ["#lobby <ann> two", "<ann -> you> five"]);
    assert!(!told.iter().any(|line| line.contains("one") || line.contains("three")), "{told:?}");
    assert_eq!(world.lines(ann), ["* you set the topic of #tea; topic: four"]);
}

#[test]
fn the_room_goes_on_from_where_the_store_has_it() {
    let (mut world, ann, bob) = two_in_tea(Config { replay: 5, ..stored() });
    let eve = world.connect();
    world.send(eve, "eve\n");
    keep_up(&mut world);
    world.text(eve);
    world.send(ann, "one\n");
    let number = taken(&mut world).0[0].number;
    refuse(&mut world, number, "#tea");
    answer(&mut world, StoreAnswer::Stored(number));
    world.text(ann);
    // Until that is known, nothing is taken for it, and nothing is lost in silence.
    world.send(ann, "two\n/topic three\n/topic\n/msg #lobby elsewhere\n");
    world.send(eve, "/join #tea\n");
    let unreadable = "! the history of #tea cannot be read just now: try again later";
    let (batches, look_ups) = taken(&mut world);
    assert_eq!(batches[0].events.len(), 1, "nothing of #tea");
    answer(&mut world, StoreAnswer::Stored(batches[0].number));
    assert_eq!(world.lines(ann), [NOT_DELIVERED, NOT_DELIVERED, unreadable]);
    world.text(bob);
    world.text(eve);
    let at = world.now.utc;
    let (room, key, nick) = ("#tea".into(), "#tea".into(), "dan".into());
    let there =
        RoomRecord { room, key, seq: 7, at, nick, kind: Kind::Said, text: "on another server".into() };
    room_at(&mut world, &look_ups[0], 7, vec![there]);
    world.send(bob, "four\n");
    let (batches, _) = taken(&mut world);
    let events = batches.iter().flat_map(|batch| &batch.events);
    let events: Vec<_> = events.map(|event| (event.seq, event.kind)).collect();
    assert_eq!(events, [(8, Kind::Joined), (9, Kind::Said)]);
    answer(&mut world, StoreAnswer::Stored(batches.last().unwrap().number));
    assert_eq!(world.lines(ann), ["#tea -- eve joined", "#tea <bob> four"]);
    let told = world.lines(eve);
    assert_eq!(told[0], "* you are in #tea (3 members); topic: green");
    assert!(told.contains(&"#tea <dan> on another server".into()), "{told:?}");
    assert_eq!(told.last().unwrap(), "#tea <bob> four");
}

#[test]
fn what_a_room_said_behind_that_is_not_shown_either() {
    let (mut world, ann, bob) = two_in_tea(stored());
    world.send(ann, "one\n");
    world.send(bob, "two\n");
    world.send(ann, "/quit\n");
    let (batches, _) = taken(&mut world);
    assert_eq!(batches.len(), 3);
    for Batch { number, .. } in &batches {
        refuse(&mut world, *number, "#tea");
    }
    assert_eq!(world.lines(bob), [NOT_DELIVERED]);
    let (_, look_ups) = taken(&mut world);
    assert_eq!(look_ups.len(), 1, "it is asked for once");
    answer(&mut world, StoreAnswer::Stored(batches[2].number));
    assert_eq!(world.lines(bob), ["#lobby -- ann left (quit)"]);
    assert_eq!(world.lines(ann), [NOT_DELIVERED, "* goodbye"]);
}

#[test]
fn it_is_asked_for_again_until_the_store_answers() {
    let (mut world, ann, _) = two_in_tea(stored());
    world.send(ann, "one\n");
    let number = taken(&mut world).0[0].number;
    refuse(&mut world, number, "#tea");
    answer(&mut world, StoreAnswer::Stored(number));
    for _ in 0..3 {
        let (_, look_ups) = taken(&mut world);
        let found = Err(LookUpError::Unavailable);
        answer(&mut world, StoreAnswer::Found { id: look_ups[0].id, found });
        assert!(taken(&mut world).1.is_empty(), "not at once");
        world.advance(Duration::from_secs(1));
    }
    let (_, look_ups) = taken(&mut world);
    room_at(&mut world, &look_ups[0], 2, vec![]);
    world.text(ann);
    world.send(ann, "two\n/topic\n");
    keep_up(&mut world);
    assert_eq!(world.lines(ann), ["* #tea: topic: green"]);
}

#[test]
fn what_was_shown_first_is_told_nobody_as_not_delivered() {
    let (mut world, ann, bob) = two_in_tea(Config { store: Some(StoreMode::ShowFirst), ..config() });
    world.send(ann, "one\n");
    let number = taken(&mut world).0[0].number;
    assert_eq!(world.lines(bob), ["#tea <ann> one"]);
    refuse(&mut world, number, "#tea");
    assert!(world.text(ann).is_empty());
    let (_, look_ups) = taken(&mut world);
    room_at(&mut world, &look_ups[0], 2, vec![]);
    world.send(ann, "two\n");
    assert_eq!(taken(&mut world).0[0].events[0].seq, 3);
}

#[test]
fn the_log_tells_of_nothing_that_is_refused() {
    let (mut world, ann, _) = two_in_tea(Config { report_messages: true, ..stored() });
    world.actions.clear();
    world.send(ann, "one\n/msg #lobby two\n");
    let batch = world.actions.iter().find_map(|action| match action {
        Action::Store(batch) => Some(batch.number),
        _ => None,
    });
    refuse(&mut world, batch.unwrap(), "#tea");
    answer(&mut world, StoreAnswer::Stored(batch.unwrap()));
    let said = world.actions.iter().filter_map(|action| match action {
        Action::Report(Report::Room(record)) => Some(&*record.text),
        _ => None,
    });
    assert_eq!(said.collect::<Vec<_>>(), ["two"]);
}

#[test]
fn an_answer_that_makes_no_sense_changes_nothing() {
    let (mut world, ann, bob) = two_in_tea(stored());
    for (batch, room) in [(0, "#tea"), (1, "#tea"), (99, "#tea"), (u64::MAX, "")] {
        refuse(&mut world, batch, room);
    }
    world.send(ann, "one\n");
    let number = taken(&mut world).0[0].number;
    refuse(&mut world, number, "#elsewhere");
    answer(&mut world, StoreAnswer::Stored(number));
    assert_eq!(world.lines(bob), ["#tea <ann> one"]);
}
