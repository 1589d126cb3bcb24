//! What one turn may make, and what becomes of the rest.

mod harness;

use std::time::Duration;

use chat_core::{Addresses, Cause, Config, Event, FloodLimit, Reason, Timer, TurnLimit};
use harness::{World, config};

/// No limit on turns.
const ANY: TurnLimit = TurnLimit { text: 0, copies: 0 };

fn world(text: usize, copies: usize) -> World {
    World::new(Config { turn: TurnLimit { text, copies }, announce_limit: 0, ..config() })
}

/// Lines of a peer, without the names.
fn words(world: &mut World, peer: usize) -> Vec<String> {
    world.lines(peer).iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
}

/// `line` for each of these numbers.
fn lines(numbers: std::ops::Range<usize>, line: impl Fn(usize) -> String) -> Vec<u8> {
    numbers.map(line).collect::<String>().into_bytes()
}

#[test]
fn a_turn_ends_with_the_line_that_fills_it_and_the_rest_comes_in_the_next_ones() {
    let mut world = world(100, 0);
    let [ann, bob] = ["ann", "bob"].map(|nick| world.user(nick));
    world.text(bob);
    world.event(ann, Event::Received(&lines(0..10, |number| format!("{number}\n"))));
    assert!(world.engine.is_full());
    let mut turns = Vec::new();
    loop {
        world.drain_once();
        turns.push(words(&mut world, bob).len());
        match world.engine.poll_timeout() {
            Some((at, timer)) => assert_eq!((at, timer), (world.now.mono, Timer::Turn)),
            None => break,
        }
        assert!(turns.len() == 1 || world.peers[ann].reading == (turns.iter().sum::<usize>() == 10));
        world.engine.handle_timeout(world.now);
    }
    // "[01:46:40] #lobby <ann> 0\n" has 26 bytes: with the fourth, there are 100.
    assert_eq!(turns, [4, 4, 2]);
    world.engine.check();
}

#[test]
fn whoever_has_said_least_is_served_first_of_those_who_wait() {
    let flood = Some(FloodLimit { lines: 50, per: Duration::from_secs(5) });
    let turn = TurnLimit { text: 100, copies: 0 };
    let mut world = World::new(Config { flood, turn, announce_limit: 0, ..config() });
    let [ann, bob, eve, fay] = ["ann", "bob", "eve", "fay"].map(|nick| world.user(nick));
    world.advance(Duration::from_secs(60));
    world.text(bob);
    for flooder in [eve, fay, eve] {
        world.event(flooder, Event::Received(&lines(0..20, |number| format!("{number}\n"))));
    }
    // It finds the turn full, so it waits, too: behind fay, who was not heard either, but before eve.
    world.event(ann, Event::Received(b"hello\n"));
    world.drain();
    let heard = words(&mut world, bob);
    assert_eq!((heard.len(), &*heard[8]), (61, "hello"), "{heard:?}");
}

#[test]
fn what_comes_is_served_beside_what_waits() {
    let mut world = world(100, 0);
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|nick| world.user(nick));
    world.text(bob);
    world.event(eve, Event::Received(&lines(0..40, |number| format!("{number}\n"))));
    world.drain_once();
    world.event(ann, Event::Received(b"hello\n"));
    world.drain_once();
    assert_eq!(words(&mut world, bob), ["0", "1", "2", "3", "hello"]);
    world.drain();
    let rest: Vec<_> = (4..40).map(|number| number.to_string()).collect();
    assert_eq!(words(&mut world, bob), rest);
}

#[test]
fn those_who_wait_take_turns() {
    let mut world = world(100, 0);
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|nick| world.user(nick));
    world.text(bob);
    world.event(ann, Event::Received(&lines(0..9, |number| format!("a{number}\n"))));
    world.event(eve, Event::Received(&lines(0..9, |number| format!("e{number}\n"))));
    world.drain();
    let heard = words(&mut world, bob);
    assert_eq!(heard[..8], ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"].map(String::from));
    assert_eq!(heard[8..12], ["e0", "e1", "e2", "e3"].map(String::from));
    assert_eq!(heard.len(), 18);
}

#[test]
fn copies_count_for_those_in_several_rooms_alone() {
    let turns = |rooms: &[&str]| {
        let mut world = world(0, 500);
        let peers = ["ann", "bob", "eve"].map(|nick| world.user(nick));
        for peer in peers {
            rooms.iter().for_each(|room| world.send(peer, &format!("/join {room}\n/msg #lobby {room}\n")));
        }
        world.text(peers[1]);
        world.event(peers[0], Event::Received(&lines(0..20, |number| format!("/msg #lobby {number}\n"))));
        world.drain_once();
        words(&mut world, peers[1]).len()
    };
    // 26 bytes for each of the three: with the seventh line, there are 500.
    assert_eq!([turns(&[]), turns(&["#tea"]), turns(&["#tea", "#code"])], [20, 7, 7]);
}

#[test]
fn what_was_sent_before_a_reset_is_not_lost_to_a_full_turn() {
    let mut world = world(100, 0);
    let [ann, bob] = ["ann", "bob"].map(|nick| world.user(nick));
    world.text(bob);
    world.event(ann, Event::Received(&lines(0..10, |number| format!("{number}\n"))));
    world.event(ann, Event::Disconnected(Cause::Reset));
    world.drain();
    let heard = words(&mut world, bob);
    assert_eq!((heard.len(), heard[9].as_str(), heard[10].as_str()), (11, "9", "reset)"));
    world.engine.check();
}

#[test]
fn a_ban_that_hits_many_takes_several_turns() {
    let mut world = world(200, 0);
    let witness = world.user("witness");
    let guests: Vec<_> = (0..20)
        .map(|number| {
            let guest = world.connect_from([192, 0, 2, 1].into());
            world.send(guest, &format!("guest{number}\n"));
            guest
        })
        .collect();
    world.text(witness);
    let bans: Addresses = std::iter::once([192, 0, 2, 1].into()).map(|address| address..=address).collect();
    world.engine.ban(world.now, bans);
    world.drain_once();
    let gone = |world: &World| guests.iter().filter(|&&guest| world.closed(guest).is_some()).count();
    assert!((1..10).contains(&gone(&world)), "{} at once", gone(&world));
    world.drain();
    assert!(guests.iter().all(|&guest| world.closed(guest) == Some(Reason::Banned)));
    assert_eq!(world.lines(witness).len(), 20);
    world.engine.check();
}

#[test]
fn everybody_whose_time_has_come_goes_in_the_end() {
    let idle_timeout = Duration::from_secs(60);
    let turn = TurnLimit { text: 100, copies: 100 };
    let mut world = World::new(Config { turn, idle_timeout, ..config() });
    let peers: Vec<_> = (0..20).map(|number| world.user(&format!("user{number}"))).collect();
    world.advance(idle_timeout);
    assert!(peers.iter().all(|&peer| world.closed(peer) == Some(Reason::Idle)));
}

/// Users in the same rooms, none of whom takes what it is written: so all of it is retained.
fn deaf_crowd(users: usize, rooms: usize, turn: TurnLimit) -> (World, Vec<usize>) {
    let mut world = World::new(Config { turn, rooms_per_user: 0, announce_limit: 0, ..config() });
    let crowd: Vec<_> = (0..users).map(|number| world.user(&format!("user{number}"))).collect();
    for &peer in &crowd {
        world.send_bytes(peer, &lines(1..rooms, |room| format!("/join #r{room}\n")));
    }
    crowd.iter().for_each(|&peer| world.peers[peer].takes = false);
    (world, crowd)
}

/// Everybody renames itself again and again and leaves a room, in one turn; returns what is retained, and the turn's text.
fn renames(world: &mut World, crowd: &[usize], part: impl Fn(usize) -> usize) -> (usize, usize) {
    for (number, &peer) in crowd.iter().enumerate() {
        let renames = lines(0..9, |name| format!("/nick u{number}x{name}\n"));
        let part = format!("/part #r{}\n", part(number)).into_bytes();
        world.event(peer, Event::Received(&[renames, part].concat()));
    }
    let text = world.engine.footprint().turn;
    world.drain_once();
    world.engine.check();
    (world.engine.footprint().output, text)
}

#[test]
fn those_who_leave_and_enter_share_with_the_others() {
    let (mut world, crowd) = deaf_crowd(40, 20, ANY);
    let (retained, text) = renames(&mut world, &crowd, |_| 1);
    assert!(text > 300_000, "{text} bytes of text");
    // The logs, two blends of them, and at most 1 KiB beside each of the few things that everybody was told alone.
    assert!(retained < 5 * text + 40 * 11 * 1_024, "{retained} bytes for {text}");
}

#[test]
fn however_many_are_in_however_many_rooms_a_turn_makes_no_more_than_it_may() {
    let turn = TurnLimit { text: 64 << 10, copies: 1 << 20 };
    for part in [|_| 1, |number| 1 + number % 19] {
        let (mut world, crowd) = deaf_crowd(40, 20, turn);
        let (retained, text) = renames(&mut world, &crowd, part);
        assert!(text < turn.text + 2_000, "{text} bytes of text");
        assert!(retained < 2 * turn.copies + turn.text, "{retained} bytes retained");
    }
}
