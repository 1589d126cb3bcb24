//! The name of whoever writes, in the file: see [`crate::owner`].

use rusqlite::{Connection, OptionalExtension};

use crate::StoreError;

const KNOWN: &str = "SELECT value FROM notes WHERE space = 'server' AND name = 'writer'";
const CLAIM: &str = "
    INSERT INTO notes (space, name, value) VALUES ('server', 'writer', ?1)
    ON CONFLICT (space, name) DO UPDATE SET value = excluded.value";

/// Takes the history from whoever had it before.
pub(super) fn claim(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    connection.execute(CLAIM, [name.as_bytes()]).map(drop)
}

/// Makes sure that the history is still that of the server with this name.
pub(super) fn check(connection: &Connection, name: &str) -> Result<(), StoreError> {
    let mut known = connection.prepare_cached(KNOWN)?;
    let known: Option<Vec<u8>> = known.query_row([], |row| row.get(0)).optional()?;
    match known {
        Some(known) if known == name.as_bytes() => Ok(()),
        Some(_) => Err(StoreError::Lost),
        None => Err(StoreError::gone()),
    }
}
