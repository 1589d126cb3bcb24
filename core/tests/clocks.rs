//! A process that stood still, and wall clocks that are set.

mod harness;

use std::time::Duration;

use chat_core::{Config, Event, Found, Mono, Reason, Report, StoreAnswer, StoreMode};
use harness::{World, config};

const S: Duration = Duration::from_secs(1);
/// Longer than any deadline of the engine.
const HOUR: Duration = Duration::from_secs(3_600);

/// Lets the process stand still: time passes, and nobody calls the engine.
fn stand_still(world: &mut World, time: Duration) {
    world.drain();
    world.move_to(world.now.mono.after(time));
}

/// What the adapter may do first when the process goes on.
fn go_on(world: &mut World, times_out_first: bool) {
    if times_out_first {
        world.engine.handle_timeout(world.now);
        world.drain();
    }
}

#[test]
fn what_came_while_the_process_stood_still_counts_before_anybody_is_judged() {
    for times_out_first in [true, false] {
        let mut world = World::new(Config { idle_timeout: 60 * S, ..config() });
        let [ann, bob] = ["ann", "bob"].map(|nick| world.user(nick));
        let newcomer = world.connect();
        let secured = world.accept([192, 0, 2, 1].into());
        world.advance(5 * S);
        stand_still(&mut world, HOUR);
        go_on(&mut world, times_out_first);
        world.send(ann, "I have been here all the time\n");
        world.send(newcomer, "eve\n");
        world.event(secured, Event::Opened);
        world.advance(4 * S);
        world.send(secured, "dan\n");
        for peer in [ann, bob, newcomer, secured] {
            assert_eq!(world.closed(peer), None, "{peer}");
        }
        world.advance(HOUR);
        for peer in [ann, bob, newcomer, secured] {
            assert_eq!(world.closed(peer), Some(Reason::Idle), "{peer} has said nothing more");
        }
    }
}

#[test]
fn readers_who_could_not_be_written_to_are_not_late_either() {
    let mut world = World::new(Config { backlog: 100, stall: 10 * S, ..config() });
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|nick| world.user(nick));
    for slow in [bob, eve] {
        world.peers[slow].takes = false;
    }
    world.send(ann, &format!("{}\n", "x".repeat(1_000)));
    world.send(bob, "/quit\n");
    stand_still(&mut world, HOUR);
    go_on(&mut world, true);
    assert_eq!([bob, eve].map(|peer| world.closed(peer)), [None; 2], "neither its goodbye nor its backlog");
    for slow in [bob, eve] {
        world.peers[slow].takes = true;
        world.take(slow, usize::MAX);
    }
    world.advance(60 * S);
    assert_eq!(world.closed(bob), Some(Reason::Quit));
    assert_eq!(world.closed(eve), None);
}

#[test]
fn the_answer_of_a_store_that_is_there_already_counts() {
    let mut world = World::new(Config { store: Some(StoreMode::StoreFirst), ..config() });
    let ann = world.connect();
    world.send(ann, "ann\n");
    stand_still(&mut world, HOUR);
    go_on(&mut world, true);
    let id = world.look_ups[0].id;
    let found = Ok(Found::Room { seq: 0, topic: None, last: vec![] });
    world.engine.store_answered(world.now, StoreAnswer::Found { id, found });
    world.drain();
    stand_still(&mut world, HOUR);
    go_on(&mut world, true);
    world.engine.store_answered(world.now, StoreAnswer::Stored(world.batch));
    world.drain();
    assert!(world.text(ann).contains("* you are in #lobby"), "she waited for both");
    assert!(!world.reports.iter().any(|report| matches!(report, Report::Store { .. })), "it is not stuck");
}

#[test]
fn whoever_has_nothing_to_say_for_it_is_judged_soon_after() {
    let mut world = World::new(config());
    let silent = world.connect();
    world.advance(50 * S);
    stand_still(&mut world, HOUR);
    world.advance(4 * S);
    assert_eq!(world.closed(silent), None);
    world.advance(S);
    assert_eq!(world.closed(silent), Some(Reason::RegistrationTimeout));
}

#[test]
fn a_server_that_is_always_late_judges_all_the_same() {
    let mut world = World::new(config());
    let mut silent = vec![];
    for _ in 0..20 {
        silent.push(world.connect());
        world.advance(S);
    }
    let turns = (0..).find(|_| {
        stand_still(&mut world, 3 * S);
        world.engine.handle_timeout(world.now);
        world.drain();
        silent.iter().all(|&peer| world.closed(peer).is_some())
    });
    assert!(turns.unwrap() < 50, "{turns:?}");
}

#[test]
fn a_little_late_is_no_standstill() {
    let mut world = World::new(config());
    let silent = world.connect();
    world.advance(55 * S);
    stand_still(&mut world, Duration::from_millis(5_900));
    go_on(&mut world, true);
    assert_eq!(world.closed(silent), Some(Reason::RegistrationTimeout));
}

/// What the last line that `reader` was told is stamped with.
fn last_stamp(world: &mut World, reader: usize) -> String {
    let text = world.text(reader);
    text.lines().last().unwrap()[1..9].to_owned()
}

#[test]
fn a_clock_that_was_ahead_for_a_moment_is_forgotten_in_a_minute() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    // 01:46:40, for a moment a day and an hour later.
    world.now.utc += 25 * HOUR;
    world.send(ann, "ahead\n");
    assert_eq!(last_stamp(&mut world, bob), "02:46:40");
    world.now.utc -= 25 * HOUR;
    world.send(ann, "back\n");
    world.advance(59 * S);
    world.send(ann, "still\n");
    assert_eq!(last_stamp(&mut world, bob), "02:46:40", "stamps do not go back at once");
    world.advance(S);
    world.send(ann, "believed\n");
    assert_eq!(last_stamp(&mut world, bob), "01:47:40");
    let jumps = world.reports.iter().filter(|report| matches!(report, Report::ClockJumped { .. })).count();
    assert_eq!(jumps, 2);
}

#[test]
fn a_clock_that_is_a_little_behind_is_waited_for() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.now.utc -= 60 * S;
    for _ in 0..6 {
        world.send(ann, "behind\n");
        assert_eq!(last_stamp(&mut world, bob), "01:46:40");
        world.advance(10 * S);
    }
    world.advance(S);
    world.send(ann, "on time\n");
    assert_eq!(last_stamp(&mut world, bob), "01:46:41");
}

#[test]
fn a_clock_that_is_behind_for_less_than_a_minute_at_a_time_is_not_believed() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    for _ in 0..5 {
        world.now.utc -= 2 * HOUR;
        world.send(ann, "behind\n");
        world.advance(30 * S);
        world.now.utc += 2 * HOUR;
        world.send(ann, "right\n");
        world.advance(30 * S);
    }
    let heard = world.text(bob);
    let stamps: Vec<_> = heard.lines().filter_map(|line| line.get(1..9)).collect();
    assert!(stamps.is_sorted(), "{stamps:?}");
    assert_eq!(world.now.mono, Mono(300_000_000_000));
}
