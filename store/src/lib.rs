//! History that survives: what rooms said, in SQLite, PostgreSQL or Redis, and the worker between them and the engine.
//!
//! ```text
//!  the driver's thread:  StoreHandle ── batches ──▶ writer thread ── Store::write: one transaction for all that waits
//!                                   ── look-ups ──▶ reader thread ── Store::look_up, on a connection of its own
//!                        StoreAnswer ◀────────────── both
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `open` | a URL to stores |
//! | `worker` | the two threads: group commit, retries, what is done in idle moments |
//! | `sqlite`, `postgres`, `redis` | the stores |
//! | `owner` | what guards against two servers that write to one history |
//! | `retention` | what is to be forgotten |
//! | `diet` | what goes when all of it is too large |
//! | `stamp` | stamps as stores have them |
//! | `url` | URLs of stores, and what may be shown of them |
//! | `words` | what of a text can be looked for, the same for every store |
//! | `bounds` | the last event before a moment, by binary search |
//! | `finds` | what a search has found, as much as one answer has |
//! | `last` | the last events of a room, as many as one answer has |
//! | `transfer` | export and import |
//! | `error` | what can go wrong, each in a line |

mod bounds;
mod diet;
mod error;
mod finds;
mod last;
mod open;
mod owner;
mod postgres;
mod redis;
mod retention;
mod sqlite;
mod stamp;
mod transfer;
mod url;
mod words;
mod worker;

use std::time::Duration;

use chat_core::{Found, Query, RoomRecord};
use chrono::{DateTime, Utc};

pub use error::{OpenError, ReadError, StoreError};
pub use open::{Opened, open, open_to_read};
pub use postgres::Postgres;
pub use redis::Redis;
pub use retention::{Retention, Total};
pub use sqlite::Sqlite;
pub use transfer::{ExportError, ImportError, Transferred, export, import};
pub use url::shown;
pub use worker::{Answer, End, Lost, StoreHandle, Stores, Worker};

/// What is known of a room beside its events. It outlives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomInfo {
    /// What the room is known by.
    pub key: String,
    /// Its name, as it was last shown.
    pub name: String,
    /// The number of its newest event.
    pub seq: u64,
    /// Its topic.
    pub topic: Option<String>,
}

/// Keeps what rooms said. Its calls may take as long as they need.
///
/// Stamps are kept to the microsecond. A store whose connection broke makes another one at the next call.
pub trait Store: Send {
    /// Stores events: all of them, and so that they survive the end of this process, or none.
    ///
    /// An event is known by its room and number: storing it twice is storing it once. The events of a room come in the
    /// order of their numbers.
    ///
    /// # Errors
    ///
    /// If the store could not, or cannot say whether it did. Then the same events have to be stored again; but not if
    /// something in them [never can be](StoreError::Refused), or another server [has it](StoreError::Lost).
    fn write(&mut self, events: &[RoomRecord]) -> Result<(), StoreError>;

    /// Looks something up, as [`Query`] says. Kinds of event that this version does not know are left out.
    ///
    /// # Errors
    ///
    /// If the store never can, or could not now.
    fn look_up(&mut self, query: &Query) -> Result<Found, ReadError>;

    /// Forgets some of what is to be forgotten, within some milliseconds; says whether there may be more. Numbers and
    /// topics of rooms stay, but for rooms of which nothing is worth keeping.
    ///
    /// # Errors
    ///
    /// If the store could not.
    fn prune(&mut self, retention: &Retention, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Whether more is stored than may be in all: then some has to go before more comes. Cheap.
    fn is_over(&mut self, _retention: &Retention) -> bool {
        false
    }

    /// Does some of what was put off when events were stored, within some milliseconds; says whether there is more.
    ///
    /// # Errors
    ///
    /// If the store could not.
    fn catch_up(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Whether so much was put off that [`catch_up`](Self::catch_up) had better be called now, whatever else waits.
    fn is_pressed(&self) -> bool {
        false
    }

    /// How often [`renew`](Self::renew) has to be called while nothing is stored; never, if this store only reads.
    fn renewal(&self) -> Option<Duration> {
        None
    }

    /// Makes sure that this history is still this server's, and that no other takes it for one that was given up.
    ///
    /// # Errors
    ///
    /// If the store could not, or another server has it.
    fn renew(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The rooms that follow this key in the order of keys, as many as fit into an answer; none after the last one.
    ///
    /// # Errors
    ///
    /// If the store could not.
    fn rooms(&mut self, after: &str) -> Result<Vec<RoomInfo>, StoreError>;

    /// Lets a room be at least as far as it is elsewhere, and have its topic if it was further there.
    ///
    /// # Errors
    ///
    /// If the store could not, or cannot say whether it did.
    fn restore(&mut self, room: &RoomInfo) -> Result<(), StoreError>;
}

/// Bytes of nicknames and text of these.
fn written(events: &[RoomRecord]) -> u64 {
    events.iter().map(|event| event.nick.len() + event.text.len()).sum::<usize>() as u64
}

/// A room that has ever had more events than this is kept, even if nobody said anything in it: no flood of new rooms is
/// made of these.
const FEW: u64 = 1_000;

/// Rooms in one answer of [`Store::rooms`].
const ROOMS: usize = 500;
