//! Transports with a handshake, and peers that do not keep to theirs.

mod harness;

use std::time::Duration;

use chat_core::{Close, Config, ConnectLimit, Event, Reason, Violation};
use harness::{World, config};

/// How long a silent newcomer waits for the greeting.
const SILENCE: Duration = Duration::from_millis(250);
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn accepted(world: &mut World) -> usize {
    world.accept([127, 0, 0, 1].into())
}

#[test]
fn a_handshake_is_not_greeted_into() {
    let mut world = World::new(config());
    let peer = world.connect();
    world.event(peer, Event::Securing);
    world.advance(PATIENCE - SILENCE);
    assert_eq!(world.text(peer), "");
    world.event(peer, Event::Opened);
    world.advance(SILENCE);
    assert_eq!(world.lines(peer).len(), 1, "the greeting");
    // By now it would be one of a script that thinks it is not understood.
    world.event(peer, Event::Securing);
    world.send(peer, "ann\n");
    assert!(world.text(peer).starts_with("* welcome"), "it goes on in plain text");
}

#[test]
fn a_handshake_ends_in_time() {
    let mut world = World::new(config());
    let (silent, begun) = (accepted(&mut world), accepted(&mut world));
    world.event(begun, Event::Securing);
    world.advance(PATIENCE / 2);
    // A second step of the handshake gives no more time.
    world.event(begun, Event::Securing);
    world.advance(PATIENCE / 2);
    assert_eq!(world.peers[begun].closed, Some((Close::Now, Reason::HandshakeTimeout)));
    assert_eq!(world.text(begun), "");
    assert_eq!(world.peers[silent].closed, Some((Close::AfterFlush, Reason::PlaintextRefused)));
    assert_eq!(world.text(silent), "! encrypted connections only: connect with TLS\n");
}

#[test]
fn an_end_within_the_handshake_is_the_end() {
    let mut world = World::new(config());
    let peers = [Event::PeerFinished, Event::CutShort].map(|end| {
        let peer = accepted(&mut world);
        world.event(peer, Event::Securing);
        world.event(peer, end);
        world.drain();
        peer
    });
    assert!(peers.iter().all(|&peer| world.peers[peer].gone));
}

#[test]
fn an_unfinished_line_that_was_cut_short_does_not_count() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.text(ann);
    world.send(bob, "whole\nunfini");
    world.event(bob, Event::CutShort);
    world.drain();
    let heard = world.text(ann);
    assert!(heard.contains("<bob> whole") && heard.contains("bob left (end of input)"), "{heard}");
    assert!(!heard.contains("unfini"), "{heard}");
}

#[test]
fn whoever_does_not_keep_to_the_transport_has_to_go() {
    let mut world = World::new(config());
    let (ann, bob, carl) = (world.user("ann"), world.user("bob"), accepted(&mut world));
    world.text(ann);
    world.event(bob, Event::Violated(Violation::Garbled));
    world.event(carl, Event::Violated(Violation::Plaintext));
    world.drain();
    assert!(world.text(ann).contains("bob left (encryption failed)"));
    assert_eq!(world.closed(bob), Some(Reason::TransportGarbled));
    assert_eq!(world.closed(carl), Some(Reason::PlaintextRefused));
    assert_eq!(world.text(carl), "! encrypted connections only: connect with TLS\n");
}

#[test]
fn a_limit_is_told_after_the_handshake_or_when_the_greeting_would_be_due() {
    let mut world = World::new(Config { max_connections: 1, ..config() });
    world.user("ann");
    let [silent, eager, ended, secured] = [(); 4].map(|()| world.connect());
    world.event(secured, Event::Securing);
    world.send(eager, "bob\n");
    world.finish(ended);
    let full = Some(Reason::ServerFull);
    assert_eq!([silent, eager, ended, secured].map(|peer| world.closed(peer)), [None, full, full, None]);
    world.advance(SILENCE);
    assert_eq!([silent, secured].map(|peer| world.closed(peer)), [full, None]);
    world.event(secured, Event::Opened);
    world.advance(SILENCE);
    assert_eq!(world.closed(secured), full);
    for peer in [silent, eager, ended, secured] {
        assert_eq!(world.text(peer), "! the server is full: try again later\n");
    }
}

#[test]
fn whoever_connects_too_fast_gets_no_handshake() {
    let connect_rate = Some(ConnectLimit { connections: 1, per: Duration::from_secs(10) });
    let mut world = World::new(Config { connect_rate, ..config() });
    let [_, fast, secured] = [(); 3].map(|()| world.connect_from([192, 0, 2, 1].into()));
    world.event(secured, Event::Securing);
    world.advance(SILENCE);
    assert_eq!(world.peers[secured].closed, Some((Close::Now, Reason::ConnectingTooFast)));
    assert_eq!(world.peers[fast].closed, Some((Close::AfterFlush, Reason::ConnectingTooFast)));
}
