//! What a recording is made of: a few bytes that say so, a [`Header`], and [`Entry`] after [`Entry`], each in
//! postcard's wire format (<https://postcard.jamesmunns.com>): numbers as varints, nothing in between.

use std::net::{IpAddr, SocketAddr};

use chat_core::{Attempt, Batch, Cause, LookUp, Query, Report, RoomRecord, Violation};
use serde::{Deserialize, Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_64;

use crate::config::ConfigRecord;
use crate::store::{FoundRecord, LookUpErrorRecord};

/// How every recording begins. No text does. The last byte is the version of the format.
pub(crate) const MAGIC: &[u8; 8] = b"\xffchatre\x05";

/// What stands before the entries.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The version of the engine that was recorded: another one may answer otherwise.
    pub(crate) version: String,
    pub(crate) config: ConfigRecord,
}

/// One thing that was told to the engine, or that it answered. Connections are called by their slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry<'a> {
    /// Both clocks, from here on: monotonic nanoseconds; seconds and nanoseconds since 1970.
    Now { mono: u64, secs: i64, nanos: u32 },
    /// A connection was accepted.
    Connect { slot: u32, peer: SocketAddr },
    /// Text may flow.
    Opened { slot: u32 },
    /// A handshake has begun: no text flows until it is over.
    Securing { slot: u32 },
    /// What is recorded next has ended this many lines that each may be the password, and this is what they came to.
    Attempts { attempts: Vec<AttemptRecord> },
    /// A proxy speaks for this address.
    Forwarded { slot: u32, peer: IpAddr },
    /// A peer sent these bytes; those of passwords are blanked.
    Received {
        slot: u32,
        #[serde(serialize_with = "all_at_once")]
        bytes: &'a [u8],
    },
    /// So many bytes of the outstanding write have left.
    Wrote { slot: u32, count: u32 },
    /// A peer ended its sending side.
    PeerFinished { slot: u32 },
    /// Its sending side ended without a goodbye.
    CutShort { slot: u32 },
    /// A peer does not keep to its transport.
    Violated {
        slot: u32,
        #[serde(with = "ViolationRecord")]
        violation: Violation,
    },
    /// A connection is gone.
    Disconnected {
        slot: u32,
        #[serde(with = "CauseRecord")]
        cause: Cause,
    },
    /// Who may not connect from now on: ranges of addresses.
    Bans { bans: Vec<(IpAddr, IpAddr)> },
    /// The store has stored all up to this batch.
    Stored { batch: u64 },
    /// It never will have what these rooms said in this one.
    Refused { batch: u64, rooms: Vec<String> },
    /// It has answered a question.
    Found { id: u64, found: Result<FoundRecord, LookUpErrorRecord> },
    /// Time has passed.
    Timeout,
    /// The server is to end.
    Shutdown,
    /// Output that is sealed, and numbered from 0 between one `Drained` and the next.
    Piece { len: u32, hash: u64 },
    /// The engine wants that piece written.
    Write { slot: u32, piece: u32 },
    /// It wants a peer read, or not.
    Reading { slot: u32, enabled: bool },
    /// It wants a connection closed, at once or behind what it is owed.
    Close { slot: u32, at_once: bool, reason: &'a str },
    /// It wants a batch stored.
    Store { number: u64, hash: u64 },
    /// It wants something looked up.
    LookUp { id: u64, hash: u64 },
    /// It has something for the log.
    Report { hash: u64 },
    /// It has nothing more.
    Drained,
    /// It panicked on what stands before this, or else on being asked for an action.
    Panicked,
}

/// [`Cause`], as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Cause")]
enum CauseRecord {
    Closed,
    Reset,
    TimedOut,
    Failed,
    Panicked,
}

/// [`Violation`], as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Violation")]
enum ViolationRecord {
    Plaintext,
    Garbled,
    Unforwarded,
}

/// [`Attempt`], as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttemptRecord(#[serde(with = "AttemptForm")] pub(crate) Attempt);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Attempt")]
enum AttemptForm {
    Right,
    Wrong,
    Help,
    Quit,
    Http,
    Unheard,
}

/// The same as byte by byte, and much faster.
fn all_at_once<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// What stands for bytes that another engine is to give again: XXH3, which never changes.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// What stands for a report: made of its words, since how Rust shows them may change.
pub(crate) fn hash_of(report: &Report) -> u64 {
    let words: Vec<String> = match report {
        Report::Registered { conn, nick } => vec!["registered".into(), conn.to_string(), nick.clone()],
        Report::Store { stuck } => vec!["store".into(), stuck.to_string()],
        Report::ClockJumped { by, back } => {
            vec!["jumped".into(), by.as_nanos().to_string(), back.to_string()]
        }
        Report::Room(record) => words_of(record).into(),
        Report::Private { from, to } => vec!["private".into(), from.clone(), to.clone()],
    };
    hash_words(&words)
}

/// What stands for a batch.
pub(crate) fn hash_of_batch(batch: &Batch) -> u64 {
    hash_words(batch.events.iter().flat_map(words_of).collect::<Vec<_>>().as_slice())
}

/// What stands for a question.
pub(crate) fn hash_of_look_up(look_up: &LookUp) -> u64 {
    // Whom a store serves first, it decides: a replay has its answers.
    let LookUp { id: _, after, asker: _, query } = look_up;
    let mut words = vec![after.to_string()];
    words.extend(match query {
        Query::Room { key, last } => vec!["room".into(), key.clone(), last.to_string()],
        Query::Bounds { key, before } => {
            let before = before.map(|at| (at.timestamp(), at.timestamp_subsec_nanos()));
            let before = before.map_or(String::new(), |(secs, nanos)| format!("{secs} {nanos}"));
            vec!["bounds".into(), key.clone(), before]
        }
        Query::Events { key, from, to } => {
            vec!["events".into(), key.clone(), from.to_string(), to.to_string()]
        }
        Query::Search { key, words, to, count } => {
            vec!["search".into(), key.clone(), words.clone(), to.to_string(), count.to_string()]
        }
    });
    hash_words(&words)
}

fn words_of(record: &RoomRecord) -> [String; 8] {
    let RoomRecord { room, key, seq, at, nick, kind, text } = record;
    let (secs, nanos) = (at.timestamp(), at.timestamp_subsec_nanos());
    let [seq, secs, nanos] = [seq.to_string(), secs.to_string(), nanos.to_string()];
    [room.as_str(), key, kind.word(), nick, text, &seq, &secs, &nanos].map(Into::into)
}

fn hash_words(words: &[String]) -> u64 {
    hash(words.join("\0").as_bytes())
}
