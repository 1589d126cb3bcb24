//! `kill -9` in the middle of load: what anybody was shown is stored exactly once, and in the order in which it was shown.
//!
//! `ROUNDS=200 cargo test -p conformance --test kill` does more rounds of each.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use conformance::{Binary, DEADLINE, Server, Store, scenarios, stamped, wait_until};

scenarios! {
    a_server_that_is_killed_has_stored_what_it_showed,
    a_server_that_is_killed_has_stored_what_it_showed_in_postgres,
    a_server_that_is_killed_has_stored_what_it_showed_in_redis,
    postgres_that_is_killed_has_what_was_shown,
    redis_that_is_killed_has_what_was_shown,
}

/// Clients that talk, and listen.
const TALKERS: usize = 4;
/// Lines that one sends at once.
const BURST: usize = 20;

fn rounds(few: usize) -> usize {
    std::env::var("ROUNDS").map_or(few, |rounds| rounds.parse().expect("ROUNDS is a number"))
}

fn a_server_that_is_killed_has_stored_what_it_showed(binary: Binary) {
    kill_servers(binary, &Store::sqlite(), rounds(5));
}

fn a_server_that_is_killed_has_stored_what_it_showed_in_postgres(binary: Binary) {
    kill_servers(binary, &Store::postgres(), rounds(2));
}

fn a_server_that_is_killed_has_stored_what_it_showed_in_redis(binary: Binary) {
    kill_servers(binary, &Store::redis(), rounds(2));
}

fn postgres_that_is_killed_has_what_was_shown(binary: Binary) {
    kill_stores(binary, Store::postgres(), rounds(2));
}

fn redis_that_is_killed_has_what_was_shown(binary: Binary) {
    kill_stores(binary, Store::redis(), rounds(2));
}

/// One server after the other is killed, all with the same store.
fn kill_servers(binary: Binary, store: &Store, rounds: usize) {
    let mut shown = Vec::new();
    for round in 0..rounds {
        let mut server = store.serve(binary, &[]);
        let crowd = Crowd::join(&server, round);
        // Later in each round, so that it happens in other moments.
        crowd.wait_for(10 + 37 * (round % 40));
        server.kill();
        shown.extend(crowd.shown());
    }
    check(binary, store, &shown);
}

/// The store is killed again and again, and the server goes on.
fn kill_stores(binary: Binary, mut store: Store, rounds: usize) {
    let server = store.serve(binary, &[]);
    let crowd = Crowd::join(&server, 0);
    for round in 0..rounds {
        crowd.wait_for(crowd.heard() + 10 + 37 * (round % 40));
        store.kill();
        store.restart();
    }
    crowd.wait_for(crowd.heard() + 100);
    server.stop();
    let shown = crowd.shown();
    check(binary, &store, &shown);
}

/// What each of them was shown is stored exactly once, and in that order.
fn check(binary: Binary, store: &Store, shown: &[Vec<String>]) {
    let events = store.events(binary);
    let mut place: HashMap<String, usize> = HashMap::new();
    for (index, event) in events.iter().enumerate().filter(|(_, event)| event.kind == "said") {
        let line = format!("<{}> {}", event.nick, event.text);
        assert!(place.insert(line, index).is_none(), "{event:?} is stored twice");
    }
    assert!(shown.iter().map(Vec::len).sum::<usize>() > 0, "nothing was shown");
    for lines in shown {
        let places = lines.iter().map(|line| *place.get(line).unwrap_or_else(|| panic!("{line} is lost")));
        assert!(places.is_sorted_by(|one, other| one < other), "they are stored in another order");
    }
    // What each of them said is there in its order, whoever was shown it.
    let mut next: HashMap<&str, usize> = HashMap::new();
    for event in events.iter().filter(|event| event.kind == "said") {
        let number: usize = event.text.parse().expect("a number");
        let next = next.entry(&event.nick).or_default();
        assert!(number >= *next, "{event:?} is behind a later one");
        *next = number + 1;
    }
}

/// Clients that say numbers as fast as they hear others, and keep what they hear.
struct Crowd {
    threads: Vec<JoinHandle<Vec<String>>>,
    heard: std::sync::Arc<AtomicUsize>,
}

impl Crowd {
    fn join(server: &Server, round: usize) -> Self {
        let heard = std::sync::Arc::new(AtomicUsize::new(0));
        let start = |index| {
            let stream = TcpStream::connect(server.addr()).expect("the server accepts");
            stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
            let (heard, nick) = (std::sync::Arc::clone(&heard), format!("u{round}x{index}"));
            thread::spawn(move || talk(stream, &nick, &heard))
        };
        Self { threads: (0..TALKERS).map(start).collect(), heard }
    }

    /// How many lines were heard by now, all together.
    fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }

    fn wait_for(&self, lines: usize) {
        wait_until("enough is heard", || self.heard() >= lines);
    }

    /// What each of them was shown, once the server has gone.
    fn shown(self) -> Vec<Vec<String>> {
        self.threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    }
}

/// Says a number whenever the others have said one each, and so never stops; gives what was heard of all of them until the
/// connection ends.
fn talk(mut stream: TcpStream, nick: &str, heard: &AtomicUsize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor is left"));
    let first: String = (0..BURST).map(|number| format!("{number}\n")).collect();
    let mut next = BURST;
    // A server that is gone shows when it is read from.
    let _ = stream.write_all(format!("{nick}\n{first}").as_bytes());
    let mut line = String::new();
    loop {
        line.clear();
        // The end of a killed server is a reset, or an unfinished line.
        if !reader.read_line(&mut line).is_ok_and(|read| read > 0) || !line.ends_with('\n') {
            return lines;
        }
        if let Some(said) = stamped(line.trim_end()).and_then(|event| event.strip_prefix("#lobby <")) {
            lines.push(format!("<{said}"));
            heard.fetch_add(1, Ordering::Relaxed);
        } else if !line.starts_with("! not delivered") {
            continue;
        }
        // As many lines are under way as at first.
        if lines.len().is_multiple_of(TALKERS - 1) {
            let _ = stream.write_all(format!("{next}\n").as_bytes());
            next += 1;
        }
    }
}
