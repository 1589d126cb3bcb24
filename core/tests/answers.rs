//! History, and answers too long to be given at once.

mod harness;

use std::time::Duration;

use chat_core::{Cause, Config, Event, HistoryLimits, Reason, Timer};
use harness::{World, config};

#[test]
fn a_long_answer_is_paced_and_commands_wait_for_it() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let line = format!("{}\n", "x".repeat(1_000));
    world.send(ann, &line.repeat(200));
    world.text(bob);
    world.peers[bob].takes = false;
    world.send(bob, "/history 150\nthe end\n");
    world.send(ann, "meanwhile\n");
    assert!(world.engine.footprint().output < 40_000, "not all of it at once");
    assert!(world.lines(ann).iter().all(|line| !line.contains("the end")));
    while !world.peers[bob].outstanding.is_empty() {
        world.take(bob, 1_000);
        world.drain();
    }
    let lines = world.lines(bob);
    assert_eq!(lines[0], "* history of #lobby: the last 150 events");
    assert_eq!(lines.iter().filter(|line| line.contains("xxx")).count(), 150);
    assert_eq!(lines[152..], ["* end of the history of #lobby", "#lobby <ann> meanwhile"]);
    assert_eq!(world.lines(ann), ["#lobby <bob> the end"]);
}

#[test]
fn a_fast_reader_of_a_long_answer_does_not_keep_the_turn() {
    let (mut world, _) = world_with_much_history();
    let bob = world.user("bob");
    world.text(bob);
    world.event(bob, Event::Received(b"/history 150\n/history 150\n"));
    world.drain_once();
    assert!(world.lines(bob).len() < 40);
    assert_eq!(world.engine.poll_timeout(), Some((world.now.mono, Timer::Answer)));
    world.drain();
    assert!(world.lines(bob).len() > 260);
}

#[test]
fn a_long_list_of_rooms_is_given_in_parts() {
    let mut world = World::new(Config { lobby: None, ..config() });
    let ann = world.user("ann");
    let rooms: Vec<_> = (10..40).map(|n| format!("#room{n}")).collect();
    for room in &rooms {
        world.send(ann, &format!("/join {room}\n/topic {}\n", "x".repeat(1_000)));
    }
    world.text(ann);
    world.event(ann, Event::Received(b"/rooms\n"));
    world.drain_once();
    let mut told = world.lines(ann);
    assert!(told.len() < 20, "not all of it at once");
    world.drain();
    told.extend(world.lines(ann));
    assert_eq!(told.remove(0), "* 30 rooms:");
    let told: Vec<_> = told.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(told, rooms);
}

#[test]
fn an_answer_ends_with_its_readers_membership() {
    let (mut world, ann) = world_with_much_history();
    let bob = world.user("bob");
    world.peers[bob].takes = false;
    world.send(bob, "/join #solo\n/part #lobby\n");
    world.send(bob, &format!("{}\n", "y".repeat(1_000)).repeat(40));
    world.send(bob, "/history 100\n");
    world.finish(bob);
    world.advance(Duration::from_secs(60));
    assert_eq!(world.lines(ann).last().unwrap(), "#lobby -- bob left (part)");
    assert_eq!(world.engine.footprint().rooms, 1, "bob's room went with him");
    world.user("eve");
    while !world.peers[bob].outstanding.is_empty() {
        world.take(bob, 1_000);
        world.drain();
    }
    assert_eq!(world.closed(bob), Some(Reason::EndOfInput));
}

#[test]
fn a_slow_reader_gets_the_whole_answer_to_its_last_line() {
    let (mut world, _) = world_with_much_history();
    let bob = world.user("bob");
    world.peers[bob].takes = false;
    world.send(bob, "/history 150\n");
    world.finish(bob);
    while !world.peers[bob].outstanding.is_empty() {
        world.take(bob, 1_000);
        world.advance(Duration::from_secs(5));
    }
    let lines = world.lines(bob);
    assert_eq!(lines.iter().filter(|line| line.contains("xxx")).count(), 149, "and bob's own join");
    assert_eq!(world.closed(bob), Some(Reason::EndOfInput));
}

#[test]
fn what_came_before_a_reset_counts_behind_long_answers_too() {
    let (mut world, ann) = world_with_much_history();
    let bob = world.user("bob");
    world.event(bob, Event::Received(b"/history 150\none\n/history 150\ntwo\n"));
    world.event(bob, Event::Disconnected(Cause::Reset));
    world.drain();
    let heard = world.lines(ann);
    assert_eq!(heard[1..], ["#lobby <bob> one", "#lobby <bob> two", "#lobby -- bob left (connection reset)"]);
}

#[test]
fn history_is_bounded_by_events_and_by_bytes() {
    let limits = HistoryLimits { events_per_room: 5, bytes_per_room: 10_000, bytes: 2_000 };
    let mut world = World::new(Config { history: Some(limits), ..config() });
    let ann = world.user("ann");
    for n in 0..10 {
        world.send(ann, &format!("{n}\n"));
    }
    world.text(ann);
    world.send(ann, "/history\n");
    assert_eq!(world.lines(ann)[2..7], [5, 6, 7, 8, 9].map(|n| format!("#lobby <ann> {n}")));
    world.send(ann, &format!("/join #b\n{}\n", "x".repeat(1_900)));
    assert!(world.engine.footprint().history <= 2_000);
    world.engine.check();
}

/// A world in which `/history` in the lobby is a long answer.
fn world_with_much_history() -> (World, usize) {
    let mut world = World::new(config());
    let ann = world.user("ann");
    world.send(ann, &format!("{}\n", "x".repeat(1_000)).repeat(200));
    (world, ann)
}

/// In minutes, if every line were looked at again for every answer: as much as comes in one turn.
#[test]
fn lines_and_answers_in_turn_cost_no_more_than_one_behind_the_other() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.text(ann);
    world.send(ann, &"x\n/x\n".repeat(50_000));
    assert_eq!(world.lines(bob).len(), 50_000);
    let answers = world.lines(ann);
    assert!(answers.len() == 50_000 && answers.iter().all(|line| line.starts_with("! ")));
}
