//! A store that goes away while people talk, and comes back.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use conformance::{Binary, Client, Store, scenarios, stamped};

scenarios! {
    postgres_that_is_killed_costs_no_line_that_was_taken,
    redis_that_is_killed_costs_no_line_that_was_taken,
    redis_that_stands_still_costs_no_line_that_was_taken,
    a_folder_that_is_moved_costs_no_line_that_was_taken,
    a_server_can_end_while_its_store_is_gone,
    what_is_stored_in_memory_is_read_without_its_store,
}

/// Ann says numbers all the time; the store goes, until she is told so, and comes back. Bob then has every number that she
/// was not told of, once and in order; and the same are stored.
fn outage(binary: Binary, mut store: Store, go: fn(&mut Store), come_back: fn(&mut Store)) {
    let server = store.serve(binary, &[]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let (ended, said) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut sender = ann.sender();
    let mut heard: Vec<usize> = Vec::new();
    let number = |line: &str| stamped(line)?.strip_prefix("#lobby <ann> ")?.parse::<usize>().ok();
    let mut refused = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                let next = said.load(Ordering::Relaxed);
                sender.write_all(format!("{next}\n").as_bytes()).expect("the server reads");
                said.store(next + 1, Ordering::Relaxed);
                // At a pace, so that it goes on for long, and nobody's limits are met.
                thread::sleep(Duration::from_millis(10));
            }
        });
        let end = EndOnDrop(&ended);
        let mut hear = |to: usize| {
            while heard.last().is_none_or(|&last| last < to) {
                heard.extend(number(&bob.line()));
            }
        };
        hear(10);
        go(&mut store);
        ann.expect_error(&["not delivered", "the history cannot be stored just now"]);
        refused += 1;
        come_back(&mut store);
        // What is said from now on is heard at last.
        hear(said.load(Ordering::Relaxed));
        drop(end);
    });
    ann.send("/msg #lobby the end");
    ann.send("/fence");
    refused += std::iter::from_fn(|| Some(ann.line()).filter(|line| line.contains("not delivered"))).count();
    loop {
        let line = bob.line();
        if line.ends_with("the end") {
            break;
        }
        heard.extend(number(&line));
    }
    assert!(heard.is_sorted_by(|one, other| one < other), "in order, and none twice: {heard:?}");
    assert_eq!(heard.len() + refused, said.load(Ordering::Relaxed), "each is heard or refused: {heard:?}");
    server.stop();
    let events = store.events(binary);
    let stored: Vec<usize> = events.iter().filter_map(|event| event.text.parse().ok()).collect();
    assert_eq!(stored, heard);
}

/// Ends the other thread, also when this one panics.
struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn postgres_that_is_killed_costs_no_line_that_was_taken(binary: Binary) {
    outage(binary, Store::postgres(), Store::kill, Store::restart);
}

fn redis_that_is_killed_costs_no_line_that_was_taken(binary: Binary) {
    outage(binary, Store::redis(), Store::kill, Store::restart);
}

fn redis_that_stands_still_costs_no_line_that_was_taken(binary: Binary) {
    outage(binary, Store::redis(), |store| store.suspend(), |store| store.resume());
}

fn a_folder_that_is_moved_costs_no_line_that_was_taken(binary: Binary) {
    fn away(store: &Store) -> PathBuf {
        store.folder().with_extension("away")
    }
    outage(
        binary,
        Store::sqlite(),
        |store| fs::rename(store.folder(), away(store)).expect("it can be moved"),
        |store| fs::rename(away(store), store.folder()).expect("and back"),
    );
}

fn a_server_can_end_while_its_store_is_gone(binary: Binary) {
    let mut store = Store::redis();
    let mut server = store.serve(binary, &[]);
    let mut ann = Client::register(&server, "ann");
    store.kill();
    ann.send("nobody hears this");
    // She is told when the store has been away for too long, and so it is known that the line was taken.
    let mut sender = ann.sender();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                sender.write_all(b"nor this\n").expect("the server reads");
                thread::sleep(Duration::from_millis(50));
            }
        });
        let _end = EndOnDrop(&ended);
        ann.expect_error(&["not delivered"]);
    });
    server.terminate();
    let status = server.wait();
    assert!(status.success(), "{status}");
    let told = server.log();
    assert!(
        told.iter().any(|line| line.contains("ERROR") && line.contains("could not be stored")),
        "{told:#?}"
    );
}

fn what_is_stored_in_memory_is_read_without_its_store(binary: Binary) {
    let mut store = Store::postgres();
    let server = store.serve(binary, &[]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("hello");
    bob.expect("#lobby <ann> hello");
    store.kill();
    // The last lines are in memory.
    let lines = bob.ask("/history 2");
    assert!(lines.iter().any(|line| line.ends_with("<ann> hello")), "{lines:?}");
    // A room that nobody is in is not.
    bob.send("/join #tea");
    bob.expect_error(&["the history of #tea cannot be read just now"]);
    for _ in 0..10 {
        bob.send("/search hello");
        bob.expect_error(&["the history of #lobby cannot be read just now"]);
    }
    let told = server.log().iter().filter(|line| line.contains("history could not be read")).count();
    assert!((1..=5).contains(&told), "{told} times, for eleven questions");
    store.restart();
    conformance::wait_until("the store is found again", || {
        bob.send("/join #tea");
        bob.line().contains("you are in #tea")
    });
}
