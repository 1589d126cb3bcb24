//! Who may come in: addresses that are banned, and proxies that speak for others.

mod harness;

use std::net::IpAddr;
use std::time::Duration;

use chat_core::{Addresses, Close, Config, ConnectLimit, Event, Reason, Violation};
use harness::{World, config};

const SILENCE: Duration = Duration::from_millis(250);
const BANNED: &str = "! your address is banned from this server";

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

fn addresses(ranges: &[(&str, &str)]) -> Addresses {
    ranges.iter().map(|(first, last)| ip(first)..=ip(last)).collect()
}

#[test]
fn whoever_is_banned_is_told_so() {
    let bans = addresses(&[("192.0.2.0", "192.0.2.255"), ("2001:db8::1", "2001:db8::1")]);
    let mut world = World::new(Config { bans, max_unregistered: 3, ..config() });
    let peers = ["192.0.2.7", "::ffff:192.0.2.8", "2001:db8::1", "2001:db8::2", "192.0.3.0"];
    let peers = peers.map(|address| world.connect_from(ip(address)));
    world.advance(SILENCE);
    let banned = Some(Reason::Banned);
    assert_eq!(peers.map(|peer| world.closed(peer)), [banned, banned, banned, None, None]);
    assert_eq!(world.lines(peers[0]), [BANNED]);
    world.engine.check();
}

#[test]
fn a_new_list_cuts_off_who_is_connected() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.connect_from(ip("192.0.2.1")));
    world.send(bob, "bob\n");
    let [newcomer, handshaking] = [world.connect_from(ip("192.0.2.2")), world.accept(ip("192.0.2.3"))];
    for peer in [ann, bob] {
        world.text(peer);
    }
    world.engine.ban(world.now, addresses(&[("192.0.2.0", "192.0.2.255")]));
    world.drain();
    assert_eq!(world.lines(ann), ["#lobby -- bob left (banned)"]);
    assert_eq!(world.lines(bob), [BANNED]);
    // It may be about to begin a handshake, in which it could not read that.
    assert_eq!(world.text(newcomer), "");
    world.advance(SILENCE);
    assert_eq!(world.lines(newcomer), [BANNED]);
    assert_eq!(world.peers[handshaking].closed, Some((Close::Now, Reason::Banned)), "it could not read it");
    // And the next list lets them in again.
    world.engine.ban(world.now, Addresses::default());
    let bob = world.connect_from(ip("192.0.2.1"));
    world.send(bob, "bob\n");
    assert!(world.text(bob).starts_with("* welcome, bob"));
    world.engine.check();
}

#[test]
fn who_comes_through_a_proxy_counts_for_its_own_address() {
    let connect_rate = Some(ConnectLimit { connections: 3, per: Duration::from_secs(60) });
    let mut world = World::new(Config {
        proxies: addresses(&[("10.0.0.1", "10.0.0.1")]),
        bans: addresses(&[("192.0.2.66", "192.0.2.66")]),
        max_connections_per_address: 2,
        connect_rate,
        ..config()
    });
    let mut through = |address: &str| {
        let peer = world.accept(ip("10.0.0.1"));
        world.event(peer, Event::Forwarded(ip(address)));
        world.event(peer, Event::Opened);
        world.engine.check();
        world.advance(SILENCE);
        (peer, world.closed(peer))
    };
    assert_eq!([(); 3].map(|()| through("192.0.2.1").1), [None, None, Some(Reason::AddressFull)]);
    let (neighbour, admitted) = through("192.0.2.2");
    assert_eq!(admitted, None);
    assert_eq!(through("192.0.2.66").1, Some(Reason::Banned));
    // A check of the proxy's own says nothing of anybody.
    assert_eq!([(); 5].map(|()| through("10.0.0.1").1), [None; 5]);
    assert_eq!(
        through("192.0.2.1").1,
        Some(Reason::ConnectingTooFast),
        "the fourth, whatever became of the third"
    );
    // Bans go by whom a proxy speaks for.
    world.engine.ban(world.now, addresses(&[("192.0.2.2", "192.0.2.2")]));
    world.drain();
    assert_eq!(world.closed(neighbour), Some(Reason::Banned));
    world.engine.check();
}

#[test]
fn a_proxy_that_does_not_say_for_whom_is_dropped() {
    let proxies = addresses(&[("10.0.0.0", "10.255.255.255")]);
    let mut world = World::new(Config { proxies, ..config() });
    let [silent, garbled] = [(); 2].map(|()| world.accept(ip("10.0.0.1")));
    world.event(garbled, Event::Violated(Violation::Unforwarded));
    world.drain();
    assert_eq!(world.closed(garbled), Some(Reason::Unforwarded));
    world.advance(Duration::from_secs(10));
    assert_eq!(world.peers[silent].closed, Some((Close::Now, Reason::HandshakeTimeout)));
    assert_eq!([world.text(silent), world.text(garbled)], ["", ""]);
}

#[test]
fn text_that_flows_is_nobody_elses_any_more() {
    let mut world = World::new(Config { max_connections_per_address: 1, ..config() });
    let ann = world.user("ann");
    world.event(ann, Event::Forwarded(ip("192.0.2.1")));
    world.engine.check();
    let bob = world.connect_from(ip("192.0.2.1"));
    world.advance(SILENCE);
    assert_eq!(world.closed(bob), None, "nobody else counts for that address");
}
