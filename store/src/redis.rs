//! Redis, 6.2 or newer: a stream for each room, and an event's number is its id there.
//!
//! | key | what it holds |
//! |---|---|
//! | `chat:format` | the version of all this |
//! | `chat:writer` | which server writes; expires when it renews it no more |
//! | `chat:owner` | which server wrote last |
//! | `chat:rooms` | the keys of all rooms, in order |
//! | `chat:room:KEY` | name, number, topic and bytes of a room: what outlives its events |
//! | `chat:events:KEY` | its events, each with `at` (microseconds), `kind`, `nick` and `text`, and whatever comes later |
//!
//! A connection is made when it is needed, and given up after any error.

mod connect;
mod entry;
mod lease;
mod prune;
mod read;
mod write;

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use ::redis::{Client, Connection, RedisResult};
use chat_core::{Found, Query, RoomRecord};
use chrono::{DateTime, Utc};

use self::connect::Demands;
use self::lease::Writer;
use crate::diet::Measure;
use crate::url::UNCLEAR;
use crate::{OpenError, ReadError, Retention, RoomInfo, Store, StoreError, Total, written};

/// Rooms that are remembered at most.
const KNOWN_ROOMS: usize = 4_096;
/// How long the end may wait for the server.
const FAREWELL: Duration = Duration::from_secs(1);
/// The keys of all rooms.
const ROOMS: &str = "chat:rooms";

/// History in Redis.
pub struct Redis {
    client: Client,
    demands: Demands,
    connection: Option<Connection>,
    writer: Writer,
    /// The last numbers of rooms, by key.
    known: HashMap<String, u64>,
    /// The room that was last looked at for what is to be forgotten.
    pruned: String,
    size: Measure<String>,
    /// How much it may take, if that is a share of the memory; none: not asked yet.
    share: Option<u64>,
}

impl Redis {
    /// Opens a history, or begins one. With `sync_full`, the server has to be one that writes all to its disk at once.
    ///
    /// # Errors
    ///
    /// If there is no connection, another server writes, or the server forgets what it is told when it ends. A URL that ends in
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
            Client::open(url).map_err(|_| OpenError::new(format_args!("the URL of Redis {UNCLEAR}")))?;
        let demands = demand(demands);
        let mut store = Self {
            client,
            demands,
            connection: None,
            writer: Writer {
                name: crate::owner::name(),
                has_begun: false,
                is_volatile: demands.allow_volatile,
            },
            known: HashMap::new(),
            pruned: String::new(),
            size: Measure::new(),
            share: None,
        };
        if demands.reads {
            store.connection().map(drop)?;
        } else {
            store.wait_for_lease()?;
        }
        Ok(store)
    }

    /// Has the lease, as soon as that of a server that was killed is over.
    fn wait_for_lease(&mut self) -> Result<(), StoreError> {
        let until = Instant::now() + lease::WAIT;
        while let Err(error) = self.hold() {
            if error != StoreError::Lost {
                return Err(error);
            }
            if Instant::now() >= until {
                return Err(StoreError::new("another server uses this Redis"));
            }
            thread::sleep(lease::GLANCE);
        }
        self.writer.has_begun = true;
        Ok(())
    }

    /// Takes the lease, or renews it.
    fn hold(&mut self) -> Result<(), StoreError> {
        let hold = lease::hold(&self.writer);
        let answer = self.try_with(|connection| hold.query(connection))?;
        lease::judge(Some(&answer))
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

    /// How much may be stored in all, as far as that is known.
    fn limit(&self, retention: &Retention) -> Option<u64> {
        match retention.total? {
            Total::Share => self.share,
            Total::Bytes(bytes) => Some(bytes),
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
        let writer = self.writer.clone();
        self.try_with(|connection| write::write(connection, (&writer, &mut known), events))??;
        self.known = known;
        self.size.wrote(prune::takes(events.len() as u64, written(events)));
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
        match found? {
            // An emptied history would have the room begin anew.
            Found::Room { seq: 0, .. }
                if !self.demands.allow_volatile && !self.try_with(lease::has_owner)? =>
            {
                Err(StoreError::gone().into())
            }
            found => Ok(found),
        }
    }

    fn prune(&mut self, retention: &Retention, now: DateTime<Utc>) -> Result<bool, StoreError> {
        if retention.total == Some(Total::Share) && self.share.is_none() {
            self.share = Some(self.try_with(prune::share)?);
        }
        let limit = self.limit(retention);
        let (mut pruned, mut known) = (self.pruned.clone(), std::mem::take(&mut self.known));
        let mut size = std::mem::replace(&mut self.size, Measure::new());
        let more = self.try_with(|connection| {
            if size.diet.next().is_some() {
                prune::shrink(connection, &mut size)?;
                return Ok(true);
            }
            let more = prune::prune(connection, (&mut pruned, &mut known, &mut size), retention, now)?;
            Ok(more || size.end_round(limit))
        });
        (self.pruned, self.size) = (pruned, size);
        // After an error, it may know too much.
        if more.is_ok() {
            self.known = known;
        }
        more
    }

    fn is_over(&mut self, retention: &Retention) -> bool {
        self.size.is_over(self.limit(retention))
    }

    fn rooms(&mut self, after: &str) -> Result<Vec<RoomInfo>, StoreError> {
        self.try_with(|connection| read::rooms(connection, after))
    }

    fn renewal(&self) -> Option<Duration> {
        (!self.demands.reads).then_some(lease::RENEWAL)
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        match self.hold() {
            // A connection that was lost is made anew at once.
            Err(StoreError::Failed(_)) => self.hold(),
            held => held,
        }
    }

    fn restore(&mut self, room: &RoomInfo) -> Result<(), StoreError> {
        self.renew()?;
        self.known.remove(&room.key);
        self.try_with(|connection| write::restore(connection, room))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.as_mut().filter(|_| !self.demands.reads) {
            // If nobody answers, it is over soon enough.
            let _ = connection.set_read_timeout(Some(FAREWELL));
            let _ = lease::release(connection, &self.writer.name);
        }
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
