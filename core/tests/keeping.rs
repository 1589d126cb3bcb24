//! What is shown only once it is stored, and rooms that go on where they were.

mod harness;

use std::time::Duration;

use chat_core::{
    Action, Batch, Cause, Config, Event, Found, Kind, LookUp, LookUpError, Query, Reason, Report, RoomRecord,
    StoreAnswer, StoreMode, Timer,
};
use chrono::{DateTime, Utc};
use harness::{World, config};

/// A world with a store that does what the test says.
fn stored() -> World {
    World::new(Config { store: Some(StoreMode::StoreFirst), ..config() })
}

/// The batches and questions that the store was given since the last call.
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

fn answer_question(world: &mut World, id: u64, found: Result<Found, LookUpError>) {
    answer(world, StoreAnswer::Found { id, found });
}

/// Answers what a store would that has never heard of any room, and stores everything.
fn keep_up(world: &mut World) {
    loop {
        let (batches, look_ups) = taken(world);
        if batches.is_empty() && look_ups.is_empty() {
            return;
        }
        for LookUp { id, .. } in look_ups {
            answer_question(world, id, Ok(Found::Room { seq: 0, topic: None, last: vec![] }));
        }
        if let Some(batch) = batches.last() {
            answer(world, StoreAnswer::Stored(batch.number));
        }
    }
}

/// Two users in the lobby, with nothing left to store.
fn with_two() -> (World, usize, usize) {
    let mut world = stored();
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    keep_up(&mut world);
    world.text(ann);
    world.text(bob);
    (world, ann, bob)
}

fn record(seq: u64, at: DateTime<Utc>, kind: Kind, text: &str) -> RoomRecord {
    let (room, nick) = ("#lobby".into(), if kind == Kind::Joined { "eve" } else { "dan" }.into());
    RoomRecord { key: "#lobby".into(), room, seq, at, nick, kind, text: text.into() }
}

#[test]
fn nothing_is_shown_before_it_is_stored_and_everything_in_its_order() {
    let (mut world, ann, bob) = with_two();
    world.send(ann, "one\n");
    let (batches, _) = taken(&mut world);
    let [Batch { number, events }] = &batches[..] else { panic!("one batch: {batches:?}") };
    let one = &events[0];
    assert_eq!((&*one.room, &*one.key, one.seq, &*one.nick), ("#lobby", "#lobby", 3, "ann"));
    assert_eq!((one.kind, &*one.text), (Kind::Said, "one"));
    // A private message and an answer wait for what came before them.
    world.send(ann, "/msg bob psst\n/topic\n");
    world.send(bob, "two\n");
    assert!(world.text(ann).is_empty() && world.text(bob).is_empty());
    answer(&mut world, StoreAnswer::Stored(*number));
    assert_eq!(world.lines(bob), ["#lobby <ann> one", "<ann -> you> psst"]);
    assert_eq!(world.lines(ann), ["* #lobby: no topic yet"], "two is not stored");
    keep_up(&mut world);
    assert_eq!(world.lines(ann), ["#lobby <bob> two"]);
}

#[test]
fn fast_history_shows_first() {
    let mut world = World::new(Config { store: Some(StoreMode::ShowFirst), ..config() });
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    keep_up(&mut world);
    world.text(bob);
    world.send(ann, "one\n");
    assert_eq!(world.lines(bob), ["#lobby <ann> one"]);
    assert_eq!(taken(&mut world).0.len(), 1);
}

#[test]
fn a_room_goes_on_with_its_number_its_topic_and_its_last_lines() {
    let mut world = World::new(Config { replay: 2, ..stored_config() });
    let ann = world.connect();
    world.send(ann, "ann\nmeant for the lobby\n");
    assert_eq!(world.lines(ann), ["* welcome, ann; /help shows what you can do here"]);
    let (batches, look_ups) = taken(&mut world);
    assert!(batches.is_empty());
    let Query::Room { key, .. } = &look_ups[0].query else { panic!("{look_ups:?}") };
    assert_eq!((&**key, look_ups[0].after), ("#lobby", 0));
    let (old, new) = (world.now.utc - Duration::from_secs(86_400), world.now.utc);
    let last = vec![
        record(5, old, Kind::Said, "long ago"),
        record(6, old, Kind::Said, "yesterday"),
        record(7, new, Kind::Acted, "waves"),
        record(8, new, Kind::Joined, ""),
    ];
    let found = Found::Room { seq: 8, topic: Some("tea".into()), last };
    answer_question(&mut world, look_ups[0].id, Ok(found));
    let (batches, _) = taken(&mut world);
    // What ann sent behind her nickname waits for the end of the replay, and that is held back with her join.
    let number = batches.last().unwrap().number;
    assert_eq!(batches[0].events.iter().map(|event| event.seq).collect::<Vec<_>>(), [9, 10]);
    answer(&mut world, StoreAnswer::Stored(number));
    let told = [
        "* you are in #lobby (1 member); topic: tea",
        "* the last 2 lines of #lobby:",
        "* 2001-09-08",
        "#lobby <dan> yesterday",
        "* 2001-09-09",
        "#lobby * dan waves",
        "* end of the history of #lobby",
    ];
    assert_eq!(world.lines(ann), told);
}

fn stored_config() -> Config {
    Config { store: Some(StoreMode::StoreFirst), ..config() }
}

#[test]
fn a_room_that_cannot_be_opened_is_refused_and_a_late_answer_is_for_nobody() {
    let (mut world, ann, bob) = with_two();
    world.send(ann, "/join #tea\nhello\n");
    let (_, look_ups) = taken(&mut world);
    let id = look_ups[0].id;
    assert!(matches!(world.engine.poll_timeout(), Some((_, Timer::LookUp))));
    world.advance(Duration::from_secs(5));
    answer_question(&mut world, id, Ok(Found::Room { seq: 7, topic: None, last: vec![] }));
    assert_eq!(world.engine.footprint().rooms, 1);
    keep_up(&mut world);
    assert_eq!(world.lines(ann), ["! the history of #tea cannot be read just now: try again later"]);
    assert_eq!(world.lines(bob), ["#lobby <ann> hello"]);
}

#[test]
fn what_is_meant_for_a_room_is_not_said_elsewhere_by_somebody_who_is_gone() {
    let (mut world, ann, bob) = with_two();
    world.send(ann, "/join #tea\nsecret\n");
    world.disconnect(ann, Cause::Reset);
    keep_up(&mut world);
    assert_eq!(world.lines(bob), ["#lobby -- ann left (connection reset)"]);
    assert_eq!(world.engine.footprint().rooms, 1);
}

#[test]
fn a_room_is_asked_for_once_though_nobody_waits_any_longer() {
    let (mut world, ann, bob) = with_two();
    world.send(ann, "/join #tea\n");
    world.disconnect(ann, Cause::Reset);
    world.send(bob, "/join #tea\n");
    let (batches, look_ups) = taken(&mut world);
    assert_eq!(look_ups.len(), 1, "{look_ups:?}");
    answer(&mut world, StoreAnswer::Stored(batches.last().unwrap().number));
    answer_question(&mut world, look_ups[0].id, Ok(Found::Room { seq: 7, topic: None, last: vec![] }));
    assert_eq!(taken(&mut world).0[0].events[0].seq, 8);
}

#[test]
fn whoever_may_not_make_a_room_does_not_take_its_past_along() {
    let (mut world, ann, bob) = with_two();
    // The same room, of which only one way to write it looks like another room's.
    world.send(ann, "/join #ｍon\n");
    world.send(bob, "/join #mon\n");
    let dan = world.connect();
    world.send(dan, "dan\n/join #rnon\n");
    let (batches, look_ups) = taken(&mut world);
    answer(&mut world, StoreAnswer::Stored(batches.last().unwrap().number));
    let room = |seq| Ok(Found::Room { seq, topic: None, last: vec![] });
    answer_question(&mut world, look_ups[1].id, room(0));
    answer_question(&mut world, look_ups[0].id, room(7));
    keep_up(&mut world);
    assert_eq!(
        world.lines(ann).last().unwrap(),
        "! the name #ｍon looks like another room's: choose another, or see /rooms"
    );
    assert_eq!(world.lines(bob).last().unwrap(), "* you are in #mon (1 member); no topic yet");
    world.send(bob, "eight is taken\n");
    assert_eq!(taken(&mut world).0[0].events[0].seq, 9);
}

#[test]
fn a_goodbye_waits_for_what_was_said_before_it() {
    let (mut world, ann, bob) = with_two();
    world.send(ann, "/msg bob bye\nso long\n/quit\n");
    world.advance(Duration::from_secs(30));
    assert_eq!((world.closed(ann), world.text(ann)), (None, String::new()));
    keep_up(&mut world);
    assert_eq!((world.closed(ann), world.lines(ann)), (Some(Reason::Quit), vec!["* goodbye".into()]));
    assert_eq!(world.lines(bob), ["<ann -> you> bye", "#lobby <ann> so long", "#lobby -- ann left (quit)"]);
}

#[test]
fn a_slot_is_not_given_away_while_a_turn_that_is_held_back_names_it() {
    let (mut world, ann, bob) = with_two();
    world.send(ann, "for bob\n");
    world.disconnect(bob, Cause::Reset);
    let eve = world.connect();
    world.send(eve, "eve\n");
    assert_ne!(world.peers[eve].id.slot(), world.peers[bob].id.slot());
    keep_up(&mut world);
    assert!(world.lines(eve).iter().all(|line| !line.contains("for bob")));
    let next = world.accept([127, 0, 0, 1].into());
    assert_eq!(world.peers[next].id.slot(), world.peers[bob].id.slot());
}

#[test]
fn while_the_store_is_stuck_lines_are_refused_and_what_was_taken_is_still_shown() {
    let (mut world, ann, bob) = with_two();
    world.send(ann, "taken\n");
    world.advance(Duration::from_secs(5));
    world.send(ann, "not taken\n/me too\n/msg #lobby nor this\n/topic nor that\n");
    let refusal = "! not delivered: the history cannot be stored just now; try again later";
    assert_eq!(world.lines(ann), [refusal; 4]);
    assert_eq!(world.reports.last(), Some(&Report::Store { stuck: true }));
    keep_up(&mut world);
    assert_eq!(world.reports.last(), Some(&Report::Store { stuck: false }));
    assert_eq!(world.lines(bob), ["#lobby <ann> taken"]);
    world.send(ann, "again\n");
    keep_up(&mut world);
    assert_eq!(world.lines(bob), ["#lobby <ann> again"]);
}

#[test]
fn when_too_much_is_held_back_lines_wait_and_are_refused_only_when_that_takes_too_long() {
    let mut world = World::new(Config { held: 4_000, ..stored_config() });
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    keep_up(&mut world);
    world.text(ann);
    world.text(bob);
    world.send(ann, &format!("{}\n", "x".repeat(4_000)));
    world.send(bob, "/who\nwaits\n");
    assert!(world.text(bob).is_empty() && !world.peers[bob].reading);
    keep_up(&mut world);
    assert!(world.peers[bob].reading);
    assert_eq!(world.lines(ann).last().unwrap(), "#lobby <bob> waits");
    world.send(ann, &format!("{}\n", "x".repeat(4_000)));
    world.text(bob);
    world.send(bob, "/who\nhello\n/quit\n");
    world.advance(Duration::from_secs(5));
    let told = [
        "! not now: the history cannot be stored; try again later",
        "! not delivered: the history cannot be stored just now; try again later",
        "* goodbye",
    ];
    assert_eq!(world.lines(bob), told);
    let eve = world.connect();
    world.send(eve, "eve\n");
    assert_eq!(world.lines(eve), told[..1]);
}

#[test]
fn what_is_not_in_memory_is_read_from_the_store_part_by_part() {
    let mut world = World::new(Config { history: None, ..stored_config() });
    let ann = world.user("ann");
    let (_, look_ups) = taken(&mut world);
    answer_question(&mut world, look_ups[0].id, Ok(Found::Room { seq: 100, topic: None, last: vec![] }));
    keep_up(&mut world);
    world.text(ann);
    world.send(ann, "/history 5\nlater\n");
    let (_, look_ups) = taken(&mut world);
    assert_eq!(look_ups[0].query, Query::Bounds { key: "#lobby".into(), before: None });
    answer_question(&mut world, look_ups[0].id, Ok(Found::Bounds(Some((99, 101)))));
    assert_eq!(world.lines(ann), ["* history of #lobby: the last 3 events"]);
    let (_, look_ups) = taken(&mut world);
    assert_eq!(look_ups[0].query, Query::Events { key: "#lobby".into(), from: 99, to: 101 });
    let at = world.now.utc;
    let events = vec![record(99, at, Kind::Said, "a"), record(100, at, Kind::Said, "b")];
    answer_question(&mut world, look_ups[0].id, Ok(Found::Events { events, complete: true }));
    let (_, look_ups) = taken(&mut world);
    assert_eq!(look_ups[0].query, Query::Events { key: "#lobby".into(), from: 101, to: 101 });
    answer_question(&mut world, look_ups[0].id, Err(LookUpError::Unavailable));
    let told = [
        "* 2001-09-09",
        "#lobby <dan> a",
        "#lobby <dan> b",
        "! the history of #lobby cannot be read just now: try again later",
    ];
    assert_eq!(world.lines(ann), told);
    let (batches, _) = taken(&mut world);
    assert_eq!(batches[0].events[0].text, "later");
}

#[test]
fn a_search_shows_the_newest_first_and_says_when_it_was_cut() {
    let (mut world, ann, _) = with_two();
    world.send(ann, "/search green tea\n");
    let (_, look_ups) = taken(&mut world);
    let query = Query::Search { key: "#lobby".into(), words: "green tea".into(), to: 2, count: 50 };
    assert_eq!(look_ups[0].query, query);
    let at = world.now.utc;
    let events = vec![record(2, at, Kind::Said, "tea, green"), record(1, at, Kind::Topic, "green tea")];
    answer_question(&mut world, look_ups[0].id, Ok(Found::Events { events, complete: false }));
    let told = [
        "* found in #lobby: 2 lines",
        "* 2001-09-09",
        "#lobby <dan> tea, green",
        "#lobby -- dan set the topic: green tea",
        "* there may be more: search for more words, or for rarer ones",
        "* end of what was found in #lobby",
    ];
    assert_eq!(world.lines(ann), told);
    world.send(ann, "/search tea\n");
    let (_, look_ups) = taken(&mut world);
    answer_question(&mut world, look_ups[0].id, Err(LookUpError::Unsupported));
    assert_eq!(world.lines(ann), ["! this server cannot search its history"]);
}

#[test]
fn a_search_has_so_many_words() {
    let (mut world, ann, _) = with_two();
    for words in ["tea ".repeat(17), "x".repeat(257), "é".repeat(129)] {
        world.send(ann, &format!("/search {words}\n"));
        let told = ["! that is too much to search for: at most 16 words, of 256 bytes together"];
        assert_eq!(world.lines(ann), told, "{words}");
    }
    for words in ["tea  ".repeat(16), "é".repeat(128)] {
        world.send(ann, &format!("/search {words}\n"));
        let (_, look_ups) = taken(&mut world);
        let [look_up] = &look_ups[..] else { panic!("{words}: {look_ups:?}") };
        assert!(matches!(&look_up.query, Query::Search { words: asked, .. } if asked == words.trim_end()));
        answer_question(&mut world, look_up.id, Err(LookUpError::Unavailable));
        world.text(ann);
    }
}

#[test]
fn a_network_asks_as_one_and_whoever_is_local_for_itself() {
    let mut world = stored();
    let peers =
        ["192.0.2.1", "192.0.2.9", "::ffff:192.0.2.77", "192.0.3.1", "2001:db8:1:2::3", "2001:db8:1:4::5"];
    let local = ["127.0.0.1", "127.0.0.1"];
    let mut askers = Vec::new();
    for (number, peer) in peers.into_iter().chain(local).enumerate() {
        let who = world.connect_from(peer.parse().unwrap());
        world.send(who, &format!("n{number}\n"));
        keep_up(&mut world);
        world.text(who);
        world.send(who, "/search tea\n");
        let (_, look_ups) = taken(&mut world);
        askers.push(look_ups.last().unwrap().asker);
    }
    assert!(askers[0] == askers[1] && askers[1] == askers[2], "{askers:?}");
    assert_eq!(askers[4], askers[5]);
    askers.sort_unstable();
    askers.dedup();
    assert_eq!(askers.len(), 5, "two networks of each kind, and two connections: {askers:?}");
}

#[test]
fn an_emptied_room_is_asked_for_behind_its_last_words() {
    let (mut world, ann, bob) = with_two();
    world.send(bob, "/part\n");
    world.event(ann, Event::Received(b"/part\n/join #lobby\n"));
    world.drain();
    let (batches, look_ups) = taken(&mut world);
    let last = batches.last().unwrap();
    assert_eq!((look_ups[0].after, last.events.last().unwrap().seq), (last.number, 4));
    answer(&mut world, StoreAnswer::Stored(last.number));
    answer_question(&mut world, look_ups[0].id, Ok(Found::Room { seq: 4, topic: None, last: vec![] }));
    assert_eq!(taken(&mut world).0[0].events[0].seq, 5);
}

#[test]
fn history_in_memory_can_be_asked_for_a_time() {
    let mut world = World::new(config());
    let ann = world.user("ann");
    world.send(ann, "early\n");
    world.advance(Duration::from_secs(3_600));
    world.send(ann, "late\n");
    world.text(ann);
    world.send(ann, "/history before 2001-09-09T02:00\n/search late\n/history before noon\n");
    let told = [
        "* history of #lobby before 2001-09-09T02:00: 2 events",
        "* 2001-09-09",
        "#lobby -- ann joined",
        "#lobby <ann> early",
        "* end of the history of #lobby",
        "! this server cannot search its history",
    ];
    let lines = world.lines(ann);
    assert_eq!(lines[..6], told);
    assert!(lines[6].starts_with("! usage: /history [N | before"));
}

#[test]
fn whoever_waits_for_an_answer_or_a_room_is_told_that_it_does_not_come() {
    let mut world = World::new(Config { history: None, ..stored_config() });
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    keep_up(&mut world);
    world.text(ann);
    world.text(bob);
    world.send(ann, "held back\n");
    world.send(ann, "/history 2\n/rooms\n");
    world.send(bob, "/join #tea\nmeant for tea\n");
    world.advance(Duration::from_secs(5));
    let not_now = "! not now: the history cannot be stored; try again later";
    assert_eq!(world.lines(ann), [not_now, not_now], "the answer, and the line behind it");
    let told = world.lines(bob);
    assert_eq!(told[0], "! the history of #tea cannot be read just now: try again later");
    assert!(told[1].starts_with("! not delivered"), "{told:?}");
    keep_up(&mut world);
    assert_eq!(world.lines(bob), ["#lobby <ann> held back"]);
    assert!(world.text(ann).is_empty());
    world.send(ann, "/rooms\n");
    assert_eq!(world.lines(ann)[0], "* 1 room:");
}

#[test]
fn whoever_leaves_while_the_store_is_stuck_is_let_go_and_hears_no_more() {
    let (mut world, ann, bob) = with_two();
    world.send(ann, "held back\n");
    world.advance(Duration::from_secs(5));
    world.peers[bob].takes = false;
    world.send(bob, "/quit\n");
    keep_up(&mut world);
    world.take(bob, usize::MAX);
    world.drain();
    assert_eq!((world.closed(bob), world.lines(bob)), (Some(Reason::Quit), vec!["* goodbye".into()]));
    assert_eq!(world.lines(ann), ["#lobby -- bob left (quit)"]);
}

#[test]
fn strangers_are_answered_and_leave_nothing_behind_while_the_store_is_stuck() {
    let (mut world, ann, _) = with_two();
    world.send(ann, "held back\n");
    let before = world.engine.footprint().held;
    let first = world.connect();
    for _ in 0..3 {
        let stranger = world.connect();
        world.send(stranger, "/help nick\nann\n");
        assert_eq!(world.lines(stranger).len(), 2);
        world.send(stranger, "/quit\n");
        assert_eq!(
            (world.closed(stranger), world.lines(stranger)),
            (Some(Reason::Quit), vec!["* goodbye".into()])
        );
        assert!(world.peers[stranger].gone);
        assert_eq!(world.peers[stranger].id.slot(), world.peers[first].id.slot() + 1, "one slot for all");
    }
    assert_eq!(world.engine.footprint().held, before);
}

#[test]
fn what_nobody_hears_counts_for_what_is_held_back() {
    for store in [StoreMode::StoreFirst, StoreMode::ShowFirst] {
        let mut world = World::new(Config { store: Some(store), ..config() });
        let ann = world.user("ann");
        keep_up(&mut world);
        world.send(ann, &format!("{}\n", "x".repeat(4_000)).repeat(10));
        assert!(world.engine.footprint().held > 40_000);
    }
}

#[test]
fn what_no_store_can_have_said_is_not_believed() {
    let mut world = stored();
    let ann = world.connect();
    world.send(ann, "ann\n");
    let (_, look_ups) = taken(&mut world);
    let found = Found::Room { seq: u64::MAX, topic: None, last: vec![] };
    answer_question(&mut world, look_ups[0].id, Ok(found));
    assert_eq!(world.lines(ann)[1], "! the history of #lobby cannot be read just now: try again later");
    world.send(ann, "/join #lobby\n");
    let (_, look_ups) = taken(&mut world);
    let mut odd = record(7, world.now.utc, Kind::Said, "odd");
    odd.nick = "n".repeat(300).into();
    answer_question(&mut world, look_ups[0].id, Ok(Found::Room { seq: 7, topic: None, last: vec![odd] }));
    assert_eq!(taken(&mut world).0[0].events[0].seq, 8);
}
