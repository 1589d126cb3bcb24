//! What slow readers cost, and whom.

mod harness;

use std::collections::BTreeSet;
use std::time::Duration;

use chat_core::{Action, Config, Event, Reason, TurnLimit};
use harness::{World, config};

#[test]
fn a_reader_that_owes_too_much_for_too_long_is_cut_off() {
    let stall = Duration::from_secs(10);
    let mut world = World::new(Config { backlog: 1_000, stall, ..config() });
    let (ann, bob, eve) = (world.user("ann"), world.user("bob"), world.user("eve"));
    world.peers[bob].takes = false;
    for _ in 0..50 {
        world.send(ann, "something long enough to count\n");
    }
    world.advance(Duration::from_secs(9));
    world.take(bob, 10);
    assert_eq!(world.closed(bob), None);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.lines(eve).last().unwrap(), "#lobby -- bob left (too slow to read)");
    world.peers[bob].takes = true;
    world.take(bob, usize::MAX);
    world.drain();
    assert_eq!(world.closed(bob), Some(Reason::TooSlow));
    assert!(world.text(bob).ends_with("! you were cut off, since you read too slowly: connect again\n"));
    assert_eq!(world.engine.footprint().output, 0);
}

#[test]
fn a_reader_that_catches_up_in_between_stays() {
    let mut world = World::new(Config { backlog: 1_000, stall: Duration::from_secs(10), ..config() });
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    for _ in 0..3 {
        world.peers[bob].takes = false;
        for _ in 0..50 {
            world.send(ann, "something long enough to count\n");
        }
        world.advance(Duration::from_secs(9));
        world.peers[bob].takes = true;
        world.take(bob, usize::MAX);
        world.drain();
    }
    assert_eq!((world.closed(bob), world.lines(bob).len()), (None, 150));
}

#[test]
fn memory_is_saved_by_cutting_off_the_one_furthest_behind() {
    let mut world = World::new(Config { backlog: 10_000, memory: 20_000, ..config() });
    let (ann, bob, eve) = (world.user("ann"), world.user("bob"), world.user("eve"));
    world.peers[bob].takes = false;
    let line = format!("{}\n", "x".repeat(1_000));
    for _ in 0..30 {
        world.send(ann, &line);
        world.advance(Duration::ZERO);
        assert!(world.engine.footprint().output <= 20_000);
    }
    assert_eq!(world.closed(bob), Some(Reason::OutOfMemory));
    let heard = world.lines(eve);
    assert_eq!(heard.iter().filter(|line| line.contains("<ann>")).count(), 30);
    assert_eq!(heard.iter().filter(|line| line.contains("bob left (too slow")).count(), 1);
}

#[test]
fn memory_is_short_only_above_its_limit() {
    let run = |memory| {
        let mut world = World::new(Config { backlog: 100, memory, ..config() });
        let (ann, bob) = (world.user("ann"), world.user("bob"));
        world.peers[bob].takes = false;
        world.send(ann, &format!("{}\n", "x".repeat(1_000)));
        (world.engine.footprint().output, world.closed(bob))
    };
    let (needed, _) = run(0);
    assert_eq!(run(needed), (needed, None));
    assert_eq!(run(needed - 1), (0, Some(Reason::OutOfMemory)));
}

#[test]
fn short_memory_costs_no_more_readers_than_it_must() {
    let mut world = World::new(Config { backlog: 1_000, memory: 5_000, ..config() });
    let (ann, bob, eve) = (world.user("ann"), world.user("bob"), world.user("eve"));
    for slow in [bob, eve] {
        world.peers[slow].takes = false;
    }
    let said = "x".repeat(1_000);
    world.send(ann, &format!("/msg eve {said}\n"));
    world.send(ann, &format!("/msg bob {said}\n").repeat(4));
    assert_eq!([bob, eve].map(|peer| world.closed(peer)), [Some(Reason::OutOfMemory), None]);
}

#[test]
fn a_room_where_all_speak_at_once_is_kept_once() {
    let mut world = World::new(config());
    let users: Vec<_> = (0..300).map(|n| world.user(&format!("user{n}"))).collect();
    let line = format!("{}\n", "x".repeat(1_000));
    for &user in &users {
        world.peers[user].takes = false;
        world.event(user, Event::Received(line.as_bytes()));
    }
    world.drain();
    let once = users.len() * (line.len() + "[00:00:00] #lobby <user> ".len());
    assert!(world.engine.footprint().output < 2 * once, "{:?}", world.engine.footprint());
}

#[test]
fn members_of_two_busy_rooms_share_one_blend() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let listeners: Vec<_> = (0..100).map(|n| world.user(&format!("user{n}"))).collect();
    for user in listeners.iter().chain([&ann, &bob]) {
        world.send(*user, "/join #b\n");
        world.text(*user);
    }
    let line = format!("{0}\n/msg #lobby {0}\n", "x".repeat(500));
    for &listener in &listeners {
        world.peers[listener].takes = false;
    }
    world.event(ann, Event::Received(line.repeat(100).as_bytes()));
    world.drain();
    assert!(world.engine.footprint().output < 400_000, "{:?}", world.engine.footprint());
}

#[test]
fn two_rooms_where_all_speak_at_once_are_kept_once() {
    // In one turn, however much that is.
    let turn = TurnLimit { text: 0, copies: 0 };
    let mut world = World::new(Config { turn, ..config() });
    let users: Vec<_> = (0..300).map(|n| world.user(&format!("user{n}"))).collect();
    for &user in &users {
        world.send(user, "/join #b\n");
    }
    let said = "x".repeat(500);
    let lines = format!("{said}\n/msg #lobby {said}\n");
    for &user in &users {
        world.peers[user].takes = false;
        world.event(user, Event::Received(lines.as_bytes()));
    }
    world.drain();
    let once = users.len() * 2 * (said.len() + "[00:00:00] #lobby <user> ".len());
    assert!(world.engine.footprint().output < 2 * once, "{:?}", world.engine.footprint());
}

#[test]
fn short_lines_that_many_are_owed_count_for_each_of_these() {
    let mut world = World::new(Config { backlog: 10_000, memory: 100_000, ..config() });
    let ann = world.user("ann");
    let readers: Vec<_> = (0..50).map(|number| world.user(&format!("user{number}"))).collect();
    for &reader in &readers {
        world.peers[reader].takes = false;
    }
    for _ in 0..200 {
        world.send(ann, "a\n");
        world.advance(Duration::ZERO);
    }
    // The lines are 5 KB, and what each reader's queue has of them is twice a hundred.
    assert!(readers.iter().any(|&reader| world.closed(reader) == Some(Reason::OutOfMemory)));
}

#[test]
fn nobody_is_last_in_every_turn() {
    let mut world = World::new(config());
    let members: Vec<_> = (0..10).map(|n| world.user(&format!("user{n}"))).collect();
    let mut last = BTreeSet::new();
    for turn in 0..20 {
        world.actions.clear();
        world.send(members[0], &format!("{turn}\n"));
        let written = world.actions.iter().rev().find_map(|action| match action {
            Action::Write { conn, .. } => Some(*conn),
            _ => None,
        });
        last.insert(written.expect("it was told to the others"));
    }
    assert!(last.len() > 5, "{last:?}");
}
