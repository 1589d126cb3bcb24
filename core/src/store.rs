//! What the engine asks of a history store, and what it is answered. The store itself is somebody else's: it may be slow,
//! and it may fail.

use alloc::string::String;
use alloc::vec::Vec;

use chrono::{DateTime, Utc};
use smol_str::SmolStr;

use crate::chat::Kind;

/// One event in the sequence of a room. Names are short: nearly all take no allocation, of which every one that another
/// thread frees costs more than the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRecord {
    /// The room, with its `#`, as it is shown.
    pub room: SmolStr,
    /// What the room is known by, with its `#`: the same for all ways of writing its name.
    pub key: SmolStr,
    /// Its place in the room's sequence; the first is 1.
    pub seq: u64,
    /// The server's stamp.
    pub at: DateTime<Utc>,
    /// Who did it; empty for what the room itself says.
    pub nick: SmolStr,
    /// What it was.
    pub kind: Kind,
    /// What was said, the reason, the new name or the topic; empty for the other kinds.
    pub text: String,
}

impl RoomRecord {
    /// Memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.room.len() + self.key.len() + self.nick.len() + self.text.len()
    }
}

/// What rooms said in one turn, to be stored: all of it, or all but what some of its rooms said
/// ([`StoreAnswer::Refused`]).
///
/// Batches are numbered from 1 in the order in which they have to become lasting. A store that cannot say whether it has
/// one tries again: an event is known by its room and number, and storing it twice is storing it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub number: u64,
    /// In order; of several rooms.
    pub events: Vec<RoomRecord>,
}

/// Something to be looked up. It has to be answered with all that stood in the batches up to `after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUp {
    /// To be said in the answer.
    pub id: u64,
    /// The number of the last batch before it; 0 for none.
    pub after: u64,
    /// Who asks: the same number for all connections of one network (IPv4 /24 or IPv6 /48), so that a store can serve
    /// networks in turn. 0 for what is asked for many, which is a [`Query::Room`]. Loopback connections have a number each.
    pub asker: u64,
    /// What to look up.
    pub query: Query,
}

/// What to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// How far a room has come: [`Found::Room`], with as many of its last events as fit into [`LAST`](Self::LAST), and one at
    /// least, if there is one.
    Room {
        /// Which one.
        key: String,
        /// How many of its last events are wanted, at most.
        last: usize,
    },
    /// From which to which event a room is known: [`Found::Bounds`].
    Bounds {
        /// Which room.
        key: String,
        /// Only events that are older than this.
        before: Option<DateTime<Utc>>,
    },
    /// Events from number `from` to number `to`: [`Found::Events`], the oldest first. As many as fit into
    /// [`PART`](Self::PART), and one at least, if there is one.
    Events {
        /// Of which room.
        key: String,
        /// The first number.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// What was said, done or set as the topic with all these words in it, up to number `to`: [`Found::Events`], the
    /// newest first, at most `count`, as many as fit into [`PART`](Self::PART), and one at least, if there is one. What was
    /// found in [`SEARCH_MILLIS`](Self::SEARCH_MILLIS) is answered then.
    Search {
        /// In which room.
        key: String,
        /// Words, separated by spaces: at most 16, and 256 bytes.
        words: String,
        /// The last number that may be shown.
        to: u64,
        /// How many, at most.
        count: usize,
    },
}

impl Query {
    /// Bytes of nicknames and text after which an answer with events ends. The events behind that are asked for anew; what a
    /// search has found behind that is not shown.
    pub const PART: usize = 16 << 10;
    /// Bytes of nicknames and text that the last events of a room have together, at most.
    pub const LAST: usize = 64 << 10;
    /// How long a search may take, in milliseconds.
    pub const SEARCH_MILLIS: u64 = 200;
}

/// What was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// How far a room has come. One that was never heard of has the number 0.
    Room {
        /// The number of its newest event.
        seq: u64,
        /// Its topic.
        topic: Option<String>,
        /// Its last events, without gaps, the newest last, which has the number `seq`.
        last: Vec<RoomRecord>,
    },
    /// The numbers of the oldest and the newest event in question; none, if there is none.
    Bounds(Option<(u64, u64)>),
    /// Events.
    Events {
        /// In the order that was asked for.
        events: Vec<RoomRecord>,
        /// Whether a search has found all of it, or `count`: neither its time nor [`PART`](Query::PART) was too short.
        complete: bool,
    },
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUpError {
    /// This store cannot do that.
    Unsupported,
    /// It could not just now.
    Unavailable,
}

/// An answer of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAnswer {
    /// The batches up to this number are stored: they survive the end of this process.
    Stored(u64),
    /// What these rooms (by their keys) said in this batch can never be stored, nor what they say in later ones until they
    /// are looked up anew: the engine does that, and goes on behind what it is answered. Comes before that batch is said to
    /// be stored, and so for each batch in which such a room still says something.
    Refused {
        /// The number of the batch.
        batch: u64,
        /// The keys of its rooms.
        rooms: Vec<String>,
    },
    /// What was looked up.
    Found {
        /// The id of the question.
        id: u64,
        /// What came of it.
        found: Result<Found, LookUpError>,
    },
}
