//! The lock of the session that writes, and the name in the history: see [`crate::owner`].

use std::thread;
use std::time::{Duration, Instant};

use ::postgres::{Client, Error};

use super::schema;
use super::session::{Writer, explain};
use crate::StoreError;

/// The lock: "chat" as a number.
const LOCK: &str = "SELECT pg_try_advisory_lock(1667784052)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(1667784052)";
/// How long to try for it, and how often.
const WAIT: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(100);
/// How long a server that starts leaves the lock to one that did not say it had ended: its session may have been lost, and
/// then it makes another within a second or two.
const GRACE: Duration = Duration::from_secs(3);

pub(super) const KNOWN: &str =
    "SELECT value #>> '{}' FROM chat.notes WHERE space = 'server' AND name = 'writer'";
const CLAIM: &str = "
    INSERT INTO chat.notes (space, name, value) VALUES ('server', 'writer', to_jsonb($1::text))
    ON CONFLICT (space, name) DO UPDATE SET value = excluded.value";
const LEAVE: &str = "
    DELETE FROM chat.notes WHERE space = 'server' AND name = 'writer' AND value = to_jsonb($1::text)";

/// Has the history for this session: its first one takes it from whoever had it before, a later one only if nobody else has
/// had it since.
pub(super) fn take(client: &mut Client, writer: &Writer) -> Result<(), StoreError> {
    if writer.has_begun {
        // Whoever else has the lock has the history as well, if it says so.
        check(client, writer)?;
        lock(client)?;
        return check(client, writer);
    }
    lock(client)?;
    schema::migrate(client)?;
    schema::check_rights(client)?;
    if known(client)?.is_some() {
        ask(client, |client| client.query_one(UNLOCK, &[]).map(drop))?;
        thread::sleep(GRACE);
        lock(client)?;
    }
    ask(client, |client| client.execute(CLAIM, &[&writer.name]).map(drop))
}

/// Leaves it to whoever comes next, without delay.
pub(super) fn leave(client: &mut Client, name: &str) -> Result<(), Error> {
    client.execute(LEAVE, &[&name]).map(drop)
}

/// What it means that this name stands in the history.
pub(super) fn judge(known: Option<&str>, name: &str) -> Result<(), StoreError> {
    match known {
        Some(known) if known == name => Ok(()),
        Some(_) => Err(StoreError::Lost),
        None => Err(StoreError::gone()),
    }
}

fn check(client: &mut Client, writer: &Writer) -> Result<(), StoreError> {
    judge(known(client)?.as_deref(), &writer.name)
}

fn known(client: &mut Client) -> Result<Option<String>, StoreError> {
    ask(client, |client| client.query_opt(KNOWN, &[])?.map(|row| row.try_get(0)).transpose())
}

fn lock(client: &mut Client) -> Result<(), StoreError> {
    let until = Instant::now() + WAIT;
    while !ask(client, |client| client.query_one(LOCK, &[])?.try_get(0))? {
        if Instant::now() >= until {
            return Err(StoreError::new("another server uses this database"));
        }
        thread::sleep(GLANCE);
    }
    Ok(())
}

fn ask<T>(client: &mut Client, ask: impl FnOnce(&mut Client) -> Result<T, Error>) -> Result<T, StoreError> {
    ask(client).map_err(|error| explain(&error))
}
