//! The driver on fake sockets, with the real engine behind it.

mod fake;

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use chat_core::{Action, Config, Engine, Event, FloodLimit, Now};
use chat_driver::{Input, Observer};

use fake::{Peer, World};

fn world() -> World {
    World::new(Config { flood: None, ..Config::default() })
}

/// Somebody who has sent 700,000 bytes, of which flood control lets a line through.
fn paused_sender() -> (World, Peer) {
    let flood = Some(FloodLimit { lines: 1, per: Duration::from_secs(1_000) });
    let mut world = World::new(Config { flood, ..Config::default() });
    let ann = world.connect("ann\n");
    for _ in 0..100 {
        ann.send("a line\n".repeat(1_000));
    }
    assert!(world.run().is_pending());
    (world, ann)
}

/// Everything that one client is told in a short session, when its writes behave so.
fn transcript(prepare: impl FnOnce(&Peer), mut help: impl FnMut(&Peer) -> bool) -> String {
    let mut world = world();
    let ann = world.connect("ann\n");
    prepare(&ann);
    ann.send("/who\n/rooms\n/help\n/nick anna\n");
    assert!(world.run().is_pending());
    while help(&ann) {
        ann.wake();
        assert!(world.run().is_pending());
    }
    ann.heard()
}

#[test]
fn short_and_blocked_writes_lose_and_repeat_nothing() {
    let expected = transcript(|_| {}, |_| false);
    assert!(expected.contains("anna"), "{expected}");

    assert_eq!(transcript(|ann| ann.0.borrow_mut().write_size = Some(3), |_| false), expected);

    let mut openings = 0;
    let opened = |ann: &Peer| {
        ann.0.borrow_mut().window = Some(7);
        openings += 1;
        openings < expected.len()
    };
    assert_eq!(transcript(|ann| ann.0.borrow_mut().window = Some(0), opened), expected);
}

#[test]
fn what_two_say_within_a_moment_costs_a_listener_one_write() {
    let mut world = world();
    let (ann, bob, eve) = (world.connect("ann\n"), world.connect("bob\n"), world.connect("eve\n"));
    let before = eve.0.borrow().writes;
    ann.send("hello\n");
    assert!(world.turn().is_pending());
    bob.send("hi\n");
    assert!(world.run().is_pending());
    assert!(eve.heard().ends_with("<ann> hello\n[00:00:00] #lobby <bob> hi\n"), "{}", eve.heard());
    assert_eq!(eve.0.borrow().writes, before + 1);
}

#[test]
fn a_paused_peer_that_resets_is_noticed() {
    let (mut world, ann) = paused_sender();
    let unread = ann.0.borrow().input.len();
    assert!(unread > 0, "the engine pauses an eager sender");
    world.pass(Duration::from_secs(2));
    assert_eq!(ann.0.borrow().input.len(), unread, "nothing is read meanwhile");

    ann.0.borrow_mut().pending_error = Some(ErrorKind::ConnectionReset);
    world.pass(Duration::from_secs(1));
    assert!(ann.is_gone());
}

#[test]
fn a_failed_write_does_not_lose_what_was_sent_before() {
    let mut world = world();
    let (ann, bob) = (world.connect("ann\n"), world.connect("bob\n"));
    ann.0.borrow_mut().write_error = Some(ErrorKind::BrokenPipe);
    ann.0.borrow_mut().input.push_back(b"last words\n".to_vec());
    bob.send("hello\n");
    assert!(world.run().is_pending());
    let heard = bob.heard();
    assert!(heard.contains("<ann> last words\n"), "{heard}");
    assert!(heard.ends_with("-- ann left (connection reset)\n"), "{heard}");
    assert!(ann.is_gone());
}

#[test]
fn accept_errors_back_off_until_one_succeeds() {
    let mut world = world();
    world.door.borrow_mut().error = Some(ErrorKind::OutOfMemory);
    assert!(world.run().is_pending());
    assert_eq!(world.door.borrow().asked, 1);
    for (millis, asked) in [(99, 1), (1, 2), (199, 2), (1, 3), (400, 4), (800, 5), (1_000, 6), (1_000, 7)] {
        world.pass(Duration::from_millis(millis));
        assert_eq!(world.door.borrow().asked, asked, "after {millis} ms");
    }
    world.door.borrow_mut().error = None;
    world.pass(Duration::from_secs(1));
    let ann = world.connect("ann\n");
    assert!(ann.heard().contains("welcome, ann"));
}

#[test]
fn an_idle_listener_after_an_error_does_not_spin() {
    let mut world = world();
    world.door.borrow_mut().error = Some(ErrorKind::OutOfMemory);
    assert!(world.run().is_pending());
    world.door.borrow_mut().error = None;
    world.pass(Duration::from_millis(100));
    world.pass(Duration::from_secs(10));
}

#[test]
fn a_rush_is_taken_in_whole() {
    let config = Config { max_connections_per_address: 0, connect_rate: None, ..Config::default() };
    let mut world = World::new(config);
    let peers: Vec<Peer> = (0..300).map(|n| world.knock(format!("user{n}\n"))).collect();
    assert!(world.run().is_pending());
    assert!(peers.iter().all(|peer| peer.heard().contains("welcome, user")));
}

#[test]
fn a_panic_in_one_stream_ends_that_connection_alone() {
    let mut world = world();
    let (ann, bob) = (world.connect("ann\n"), world.connect("bob\n"));
    ann.0.borrow_mut().panics_on_read = true;
    ann.wake();
    assert!(world.run().is_pending());
    assert!(ann.is_gone());
    bob.send("/who\n");
    assert!(world.run().is_pending());
    let heard = bob.heard();
    assert!(heard.contains("-- ann left (internal error)\n") && heard.ends_with("* bob\n"), "{heard}");
}

#[test]
fn of_many_writes_of_one_turn_those_that_fail_or_panic_cost_the_others_nothing() {
    let config =
        Config { max_connections_per_address: 0, connect_rate: None, flood: None, ..Config::default() };
    let mut world = World::new(config);
    let crowd: Vec<Peer> = (0..200).map(|n| world.connect(&format!("user{n}\n/join #all\n"))).collect();
    let before: Vec<usize> = crowd.iter().map(|peer| peer.heard().len()).collect();
    let heard_since = |n: usize| crowd[n].heard().split_off(before[n]);
    for n in [17, 100] {
        crowd[n].0.borrow_mut().panics_on_write = true;
    }
    crowd[50].0.borrow_mut().write_error = Some(ErrorKind::ConnectionReset);
    crowd[51].0.borrow_mut().write_size = Some(1);
    crowd[52].0.borrow_mut().window = Some(10);
    crowd[0].send("one\ntwo\n");
    assert!(world.run().is_pending());
    assert!(crowd[17].is_gone() && crowd[50].is_gone() && crowd[100].is_gone());
    assert_eq!(heard_since(52).len(), 10);
    crowd[52].0.borrow_mut().window = None;
    crowd[52].wake();
    assert!(world.run().is_pending());
    let expected = heard_since(1);
    let texts: Vec<&str> = expected.lines().filter(|line| line.contains("<user0>")).collect();
    assert_eq!(texts.len(), 2, "{expected}");
    for n in (2..200).filter(|n| ![17, 50, 100].contains(n)) {
        assert_eq!(heard_since(n), expected, "user{n}");
    }
}

/// Counts writes that are not credited, and notes how many there are whenever the engine has nothing more to say.
#[derive(Default)]
struct Outstanding {
    writes: usize,
    at_ends: Rc<RefCell<Vec<usize>>>,
}

impl Observer for Outstanding {
    fn handled(&mut self, _: Now, input: Input<'_>, _: &Engine) {
        self.writes -= usize::from(matches!(input, Input::Event { event: Event::Wrote(_), .. }));
    }

    fn polled(&mut self, action: Option<&Action>, _: &Engine) {
        match action {
            Some(action) => self.writes += usize::from(matches!(action, Action::Write { .. })),
            None => self.at_ends.borrow_mut().push(self.writes),
        }
    }

    fn panicked(&mut self, _: Option<(Now, Input<'_>)>, _: &Engine) {}
}

#[test]
fn a_turn_ends_when_every_write_was_tried() {
    let config =
        Config { max_connections_per_address: 0, connect_rate: None, flood: None, ..Config::default() };
    let observer = Outstanding::default();
    let ends = Rc::clone(&observer.at_ends);
    let mut world = World::observed(config, Box::new(observer));
    let crowd: Vec<Peer> = (0..200).map(|n| world.connect(&format!("user{n}\n/join #all\n"))).collect();
    // Most take nothing: mostly the engine looks at one of them last, and finds nothing that it could say.
    let blocked: Vec<usize> = (1..200).filter(|n| n % 10 != 8).collect();
    for &n in &blocked {
        crowd[n].0.borrow_mut().window = Some(0);
    }
    for line in ["one\n", "two\n", "three\n"] {
        ends.borrow_mut().clear();
        crowd[0].send(line);
        assert!(world.run().is_pending());
        let ends = ends.borrow();
        assert!(ends.last() == Some(&blocked.len()), "{ends:?}");
        assert!(ends.iter().all(|&writes| writes == 0 || writes == blocked.len()), "{ends:?}");
        assert_eq!(crowd[198].heard().matches(line).count(), 1);
    }
}

#[test]
fn after_the_goodbye_comes_fin_and_then_the_peers_end_is_awaited() {
    let mut world = world();
    let ann = world.connect("ann\n/quit\nignored\n");
    assert!(ann.heard().ends_with("* goodbye\n"));
    assert!(ann.0.borrow().shut && !ann.is_gone());
    ann.send("ignored as well\n");
    assert!(world.run().is_pending());
    assert!(ann.0.borrow().input.is_empty() && !ann.is_gone(), "input is read out of the way");
    ann.finish();
    assert!(world.run().is_pending());
    assert!(ann.is_gone());
}

#[test]
fn a_peer_that_never_ends_is_dropped_in_the_end() {
    let mut world = world();
    let ann = world.connect("ann\n/quit\n");
    world.pass(Duration::from_secs(600));
    assert!(ann.is_gone());
}

#[test]
fn end_of_input_is_served_and_closed() {
    let mut world = world();
    let ann = world.connect("ann\n");
    ann.send("/who");
    ann.finish();
    assert!(world.run().is_pending());
    assert!(ann.heard().contains("* ann\n") && ann.0.borrow().shut && ann.is_gone());
}

#[test]
fn shutdown_says_goodbye_and_resolves_when_the_last_is_gone() {
    let mut world = world();
    let ann = world.connect("ann\n");
    assert!(world.shut_down().is_pending());
    assert!(ann.heard().contains("shutting down"));
    ann.finish();
    assert!(matches!(world.run(), Poll::Ready(Ok(()))));
    assert!(ann.is_gone());
}

#[test]
fn a_blocked_write_that_fails_does_not_lose_what_the_reactor_has_not_told_of_yet() {
    let mut world = world();
    let (ann, bob) = (world.connect("ann\n"), world.connect("bob\n"));
    ann.0.borrow_mut().window = Some(0);
    bob.send("hello\n");
    assert!(world.run().is_pending());
    {
        let mut wire = ann.0.borrow_mut();
        wire.write_error = Some(ErrorKind::ConnectionReset);
        wire.input.push_back(b"last words\n".to_vec());
        wire.untold = true;
    }
    ann.wake();
    assert!(world.turn().is_pending());
    // Between two turns, the reactor tells.
    ann.0.borrow_mut().untold = false;
    ann.wake();
    assert!(world.run().is_pending());
    let heard = bob.heard();
    assert!(heard.contains("<ann> last words\n"), "{heard}");
}

#[test]
fn a_paused_sender_is_read_no_more_than_its_share() {
    let (_world, ann) = paused_sender();
    let read = 700_000 - ann.0.borrow().input.iter().map(Vec::len).sum::<usize>();
    assert!(read <= 16 << 10, "{read}");
}
