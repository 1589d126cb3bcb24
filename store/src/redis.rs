//! Redis, 6.2 or newer: a stream for each room, and an event's number is its id there.
//!
//! | key | what it holds |
//! |---|---|
//! | `chat:format` | the version of all this |
//! | `chat:rooms` | the keys of all rooms, in order |
//! | `chat:room:KEY` | name, number, topic and bytes of a room: what outlives its events |
//! | `chat:events:KEY` | its events, each with `at` (microseconds), `kind`, `nick` and `text`, and whatever comes later |
//!
//! A connection is made when it is needed, and given up after any error.

mod connect;
mod entry;
mod prune;
mod read;
mod write;

use std::collections::HashMap;

use ::redis::{Client, Connection, RedisResult};
use chat_core::{Found, Query, RoomRecord};
use chrono::{DateTime, Utc};

use self::connect::Demands;
use crate::{OpenError, ReadError, Retention, RoomInfo, Store, StoreError};

/// Rooms that are remembered at most.
const KNOWN_ROOMS: usize = 4_096;
/// The keys of all rooms.
const ROOMS: &str = "chat:rooms";

/// History in Redis.
pub struct Redis {
    client: Client,
    demands: Demands,
    connection: Option<Connection>,
    /// The last numbers of rooms, by key.
    known: HashMap<String, u64>,
    /// The room that was last looked at for what is to be forgotten.
    pruned: String,
}

impl Redis {
    /// Opens a history, or begins one. With `sync_full`, the server has to be one that writes all to its disk at once.
    ///
    /// # Errors
    ///
    /// If there is no connection, or the server forgets what it is told when it ends. A URL that ends in
    /// `?allow-volatile=yes` takes that, too.
    pub fn open(url: &str, sync_full: bool) -> Result<Self, OpenError> {
        Self::with(url, |demands| Demands { sync_full, ..demands })
    }

    /// Opens a history only to read it.
    ///
    /// # Errors
    ///
    /// If there is no connection.
    pub fn open_to_read(url: &str) -> Result<Self, OpenError> {
        Self::with(url, |demands| Demands { reads: true, ..demands })
    }

    fn with(url: &str, demand: impl FnOnce(Demands) -> Demands) -> Result<Self, OpenError> {
        let (url, demands) = connect::options(url);
        // What is wrong may be the password, and so it is not shown.
        let client =
            Client::open(url).map_err(|_| OpenError::new("the URL of Redis cannot be understood"))?;
        let demands = demand(demands);
        let mut store =
            Self { client, demands, connection: None, known: HashMap::new(), pruned: String::new() };
        let name = store.name();
        store.connection().map_err(|error| OpenError::new(format_args!("{name}: {error}")))?;
        Ok(store)
    }

    /// Which server it is.
    #[must_use]
    pub fn name(&self) -> String {
        format!("redis://{}", self.client.get_connection_info().addr())
    }

    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => {
                let connection = connect::connect(&self.client, self.demands)?;
                // What the next one connects for is the same.
                self.demands.is_first = false;
                Ok(none.insert(connection))
            }
        }
    }

    /// Whatever went wrong, the next call begins anew.
    fn try_with<T>(&mut self, work: impl FnOnce(&mut Connection) -> RedisResult<T>) -> Result<T, StoreError> {
        let done = work(self.connection()?);
        done.map_err(|error| {
            self.connection = None;
            self.known.clear();
            connect::explain(&error)
        })
    }
}

impl Store for Redis {
    fn write(&mut self, events: &[RoomRecord]) -> Result<(), StoreError> {
        if self.known.len() > KNOWN_ROOMS {
            self.known.clear();
        }
        let mut known = std::mem::take(&mut self.known);
        self.try_with(|connection| write::write(connection, &mut known, events))??;
        self.known = known;
        Ok(())
    }

    fn look_up(&mut self, query: &Query) -> Result<Found, ReadError> {
        let found = match query {
            Query::Room { key, last } => self.try_with(|connection| read::room(connection, key, *last)),
            Query::Bounds { key, before } => {
                self.try_with(|connection| read::bounds(connection, key, *before))
            }
            Query::Events { key, from, to } => {
                self.try_with(|connection| read::events(connection, key, *from, *to))
            }
            Query::Search { .. } => return Err(ReadError::Unsupported),
        };
        found.map_err(ReadError::Failed)
    }

    fn prune(&mut self, retention: &Retention, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut pruned = std::mem::take(&mut self.pruned);
        let more = self.try_with(|connection| prune::prune(connection, &mut pruned, retention, now))?;
        self.pruned = pruned;
        Ok(more)
    }

    fn rooms(&mut self, after: &str) -> Result<Vec<RoomInfo>, StoreError> {
        self.try_with(|connection| read::rooms(connection, after))
    }

    fn restore(&mut self, room: &RoomInfo) -> Result<(), StoreError> {
        self.known.remove(&room.key);
        self.try_with(|connection| write::restore(connection, room))
    }
}

/// Where what outlives a room's events is.
fn room_key(key: &str) -> String {
    format!("chat:room:{key}")
}

/// Where its events are.
fn events_key(key: &str) -> String {
    format!("chat:events:{key}")
}
