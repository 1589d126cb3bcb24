//! PostgreSQL: for operators who have one, and want to ask it themselves.
//!
//! A connection is made when it is needed, and given up after any error. One that writes holds a lock, so that two servers
//! never number the same rooms (`owner`).

mod owner;
mod pooler;
mod prune;
mod read;
mod schema;
mod search;
mod session;
mod settings;
mod terms;
mod tls;
mod write;

use std::collections::HashMap;
use std::time::Duration;

use ::postgres::Config;
use chat_core::{Found, Query, RoomRecord};
use chrono::{DateTime, Utc};

use self::session::{Purpose, Session, Writer};
use self::tls::Tls;
use crate::diet::Measure;
use crate::url::UNCLEAR;
use crate::{OpenError, ReadError, Retention, RoomInfo, Store, StoreError, Total, written};

/// Rooms whose ids are remembered at most.
const KNOWN_ROOMS: usize = 4_096;

/// History in a database of PostgreSQL.
pub struct Postgres {
    config: Config,
    tls: Tls,
    purpose: Purpose,
    session: Option<Session>,
    /// Ids of rooms, by key.
    known: HashMap<String, i64>,
    /// The room that was last looked at for what is to be forgotten.
    pruned: i64,
    size: Measure<i64>,
    /// Whether there may be events that an older version has indexed.
    may_be_stale: bool,
}

impl Postgres {
    /// Opens the database, and makes the tables if they are not there, as the only one who writes to it. Whether what is
    /// stored survives the end of power is the server's setting; with `sync_full` it does.
    ///
    /// # Errors
    ///
    /// If there is no connection, the database cannot be used, or another server has it.
    pub fn open(url: &str, sync_full: bool) -> Result<Self, OpenError> {
        Self::with(url, Purpose::Write(Writer { name: crate::owner::name(), sync_full, has_begun: false }))
    }

    /// Opens a database that was open before, only to read it.
    ///
    /// # Errors
    ///
    /// If there is no connection, or the database cannot be used.
    pub fn open_to_read(url: &str) -> Result<Self, OpenError> {
        Self::with(url, Purpose::Read)
    }

    fn with(url: &str, purpose: Purpose) -> Result<Self, OpenError> {
        let (url, tls) = Tls::take(url)?;
        // What is wrong may be the password, and so it is not shown.
        let config =
            url.parse().map_err(|_| OpenError::new(format_args!("the URL of PostgreSQL {UNCLEAR}")))?;
        let mut store = Self {
            config,
            tls,
            purpose,
            session: None,
            known: HashMap::new(),
            pruned: 0,
            size: Measure::new(),
            may_be_stale: true,
        };
        store.session()?;
        Ok(store)
    }

    /// The name of whoever writes; none, if this only reads.
    fn writer(&self) -> String {
        match &self.purpose {
            Purpose::Write(writer) => writer.name.clone(),
            Purpose::Read => String::new(),
        }
    }

    fn session(&mut self) -> Result<&mut Session, StoreError> {
        match &mut self.session {
            Some(session) => Ok(session),
            none => {
                let session = Session::start(&self.config, &self.tls, &self.purpose)?;
                if let Purpose::Write(writer) = &mut self.purpose {
                    writer.has_begun = true;
                }
                Ok(none.insert(session))
            }
        }
    }

    /// Whatever went wrong, the next call begins anew: nothing here tells a broken connection from a bad moment.
    fn try_with<T>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<T, ::postgres::Error>,
    ) -> Result<T, StoreError> {
        let session = self.session()?;
        let done = work(session);
        if session.is_spoilt {
            self.session = None;
        }
        done.map_err(|error| {
            // It is no fault of the connection, and there may be more of these.
            if !session::is_refusal(&error) {
                self.session = None;
            }
            self.known.clear();
            session::explain(&error)
        })
    }
}

impl Store for Postgres {
    fn write(&mut self, events: &[RoomRecord]) -> Result<(), StoreError> {
        if self.known.len() > KNOWN_ROOMS {
            self.known.clear();
        }
        let mut known = std::mem::take(&mut self.known);
        let writer = self.writer();
        self.try_with(|session| write::write(session, (&writer, &mut known), events))??;
        self.known = known;
        self.size.wrote(prune::takes(events.len() as u64, written(events)));
        Ok(())
    }

    fn look_up(&mut self, query: &Query) -> Result<Found, ReadError> {
        let found = self.try_with(|session| match query {
            Query::Room { key, last } => read::room(session, key, *last),
            Query::Bounds { key, before } => read::bounds(session, key, *before),
            Query::Events { key, from, to } => read::events(session, key, *from, *to),
            Query::Search { key, words, to, count } => search::search(session, key, words, *to, *count),
        });
        match found? {
            // An emptied history would have the room begin anew.
            Found::Room { seq: 0, .. } if !self.try_with(|session| session.has_owner())? => {
                Err(StoreError::gone().into())
            }
            found => Ok(found),
        }
    }

    fn prune(&mut self, retention: &Retention, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let (mut pruned, mut known) = (self.pruned, std::mem::take(&mut self.known));
        let mut size = std::mem::replace(&mut self.size, Measure::new());
        let more = self.try_with(|session| {
            if size.diet.next().is_some() {
                prune::shrink(session, &mut size)?;
                return Ok(true);
            }
            let more = prune::prune(session, (&mut pruned, &mut known, &mut size), retention, now)?;
            Ok(more || size.end_round(limit(retention)))
        });
        (self.pruned, self.size) = (pruned, size);
        // After an error, it may know too much.
        if more.is_ok() {
            self.known = known;
        }
        more
    }

    fn is_over(&mut self, retention: &Retention) -> bool {
        self.size.is_over(limit(retention))
    }

    fn catch_up(&mut self) -> Result<bool, StoreError> {
        if self.may_be_stale {
            let writer = self.writer();
            self.may_be_stale = self.try_with(|session| terms::renew(session, &writer))?;
        }
        Ok(self.may_be_stale)
    }

    fn rooms(&mut self, after: &str) -> Result<Vec<RoomInfo>, StoreError> {
        self.try_with(|session| read::rooms(session, after))
    }

    fn renewal(&self) -> Option<Duration> {
        matches!(self.purpose, Purpose::Write(_)).then_some(crate::owner::GLANCE)
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        let writer = self.writer();
        let mut look = || self.try_with(|session| session.is_owned_by(&writer))?;
        match look() {
            // A session that was lost is made anew at once, and so is its lock.
            Err(StoreError::Failed(_)) => look(),
            looked => looked,
        }
    }

    fn restore(&mut self, room: &RoomInfo) -> Result<(), StoreError> {
        self.try_with(|session| write::restore(session, room))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let (Some(session), Purpose::Write(writer)) = (self.session.take(), &self.purpose) {
            session.leave(writer.name.clone());
        }
    }
}

/// Numbers as PostgreSQL has them.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How much may be stored in all.
fn limit(retention: &Retention) -> Option<u64> {
    retention.total.map(|total| match total {
        Total::Share => Total::ELSEWHERE,
        Total::Bytes(bytes) => bytes,
    })
}
