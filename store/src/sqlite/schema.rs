//! The tables, and how older ones become today's.

use rusqlite::{Connection, TransactionBehavior};

use super::explain;
use crate::OpenError;

/// "chat", so that a file of something else is left alone.
const APPLICATION: i32 = 0x6368_6174;

/// Each makes the tables of the version before it those of its own; the first one has number 1. They never change: a file
/// remembers only how many of them it has seen.
const MIGRATIONS: [&str; 3] = ["
    -- What outlives the events of a room. `bytes` are those of nicknames and text that are kept; what may be searched by
    -- index ends with number `indexed`.
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        seq INTEGER NOT NULL DEFAULT 0,
        topic TEXT,
        topic_seq INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        indexed INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    -- `id` is the room's, times 2^40, plus the number: so one tree is the table and its index. `at` is in microseconds
    -- since 1970. For later: when the text was taken out, an id that clients know, and whatever else.
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        nick TEXT NOT NULL,
        text TEXT NOT NULL,
        redacted INTEGER,
        message TEXT,
        extra BLOB
    ) STRICT;
    -- Small things by name, such as accounts and read markers.
    CREATE TABLE notes (
        space TEXT NOT NULL,
        name TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (space, name)
    ) STRICT, WITHOUT ROWID;
    -- Words in lower case with one space between them, so that its own idea of words does not matter. What it knows of
    -- an event is in which ones a word is: neither the text nor the places of words.
    CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, detail=none, tokenize='ascii');
    -- Its parts are merged in steps that are ours, and only if they come too late all at once.
    INSERT INTO words (words, rank) VALUES ('automerge', 0);
    INSERT INTO words (words, rank) VALUES ('crisismerge', 64);
",
    "
    -- What was stored last, batch by batch, and is not in `events` yet: see `tail`. The first row is empty.
    CREATE TABLE log (
        id INTEGER PRIMARY KEY,
        events BLOB NOT NULL
    ) STRICT;
    INSERT INTO log (id, events) VALUES (0, x'');
    -- All of it at once, in memory until then.
    INSERT INTO words (words, rank) VALUES ('hashsize', 4194304);
",
    "
    -- The index has terms where it had words: see `words`. They come anew, as all that is not in it yet.
    INSERT INTO words (words) VALUES ('delete-all');
    UPDATE rooms SET indexed = 0;
"];

/// How many migrations a file has seen.
pub(super) fn version(connection: &Connection) -> Result<usize, OpenError> {
    let version: i64 = pragma(connection, "user_version")?;
    let application: i64 = pragma(connection, "application_id")?;
    let ours = application == i64::from(APPLICATION);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| OpenError::from(explain(&error)))?;
    if !ours && tables > 0 {
        return Err(OpenError::new("it is a database of something else"));
    }
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > MIGRATIONS.len() {
        return Err(OpenError::new(format_args!(
            "it was written by a newer version (its format is {version}, and this version knows {})",
            MIGRATIONS.len()
        )));
    }
    Ok(version)
}

/// Makes today's tables of whatever there is.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let seen = version(connection)?;
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(seen) {
        let apply = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", i64::try_from(number + 1).unwrap_or(i64::MAX))?;
            transaction.commit()
        };
        apply(connection).map_err(|error| OpenError::from(explain(&error)))?;
    }
    Ok(())
}

/// Whether the tables are today's.
pub(super) fn is_current(connection: &Connection) -> Result<bool, OpenError> {
    Ok(version(connection)? == MIGRATIONS.len())
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, OpenError> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(|error| OpenError::from(explain(&error)))
}
