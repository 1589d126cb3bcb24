//! SQLite: one file, no set-up.
//!
//! Two connections at most: one that writes, and one that only reads. What is stored goes to the end of a table that is a
//! log (`tail`), and from there to its place, many events at once, terms into their index with them (`settle`). SQLite's own
//! write-ahead log is brought into the file by a thread of its own (`checkpoint`).

mod checkpoint;
mod file;
mod index;
mod owner;
mod prune;
mod read;
mod rooms;
mod schema;
mod search;
mod settle;
mod space;
mod tail;
mod watch;
mod write;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use chat_core::{Found, Query, RoomRecord};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use self::checkpoint::Checkpoints;
use self::file::Lock;
use self::read::View;
use self::space::Space;
use self::tail::Tail;
use self::watch::Files;
use self::write::Known;
use crate::{OpenError, ReadError, Retention, RoomInfo, Store, StoreError};

/// Bits of an event's id that are its number; those above are the room.
const SEQ_BITS: u32 = 40;
/// The largest number of an event.
const MAX_SEQ: u64 = (1 << SEQ_BITS) - 1;
/// Memory for pages of one connection, in KiB: all that a server's memory has of the history.
const CACHE_KIB: i64 = 8 << 10;
/// How long a connection waits for another one's transaction. Only steps of migrations and tools are this long.
const BUSY: Duration = Duration::from_secs(5);
/// Rooms whose ids are remembered at most.
const KNOWN_ROOMS: usize = 4_096;
/// Bytes of an event, more or less, where it does not matter.
const EVENT: usize = 128;

/// History in a file of SQLite.
pub struct Sqlite {
    connection: Connection,
    /// What is in the log.
    tail: Tail,
    /// Rooms by key, if this is the one that writes.
    known: HashMap<String, Known>,
    /// Steps of merging the index's parts that are worth doing soon; 1: some time.
    merges: usize,
    /// Whether the index is worth merging to one part, since much of it was made anew.
    is_scattered: bool,
    /// The room that was last looked at for what is to be forgotten.
    pruned: i64,
    checkpoints: Option<Checkpoints>,
    /// How much place there is, and whether the files are still there, if this is the one that writes.
    space: Option<Space>,
    files: Option<Files>,
    /// Keeps other processes out for as long as this lives.
    lock: Option<Lock>,
    /// The name of whoever writes; none, if this only reads.
    writer: String,
}

impl Sqlite {
    /// Opens the file, or makes it, as the only process that writes to it. With `sync_full`, what is stored survives
    /// the end of power, too.
    ///
    /// # Errors
    ///
    /// If it cannot be made or used, or another process has it.
    pub fn open(path: &Path, sync_full: bool) -> Result<Self, OpenError> {
        let name = |error: OpenError| OpenError::new(format_args!("{}: {error}", path.display()));
        let real = file::prepare_folder(path).map_err(name)?;
        let lock = Lock::take(&real).map_err(name)?;
        file::prepare(&real).map_err(name)?;
        let mut connection = connect(&real, sync_full).map_err(name)?;
        schema::migrate(&mut connection).map_err(name)?;
        let writer = crate::owner::name();
        owner::claim(&connection, &writer).map_err(|error| name(OpenError::from(explain(&error))))?;
        // What the process before has left in the log is a part of what there is: or its rooms would look empty.
        let mut tail = Tail::default();
        tail.refresh(&connection).map_err(|error| name(OpenError::from(explain(&error))))?;
        let space = Space::new(&real, &connection).map_err(|error| name(OpenError::from(explain(&error))))?;
        let max_log = space.max_log(checkpoint::MAX_LOG);
        connection
            .pragma_update(None, "journal_size_limit", max_log)
            .map_err(|error| name(OpenError::from(explain(&error))))?;
        let checkpoints =
            Checkpoints::start(connect(&real, sync_full).map_err(name)?, max_log).map_err(name)?;
        Ok(Self {
            checkpoints: Some(checkpoints),
            space: Some(space),
            files: Some(Files::new(&real)),
            lock: Some(lock),
            writer,
            tail,
            ..Self::over(connection)
        })
    }

    /// Opens a file that is there, only to read it; another process may write to it meanwhile.
    ///
    /// # Errors
    ///
    /// If there is none, or it cannot be used.
    pub fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        let name = |error: OpenError| OpenError::new(format_args!("{}: {error}", path.display()));
        if !path.is_file() {
            return Err(name(OpenError::new("there is no such file")));
        }
        let connection = connect(path, false).or_else(|_| connect_unchanging(path)).map_err(name)?;
        if !schema::is_current(&connection).map_err(name)? {
            return Err(name(OpenError::new(
                "it was written by an older version: start the server on it once",
            )));
        }
        connection
            .pragma_update(None, "query_only", true)
            .map_err(|error| name(OpenError::from(explain(&error))))?;
        Ok(Self::over(connection))
    }

    /// Makes sure that the files are where they were.
    fn check_files(&mut self) -> Result<(), StoreError> {
        let Some(files) = &mut self.files else { return Ok(()) };
        files.check().inspect_err(|_| {
            if let Some(checkpoints) = &self.checkpoints {
                // If it is the log that is gone, what is in it is saved.
                checkpoints.begin();
            }
        })
    }

    fn over(connection: Connection) -> Self {
        Self {
            connection,
            tail: Tail::default(),
            known: HashMap::new(),
            merges: 1,
            is_scattered: false,
            pruned: 0,
            checkpoints: None,
            space: None,
            files: None,
            lock: None,
            writer: String::new(),
        }
    }
}

impl Store for Sqlite {
    fn write(&mut self, events: &[RoomRecord]) -> Result<(), StoreError> {
        self.check_files()?;
        if let Some(space) = &mut self.space {
            space.check(&self.connection)?;
        }
        self.write_all(events)?;
        // Nothing is said to be stored that is in no file any more.
        self.check_files()
    }

    fn look_up(&mut self, query: &Query) -> Result<Found, ReadError> {
        let mut answer = || {
            let snapshot = self.connection.unchecked_transaction()?;
            self.tail.refresh(&snapshot)?;
            let view = View { snapshot: &snapshot, tail: &self.tail };
            match query {
                Query::Room { key, last } => view.room(key, *last),
                Query::Bounds { key, before } => view.bounds(key, *before),
                Query::Events { key, from, to } => view.events(key, *from, *to),
                Query::Search { key, words, to, count } => search::search(&view, key, words, *to, *count),
            }
        };
        answer().map_err(|error: rusqlite::Error| ReadError::Failed(explain(&error)))
    }

    fn prune(&mut self, retention: &Retention, now: DateTime<Utc>) -> Result<bool, StoreError> {
        if self.shrink_some(retention)? {
            return Ok(true);
        }
        // Only what is at its place can be counted.
        let settled = self.settle()?;
        Ok((settled && self.shrink_some(retention)?) || self.prune_some(retention, now)?)
    }

    fn is_over(&mut self, retention: &Retention) -> bool {
        let Some(space) = &mut self.space else { return false };
        space.diet.next().is_some()
            || space.excess(&self.connection, retention).is_ok_and(|excess| excess > 0)
    }

    fn catch_up(&mut self) -> Result<bool, StoreError> {
        self.catch_up_some()
    }

    fn is_pressed(&self) -> bool {
        self.tail.is_full() || self.merging_presses()
    }

    fn renewal(&self) -> Option<Duration> {
        self.lock.as_ref().map(|_| crate::owner::GLANCE)
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        if let Some(lock) = &mut self.lock {
            self.files.as_mut().map_or(Ok(()), Files::check)?;
            lock.keep();
            owner::check(&self.connection, &self.writer)?;
        }
        Ok(())
    }

    fn rooms(&mut self, after: &str) -> Result<Vec<RoomInfo>, StoreError> {
        let mut list = || {
            let snapshot = self.connection.unchecked_transaction()?;
            self.tail.refresh(&snapshot)?;
            View { snapshot: &snapshot, tail: &self.tail }.rooms(after)
        };
        list().map_err(|error| explain(&error))
    }

    fn restore(&mut self, room: &RoomInfo) -> Result<(), StoreError> {
        self.restore_room(room)
    }
}

fn connect(path: &Path, sync_full: bool) -> Result<Connection, OpenError> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    };
    let connection = open().map_err(|error: rusqlite::Error| OpenError::from(explain(&error)))?;
    // Before anything changes the file.
    schema::version(&connection)?;
    let change = |connection: Connection| {
        connection.pragma_update(None, "journal_mode", "wal")?;
        // Survives the end of a process either way.
        connection.pragma_update(None, "synchronous", if sync_full { "full" } else { "normal" })?;
        // See `checkpoint`.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", checkpoint::MAX_LOG)?;
        tune(&connection)?;
        Ok(connection)
    };
    change(connection).map_err(|error: rusqlite::Error| OpenError::from(explain(&error)))
}

/// A connection to a file that may only be read. Where not even the files beside it can be made that readers share, it is
/// taken for one that nobody writes to.
fn connect_unchanging(path: &Path) -> Result<Connection, OpenError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let open = |uri: &str| -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(uri, flags)?;
        connection.busy_timeout(BUSY)?;
        // Nothing is opened before it is asked something.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        tune(&connection)?;
        Ok(connection)
    };
    let refused = |error: rusqlite::Error| OpenError::from(explain(&error));
    let uri = file::uri(path);
    match open(&uri) {
        Ok(connection) => return Ok(connection),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {}
            _ => return Err(refused(error)),
        },
    }
    if file::has_log(path) {
        return Err(OpenError::new(
            "the last of it is in the log beside it (-wal), which cannot be read where nothing may be written: copy both",
        ));
    }
    open(&format!("{uri}?immutable=1")).map_err(refused)
}

fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // Mapped pages would count as the server's memory.
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        explain(&error)
    }
}

/// What SQLite means, in a line for an operator.
fn explain(error: &rusqlite::Error) -> StoreError {
    let meaning = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::DatabaseCorrupt) => "the file is damaged",
        Some(ErrorCode::NotADatabase) => "it is no SQLite database",
        Some(ErrorCode::CannotOpen) => "it cannot be opened",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "it may not be written",
        Some(ErrorCode::SystemIoFailure) => "the disk failed",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process uses it",
        Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
            return StoreError::refused(None, error);
        }
        _ => return StoreError::new(error),
    };
    StoreError::new(format_args!("{meaning} ({error})"))
}

/// The id of an event. Rooms are numbered by SQLite, from 1 on.
fn id_of(room: i64, seq: u64) -> i64 {
    (room << SEQ_BITS) | i64::try_from(seq.min(MAX_SEQ)).unwrap_or(i64::MAX)
}

/// The number of an event with this id.
fn seq_of(id: i64) -> u64 {
    id.unsigned_abs() & MAX_SEQ
}

/// Numbers as SQLite has them.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
