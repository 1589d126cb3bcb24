//! A history of millions of messages: how long the server takes to start on it, and to show some of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use chat_core::{Kind, RoomRecord};
use chat_store::{Opened, Retention, Store};
use chrono::{DateTime, Utc};
use clap::Args;

use crate::Result;
use crate::server::{self, Known, Process};

/// Events that are stored at once.
const BATCH: u64 = 2_000;
/// Words that are said all the time, and words that hardly ever are.
const COMMON: u64 = 400;
const RARE: u64 = 200_000;
/// Words of a message.
const WORDS: u64 = 9;
/// Seconds between two messages of a room.
const PACE: i64 = 30;
/// When the first thing was said.
const BEGIN: i64 = 1_700_000_000;

/// A history of millions of messages: how long a start, a join, /history and /search take on it
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where it is, or is made: sqlite:PATH, postgres://…, redis://…
    #[arg(long)]
    store: String,
    /// Messages in all rooms together
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    /// Rooms, of which each is half as large as the one before, but for the last ones, which are all alike
    #[arg(long, default_value_t = 100)]
    rooms: u64,
    /// How often each thing is measured
    #[arg(long, default_value_t = 300)]
    times: u64,
}

/// Makes the history, if it is not there, and measures both servers on it.
pub(crate) fn run(options: &Options) -> Result<()> {
    server::build()?;
    let began = Instant::now();
    let Opened { mut stores, .. } = chat_store::open(&options.store, false, Retention::default())?;
    let made = fill(stores.writer.as_mut(), options)?;
    let filled = began.elapsed();
    while stores.writer.catch_up()? {}
    println!(
        "{} messages, of which {made} were stored now in {:.0} s, and {:.0} s more until they could be searched.\n",
        options.messages,
        filled.as_secs_f64(),
        (began.elapsed() - filled).as_secs_f64()
    );
    drop(stores);
    println!("| server | what | p50, ms | p99, ms | most, ms |\n|---|---|--:|--:|--:|");
    for known in [Known::Tokio, Known::Smol] {
        let server = known.server()?.with_flags(["--history", &options.store]);
        let process = Process::start(&server)?;
        println!("| {server} | start | {:.0} | | |", process.started.as_secs_f64() * 1e3);
        let before = process.resident()?;
        measure(&server.to_string(), process.addr, options)?;
        let (before, after) = (before as f64 / 1e6, process.resident()? as f64 / 1e6);
        println!("| {server} | resident memory: {before:.0} MB, in the end {after:.0} MB | | | |");
        process.end_in_peace()?;
    }
    Ok(())
}

/// How many messages a room has: half of them are in the first.
fn size(room: u64, options: &Options) -> u64 {
    let halved = options.messages >> (room + 1).min(63);
    let share = options.messages / options.rooms / 4;
    halved.max(share)
}

/// Stores what is missing; returns how much that was.
fn fill(store: &mut dyn Store, options: &Options) -> Result<u64> {
    let mut made = 0;
    for room in 0..options.rooms {
        let name = format!("#room{room}");
        let there = match store.look_up(&chat_core::Query::Room { key: name.clone(), last: 0 }) {
            Ok(chat_core::Found::Room { seq, .. }) => seq,
            other => return Err(format!("{other:?}").into()),
        };
        let mut next = there + 1;
        while next <= size(room, options) {
            let last = size(room, options).min(next + BATCH - 1);
            let events: Vec<_> = (next..=last).map(|seq| said(&name, seq)).collect();
            store.write(&events)?;
            made += last + 1 - next;
            next = last + 1;
        }
    }
    Ok(made)
}

fn said(room: &str, seq: u64) -> RoomRecord {
    let mut random = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ room.len() as u64;
    let mut below = |bound: u64| {
        // Numerical Recipes' generator: good enough for words.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut text = String::new();
    for word in 0..WORDS {
        // Low numbers come more often, as with words of a language.
        let word = if word == 0 {
            format!("rare{}", below(RARE))
        } else {
            format!("word{}", below(COMMON).min(below(COMMON)))
        };
        text.push_str(&word);
        text.push(' ');
    }
    RoomRecord {
        room: room.into(),
        key: room.into(),
        seq,
        at: DateTime::<Utc>::from_timestamp(BEGIN + seq as i64 * PACE, 0).unwrap_or_default(),
        nick: format!("user{}", below(500)).into(),
        kind: Kind::Said,
        text: text.trim_end().into(),
    }
}

fn measure(server: &str, addr: SocketAddr, options: &Options) -> Result<()> {
    let mut user = User::come(addr)?;
    let mut join = Vec::new();
    let mut paging = Vec::new();
    for n in 0..options.times {
        // Whoever leaves a room empties it, so the store is asked for it the next time.
        let room = format!("#room{}", n % options.rooms);
        join.push(user.ask(&format!("/join {room}"), "* end of the history of")?);
        user.ask("/part", "* you left")?;
    }
    user.ask("/join #room0", "* end of the history of")?;
    let mut last = Vec::new();
    let mut common = Vec::new();
    let mut rare = Vec::new();
    for n in 0..options.times {
        last.push(user.ask("/history 100", "* end of the history of")?);
        let at = BEGIN + (n * 7_919 % size(0, options)) as i64 * PACE;
        let at = DateTime::<Utc>::from_timestamp(at, 0).unwrap_or_default().format("%Y-%m-%dT%H:%M");
        paging.push(user.ask(&format!("/history before {at}"), "* end of the history of")?);
        common
            .push(user.ask(&format!("/search word{} word{}", n % 40, n % 60), "* end of what was found in")?);
        rare.push(user.ask(&format!("/search rare{}", n * 101 % RARE), "* end of what was found in")?);
    }
    let rows = [
        ("join a room that nobody is in", join),
        ("/history 100", last),
        ("/history before some time", paging),
        ("/search for common words", common),
        ("/search for a rare word", rare),
    ];
    for (what, mut times) in rows {
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!("| {server} | {what} | {:.2} | {:.2} | {:.2} |", at(0.5), at(0.99), at(1.0));
    }
    Ok(())
}

struct User {
    lines: BufReader<TcpStream>,
    line: String,
}

impl User {
    fn come(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut user = Self { lines: BufReader::new(stream), line: String::new() };
        user.ask("reader", "* welcome, reader")?;
        Ok(user)
    }

    /// Says something; how long it takes until a line comes that begins with `end`.
    fn ask(&mut self, line: &str, end: &str) -> Result<Duration> {
        let began = Instant::now();
        self.lines.get_mut().write_all(format!("{line}\n").as_bytes())?;
        loop {
            self.line.clear();
            if self.lines.read_line(&mut self.line)? == 0 {
                return Err("the server has closed the connection".into());
            }
            if self.line.starts_with(end) {
                return Ok(began.elapsed());
            }
            if self.line.starts_with("! ") {
                return Err(format!("to {line}: {}", self.line).into());
            }
        }
    }
}
