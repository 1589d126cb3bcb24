//! What storing costs: `cargo run --release -p chat-store --example write_cost -- URL [EVENTS [full]]`, where `full` is
//! for what survives the end of power. With fewer events in a batch, more of it is the transaction. `postgres` and
//! `redis` as the URL are private servers, for as long as it takes.

use std::error::Error;
use std::time::{Duration, Instant};

use chat_core::{Found, Kind, Query, RoomRecord};
use chat_store::{Retention, open};
use chrono::{TimeDelta, Utc};
use test_services::{Postgres, Redis};

const EVENTS: u64 = 512_000;
const BATCHES: [u64; 4] = [1, 16, 64, 512];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("which history? write_cost URL [EVENTS [full]]")?;
    let events = args.next().map_or(Ok(EVENTS), |events| events.parse())?;
    let sync_full = args.next().is_some_and(|word| word == "full");
    let (mut postgres, mut redis) = (None, None);
    let url = match url.as_str() {
        "postgres" => postgres.insert(Postgres::start()).url(),
        "redis" => redis.insert(Redis::start()).url(),
        _ => url,
    };
    let mut stores = open(&url, sync_full, Retention::default())?.stores;
    let key = "#lobby".to_owned();
    let Found::Room { seq: mut last, .. } =
        stores.writer.look_up(&Query::Room { key: key.clone(), last: 0 })?
    else {
        return Err("a room is answered with a room".into());
    };
    for batch in BATCHES {
        let count = events * batch.min(64) / 64 / batch;
        let mut longest = Duration::ZERO;
        let begin = Instant::now();
        for _ in 0..count {
            let records: Vec<RoomRecord> = (last + 1..=last + batch).map(|seq| record(&key, seq)).collect();
            last += batch;
            let before = Instant::now();
            stores.writer.write(&records)?;
            longest = longest.max(before.elapsed());
        }
        let each = begin.elapsed() / u32::try_from(count * batch)?;
        println!("batches of {batch}: {each:?} an event, the longest took {longest:?}");
    }
    let (begin, mut steps) = (Instant::now(), Vec::new());
    loop {
        let before = Instant::now();
        let more = stores.writer.catch_up()?;
        steps.push(before.elapsed());
        if !more {
            break;
        }
    }
    steps.sort_unstable();
    let (all, count) = (begin.elapsed(), steps.len());
    let [half, most, longest] = [count / 2, count * 99 / 100, count - 1].map(|step| steps[step]);
    println!("caught up in {count} steps in {all:?}: p50 {half:?}, p99 {most:?}, the longest {longest:?}");
    for (what, query) in questions(&key, last) {
        let begin = Instant::now();
        let found = stores.reader.look_up(&query);
        let said = match found {
            Ok(Found::Events { events, complete }) => {
                format!("{} events, complete: {complete}", events.len())
            }
            other => format!("{:?}", other.map(|_| "answered")),
        };
        println!("{what}: {:?}, {said}", begin.elapsed());
    }
    Ok(())
}

fn questions(key: &str, to: u64) -> Vec<(&'static str, Query)> {
    let search = |words: &str| Query::Search { key: key.into(), words: words.into(), to, count: 50 };
    vec![
        ("the last 200", Query::Room { key: key.into(), last: 200 }),
        ("100 of the middle", Query::Events { key: key.into(), from: to / 2, to: to / 2 + 99 }),
        (
            "bounds before",
            Query::Bounds { key: key.into(), before: Some(Utc::now() - TimeDelta::minutes(1)) },
        ),
        ("a common word", search("message")),
        ("a rare word", search("rare7")),
        ("no word", search("nowhere")),
        ("a common and a rare word", search("message rare7")),
        ("common words that never meet", search("even odd")),
    ]
}

fn record(key: &str, seq: u64) -> RoomRecord {
    let parity = if seq.is_multiple_of(2) { "even" } else { "odd" };
    let rare = if seq.is_multiple_of(10_007) { format!(" rare{}", seq / 10_007) } else { String::new() };
    RoomRecord {
        room: key.into(),
        key: key.into(),
        seq,
        at: Utc::now(),
        nick: format!("speaker{}", seq % 1_000).into(),
        kind: Kind::Said,
        text: format!("message number {seq}, which is {parity} and about as long as others are{rare}"),
    }
}
