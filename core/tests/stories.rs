//! What users live through, told with the engine alone.

mod harness;

use std::time::Duration;

use chat_core::{Cause, Config, Event, FloodLimit, Mono, Reason, Report, Stage};
use harness::{World, config};

#[test]
fn two_people_talk() {
    let mut world = World::new(config());
    let ann = world.user("ann");
    let bob = world.user("bob");
    assert_eq!(world.lines(ann), ["#lobby -- bob joined"]);
    world.send(ann, "hi bob\n/me waves\n");
    world.send(bob, "//hello\n");
    assert_eq!(world.lines(bob), ["#lobby <ann> hi bob", "#lobby * ann waves"]);
    assert_eq!(world.lines(ann), ["#lobby <bob> /hello"]);
    world.send(bob, "/quit off to bed\n");
    assert_eq!(world.lines(ann), ["#lobby -- bob left (off to bed)"]);
    assert_eq!(world.lines(bob), ["* goodbye"]);
    assert_eq!(world.engine.connections(), 1);
}

#[test]
fn one_turn_keeps_everybodys_order_across_rooms_and_private_messages() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.send(ann, "/join #a\n");
    world.send(bob, "/join #a\n");
    world.text(ann);
    world.text(bob);
    world.event(ann, Event::Received(b"1\n/msg #lobby 2\n/msg bob 3\n4\n/msg bob 5\n/part #a\n6\n"));
    world.event(bob, Event::Received(b"seven\n"));
    world.drain();
    let heard = [
        "#a <ann> 1",
        "#lobby <ann> 2",
        "<ann -> you> 3",
        "#a <ann> 4",
        "<ann -> you> 5",
        "#a -- ann left (part)",
        "#lobby <ann> 6",
    ];
    assert_eq!(world.lines(bob), heard);
    assert_eq!(world.lines(ann), ["* you left #a; your current room is #lobby"]);
}

#[test]
fn a_member_hears_exactly_the_part_between_its_join_and_its_leave() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.send(ann, "/join #a\n");
    world.text(bob);
    world.event(ann, Event::Received(b"before\n"));
    world.event(bob, Event::Received(b"/join #a\n"));
    world.event(ann, Event::Received(b"during\n"));
    world.event(bob, Event::Received(b"/part\n"));
    world.event(ann, Event::Received(b"between\n"));
    world.event(bob, Event::Received(b"/join #a\n/part\n"));
    world.event(ann, Event::Received(b"after\n"));
    world.drain();
    assert_eq!(
        world.lines(bob),
        [
            "* you are in #a (2 members); no topic yet",
            "#a <ann> during",
            "* you left #a; your current room is #lobby",
            "* you are in #a (2 members); no topic yet",
            "* you left #a; your current room is #lobby",
        ]
    );
}

#[test]
fn the_greeting_waits_for_whoever_speaks_first() {
    let mut world = World::new(config());
    let silent = world.connect();
    let speaker = world.connect();
    let hesitant = world.connect();
    world.send(hesitant, "an");
    world.send(speaker, "ann\n");
    world.advance(Duration::from_millis(249));
    assert_eq!((world.text(silent), world.text(hesitant)), (String::new(), String::new()));
    world.advance(Duration::from_millis(1));
    assert!(world.text(silent).starts_with("* ") && world.text(hesitant).starts_with("* "));
    assert!(!world.text(speaker).contains("nickname"));
}

#[test]
fn a_refused_script_does_not_register_its_next_line() {
    let mut world = World::new(config());
    world.user("ann");
    for script in ["ann\nhello all\n", "b d\nhello\n", "\nx"] {
        let peer = world.connect();
        world.send(peer, script);
        assert_eq!(world.closed(peer), Some(Reason::NicknamesRefused), "{script:?}");
    }
    let peer = world.connect();
    for _ in 0..4 {
        world.send(peer, "ann\n");
        assert_eq!(world.closed(peer), None);
    }
    world.send(peer, "ann\n");
    assert_eq!(world.closed(peer), Some(Reason::NicknamesRefused));
}

#[test]
fn a_flooder_is_slowed_and_loses_nothing() {
    let flood = Some(FloodLimit { lines: 20, per: Duration::from_secs(4) });
    let mut world = World::new(Config { flood, ..config() });
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.text(bob);
    let pasted: String = (0..100).map(|n| format!("{n}\n")).collect();
    world.send(ann, &pasted);
    assert!(!world.peers[ann].reading, "the paster is paused");
    assert_eq!(world.lines(bob).len(), 19, "the nickname took a token");
    world.finish(ann);
    world.advance(Duration::from_secs(10));
    assert_eq!(world.lines(bob).len(), 50);
    world.advance(Duration::from_secs(10));
    let rest = world.lines(bob);
    assert_eq!((rest.len(), rest.last().unwrap().as_str()), (32, "#lobby -- ann left (end of input)"));
}

#[test]
fn ended_input_is_served_for_a_minute() {
    let flood = Some(FloodLimit { lines: 1, per: Duration::from_secs(1) });
    let mut world = World::new(Config { flood, ..config() });
    let ann = world.user("ann");
    world.send(ann, &"x\n".repeat(100));
    world.finish(ann);
    world.advance(Duration::from_secs(59));
    assert_eq!(world.closed(ann), None);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.closed(ann), Some(Reason::EndOfInputTimeout));
}

#[test]
fn nobody_can_shadow_the_empty_lobby() {
    let mut world = World::new(config());
    let mallory = world.user("mallory");
    world.send(mallory, "/part\n/join #lоbby\n");
    assert!(world.lines(mallory).last().unwrap().starts_with("! "), "with a Cyrillic o");
    let ann = world.connect();
    world.send(ann, "ann\n");
    assert!(world.text(ann).contains("you are in #lobby"));
}

#[test]
fn a_first_line_that_is_too_long_is_one_refusal_however_it_comes() {
    let long = format!("{}\n", "x".repeat(5_000));
    for at in [4_096, 4_097, 5_000, 5_001] {
        let mut world = World::new(config());
        let peer = world.connect();
        let (first, second) = long.split_at(at);
        world.send(peer, first);
        world.send(peer, second);
        assert_eq!((world.closed(peer), world.lines(peer).len()), (None, 1));
        world.send(peer, "ann\n");
        assert!(world.text(peer).starts_with("* welcome, ann"));
    }
}

#[test]
fn a_crowd_is_quiet_until_it_has_shrunk() {
    let mut world = World::new(Config { announce_limit: 10, ..config() });
    let users: Vec<_> = (0..10).map(|n| world.user(&format!("user{n}"))).collect();
    let eve = world.user("eve");
    let last = |world: &mut World| world.lines(users[0]).last().cloned();
    assert_eq!(last(&mut world).unwrap(), "#lobby -- the room is now quiet");
    world.send(eve, "/nick adam\n");
    world.user("zoe");
    world.disconnect(users[9], Cause::Reset);
    world.disconnect(users[8], Cause::Reset);
    assert_eq!(last(&mut world), None);
    world.disconnect(users[7], Cause::Reset);
    assert_eq!(last(&mut world), None, "nine of ten is not below 90%");
    world.disconnect(users[6], Cause::Reset);
    assert_eq!(last(&mut world).unwrap(), "#lobby -- the room is no longer quiet");
    world.disconnect(users[5], Cause::Reset);
    assert_eq!(last(&mut world).unwrap(), "#lobby -- user5 left (connection reset)");
}

#[test]
fn a_reset_peer_leaves_after_what_it_had_sent() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.event(bob, Event::Received(b"last words\nunfinis"));
    world.event(bob, Event::Disconnected(Cause::Reset));
    world.drain();
    let heard = world.lines(ann);
    assert_eq!(heard[1..], ["#lobby <bob> last words", "#lobby -- bob left (connection reset)"]);
    world.user("bob");
}

#[test]
fn stamps_never_go_back_and_a_jump_is_reported() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.send(ann, "one\n");
    world.now.utc -= Duration::from_secs(3_600);
    world.send(ann, "two\n");
    let heard = world.text(bob);
    let stamps: Vec<_> = heard.lines().filter_map(|line| line.strip_prefix('[')?.split_once(']')).collect();
    assert_eq!(stamps[0].0, stamps[1].0);
    assert!(world.reports.iter().any(|report| matches!(report, Report::ClockJumped { back: true, .. })));
}

#[test]
fn shutdown_tells_everybody_and_waits_for_what_is_owed() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let unregistered = world.connect();
    world.peers[bob].takes = false;
    world.event(ann, Event::Received(b"last\n"));
    world.engine.shutdown(world.now);
    world.drain();
    assert!(world.text(unregistered).starts_with("* the server is shutting down"));
    assert!(world.text(ann).ends_with("* the server is shutting down: goodbye\n"));
    let late = world.connect();
    world.drain();
    assert!(world.peers[late].gone);
    world.peers[bob].takes = true;
    world.take(bob, usize::MAX);
    world.drain();
    world.take(bob, usize::MAX);
    assert_eq!(world.lines(bob).last().unwrap(), "* the server is shutting down: goodbye");
    assert_eq!(world.engine.connections(), 0);
}

#[test]
fn shutdown_does_not_wait_for_ever() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.peers[bob].takes = false;
    world.send(ann, "x\n");
    world.engine.shutdown(world.now);
    world.advance(Duration::from_secs(5));
    assert_eq!(world.engine.connections(), 0);
}

#[test]
fn shutdown_waits_only_briefly_for_those_who_have_taken_everything() {
    let mut world = World::new(config());
    let ann = world.user("ann");
    world.peers[ann].takes = false;
    world.engine.shutdown(world.now);
    world.drain();
    world.take(ann, usize::MAX);
    world.advance(Duration::from_millis(999));
    assert_eq!(world.engine.connections(), 1);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.engine.connections(), 0);
}

#[test]
fn slots_are_reused_but_never_within_a_turn() {
    let mut world = World::new(config());
    for _ in 0..100 {
        let peer = world.connect();
        world.disconnect(peer, Cause::Reset);
    }
    let slots = world.peers.iter().map(|peer| peer.id.slot()).max().unwrap();
    assert_eq!(slots, 0);
    let first = world.connect();
    world.event(first, Event::Disconnected(Cause::Reset));
    let second = world.connect();
    assert_ne!(world.peers[first].id.slot(), world.peers[second].id.slot());
}

#[test]
fn a_connection_is_served_until_it_is_dropped() {
    let mut world = World::new(config());
    let ann = world.user("ann");
    world.engine.shutdown(world.now);
    let late = world.connect();
    let served = [ann, late].map(|peer| world.engine.is_served(world.peers[peer].id));
    assert_eq!(served, [true, false], "ann is still told goodbye");
    world.drain();
    assert!(!world.engine.is_served(world.peers[ann].id), "it is gone");
}

#[test]
fn the_state_tells_who_is_where() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let new = world.connect();
    world.send(ann, "/join #tea\n/topic milk first?\nunfin");
    world.send(bob, "/part\n");
    world.peers[bob].takes = false;
    world.send(bob, "/help join\n");
    let state = world.engine.state();
    let [one, two, three] = &state.conns[..] else { panic!("{state:?}") };
    assert_eq!(
        (one.conn, one.stage, one.nick.as_deref()),
        (world.peers[ann].id, Stage::Chatting, Some("ann"))
    );
    assert_eq!(
        (&one.rooms[..], one.current.as_deref()),
        (&["#lobby".into(), "#tea".into()][..], Some("#tea"))
    );
    assert!(one.held >= 5 && one.owed == 0 && one.reading, "{one:?}");
    assert_eq!((two.rooms.len(), two.current.as_deref()), (0, None));
    assert_eq!(two.owed, world.peers[bob].outstanding.len());
    assert_eq!((three.conn, three.stage, &three.nick), (world.peers[new].id, Stage::Registering, &None));
    let [lobby, tea] = &state.rooms[..] else { panic!("{state:?}") };
    assert_eq!((&*lobby.name, &lobby.topic, &lobby.members[..]), ("#lobby", &None, &["ann".into()][..]));
    assert_eq!(
        (&*tea.name, tea.topic.as_deref(), tea.seq, tea.quiet),
        ("#tea", Some("milk first?"), 2, false)
    );
    world.send(ann, "ished\n/quit\n");
    assert_eq!(world.engine.state().rooms, []);
}

#[test]
#[should_panic(expected = "no event comes after Disconnected")]
fn an_event_after_the_last_is_a_fault_of_the_adapter() {
    let mut world = World::new(config());
    let peer = world.connect();
    world.disconnect(peer, Cause::Reset);
    world.event(peer, Event::PeerFinished);
}

#[test]
fn a_deadline_that_is_called_early_does_nothing() {
    let mut world = World::new(config());
    let peer = world.connect();
    let before = world.engine.poll_timeout();
    for _ in 0..3 {
        world.engine.handle_timeout(world.now);
        world.drain();
    }
    assert_eq!(world.engine.poll_timeout(), before);
    assert!(before.unwrap().0 > Mono(0) && world.actions.is_empty());
    assert_eq!(world.text(peer), "");
}
