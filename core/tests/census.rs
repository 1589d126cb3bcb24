//! What an operator counts.

mod harness;

use std::time::Duration;

use chat_core::{Census, Event, Traffic};
use harness::{World, config};

#[test]
fn a_message_counts_once_for_each_who_hears_it() {
    let mut world = World::new(config());
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|nick| world.user(nick));
    assert_eq!(world.engine.traffic(), Traffic::default(), "joining is no message");
    world.send(ann, "one\n/me two\n");
    assert_eq!(world.engine.traffic(), Traffic { messages: 2, deliveries: 4 });
    world.send(bob, "/msg eve three\n/msg nobody four\n/topic five\n/who\n");
    assert_eq!(world.engine.traffic(), Traffic { messages: 3, deliveries: 5 });
    world.send(eve, "/join #alone\nsix\n/msg #lobby seven\n/part #lobby\n/quit\n");
    assert_eq!(world.engine.traffic(), Traffic { messages: 5, deliveries: 7 });
}

#[test]
fn a_connection_counts_where_it_has_come_to() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.connect());
    world.accept([127, 0, 0, 1].into());
    world.drain();
    assert_eq!(world.engine.census(), Census { handshaking: 1, registering: 1, chatting: 1, closing: 0 });
    world.peers[bob].takes = false;
    world.send(bob, "/quit\n");
    assert_eq!(world.engine.census(), Census { handshaking: 1, registering: 0, chatting: 1, closing: 1 });
    world.event(ann, Event::PeerFinished);
    world.drain();
    assert_eq!(world.engine.census().chatting, 0);
}

#[test]
fn a_write_is_as_old_as_its_oldest_bytes() {
    let mut world = World::new(config());
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let to_bob = world.peers[bob].id;
    assert_eq!(world.engine.writing_since(to_bob), None);
    world.peers[bob].takes = false;
    let mut said = Vec::new();
    for line in ["one\n", "two\n", "three\n"] {
        world.advance(Duration::from_millis(700));
        world.send(ann, line);
        said.push(world.now.mono);
    }
    assert_eq!(world.engine.writing_since(to_bob), Some(said[0]));
    world.take(bob, 3);
    assert_eq!(world.engine.writing_since(to_bob), Some(said[0]), "some of it is left");
    let left = world.peers[bob].outstanding.len();
    world.take(bob, left);
    world.drain();
    assert_eq!(world.engine.writing_since(to_bob), Some(said[1]), "the next is made of two");
    world.peers[bob].takes = true;
    world.take(bob, usize::MAX);
    world.drain();
    assert_eq!(world.engine.writing_since(to_bob), None);
}
