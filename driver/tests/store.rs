//! The driver between the real engine and a store made of data.

mod fake;

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use chat_core::{Batch, Config, Found, LookUp, StoreAnswer, StoreMode};
use chat_driver::HistoryStore;

use fake::{Peer, World};

/// Longer than reading waits for something that is being stored.
const SLOW: Duration = Duration::from_millis(2);

/// What the engine asked for, in order.
#[derive(Clone, Debug, Default)]
struct Asked(Rc<RefCell<Vec<Wish>>>);

#[derive(Clone, Debug)]
enum Wish {
    Store(Batch),
    LookUp(LookUp),
}

impl HistoryStore for Asked {
    fn store(&mut self, batch: Batch) {
        self.0.borrow_mut().push(Wish::Store(batch));
    }

    fn look_up(&mut self, look_up: LookUp) {
        self.0.borrow_mut().push(Wish::LookUp(look_up));
    }
}

impl Asked {
    /// What a store with nothing in it answers to all that was asked so far.
    fn answers(&self) -> Vec<StoreAnswer> {
        let answer = |wish| match wish {
            Wish::Store(batch) => StoreAnswer::Stored(batch.number),
            Wish::LookUp(LookUp { id, .. }) => {
                StoreAnswer::Found { id, found: Ok(Found::Room { seq: 0, topic: None, last: Vec::new() }) }
            }
        };
        self.0.take().into_iter().map(answer).collect()
    }
}

/// Ann and Bob are in the lobby, and all that they were told is stored.
fn two() -> (World, Asked, Peer, Peer) {
    let asked = Asked::default();
    let config = Config { flood: None, store: Some(StoreMode::StoreFirst), replay: 0, ..Config::default() };
    let mut world = World::with_store(config, Box::new(asked.clone()));
    let (ann, bob) = (world.connect("ann\n"), world.connect("bob\n"));
    while settle(&mut world, &asked) {}
    (world, asked, ann, bob)
}

/// The store answers all that was asked; whether that was anything.
fn settle(world: &mut World, asked: &Asked) -> bool {
    let answers = asked.answers();
    let any = !answers.is_empty();
    answers.into_iter().for_each(|answer| world.handle().store_answered(answer));
    assert!(world.run().is_pending());
    any
}

#[test]
fn what_is_said_is_heard_once_the_store_says_from_another_thread_that_it_has_it() {
    let (mut world, asked, ann, bob) = two();
    ann.send("hello\n");
    assert!(world.run().is_pending());
    assert!(!bob.heard().contains("hello"), "{}", bob.heard());
    let handle = world.handle();
    let answers = asked.answers();
    assert_eq!(answers.len(), 1);
    thread::spawn(move || answers.into_iter().for_each(|answer| handle.store_answered(answer)))
        .join()
        .unwrap();
    assert!(world.run().is_pending());
    assert!(bob.heard().ends_with("<ann> hello\n"), "{}", bob.heard());
}

#[test]
fn answers_are_taken_in_their_order() {
    let (mut world, asked, ann, bob) = two();
    for text in ["one\n", "two\n", "three\n"] {
        ann.send(text);
        assert!(world.run().is_pending());
        world.advance(SLOW);
    }
    let mut answers = asked.answers();
    assert_eq!(answers.len(), 3);
    let last = answers.pop().unwrap();
    answers.reverse();
    answers.into_iter().for_each(|answer| world.handle().store_answered(answer));
    assert!(world.run().is_pending());
    assert!(bob.heard().contains("two") && !bob.heard().contains("three"), "{}", bob.heard());
    world.handle().store_answered(last);
    assert!(world.run().is_pending());
    assert!(bob.heard().ends_with("<ann> three\n"), "{}", bob.heard());
}

/// The texts of each batch that was handed over since the last time.
fn batches(asked: &Asked) -> Vec<Vec<String>> {
    let texts = |wish: &Wish| match wish {
        Wish::Store(batch) => batch.events.iter().map(|event| event.text.to_string()).collect(),
        Wish::LookUp(look_up) => panic!("{look_up:?}"),
    };
    asked.0.borrow().iter().map(texts).collect()
}

#[test]
fn who_speaks_while_something_is_stored_shares_a_batch_with_who_speaks_when_it_is() {
    let (mut world, asked, ann, bob) = two();
    ann.send("one\n");
    assert!(world.run().is_pending());
    bob.send("two\n");
    assert!(world.run().is_pending());
    assert_eq!(batches(&asked), [["one"]]);
    ann.send("three\n");
    assert!(settle(&mut world, &asked));
    assert!(bob.heard().ends_with("<ann> one\n"), "{}", bob.heard());
    assert_eq!(batches(&asked), [["two", "three"]]);
}

#[test]
fn a_store_that_takes_long_keeps_nobody_from_being_read() {
    let (mut world, asked, ann, bob) = two();
    ann.send("one\n");
    assert!(world.run().is_pending());
    bob.send("two\n");
    assert!(world.run().is_pending());
    world.advance(SLOW);
    assert!(world.run().is_pending());
    assert_eq!(batches(&asked), [["one"], ["two"]]);
}

#[test]
fn batches_and_look_ups_come_in_the_order_in_which_the_engine_has_them() {
    let (mut world, asked, ann, _bob) = two();
    ann.send("hello\n/join #tea\n");
    assert!(world.run().is_pending());
    let seen = asked.0.borrow().clone();
    let [Wish::Store(batch), Wish::LookUp(look_up)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(batch.number, look_up.after);
    while settle(&mut world, &asked) {}
    assert!(ann.heard().contains("you are in #tea"), "{}", ann.heard());
}

#[test]
fn a_store_that_does_not_answer_keeps_nobody_from_ending() {
    let (mut world, _asked, ann, _bob) = two();
    ann.send("hello\n");
    assert!(world.run().is_pending());
    assert!(world.shut_down().is_pending());
    world.advance(Duration::from_secs(5));
    assert!(world.run().is_ready());
}
