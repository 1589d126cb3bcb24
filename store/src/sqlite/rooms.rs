//! Ids of rooms: they stand in the ids of events, and so there is an end of them.

use rusqlite::{Connection, OptionalExtension, params};

use super::SEQ_BITS;
use crate::StoreError;

/// The largest id of a room.
pub(super) const MAX_ROOM: i64 = (1 << (63 - SEQ_BITS)) - 1;

/// The id of the room of this key; a room that was never heard of gets one.
pub(super) fn id(transaction: &Connection, key: &str, name: &str) -> Result<i64, StoreError> {
    let known = transaction
        .prepare_cached("SELECT id FROM rooms WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let Some(id) = unused(transaction, MAX_ROOM)? else {
        return Err(StoreError::refused(Some(key), "this history has as many rooms as it can have"));
    };
    transaction
        .prepare_cached("INSERT INTO rooms (id, key, name) VALUES (?1, ?2, ?3)")?
        .execute(params![id, key, name])?;
    Ok(id)
}

/// An id that no room has: that after the last, or, behind the last that there can be, one that was forgotten.
fn unused(transaction: &Connection, max: i64) -> rusqlite::Result<Option<i64>> {
    let last: Option<i64> =
        transaction.prepare_cached("SELECT max(id) FROM rooms")?.query_row([], |row| row.get(0))?;
    let Some(last) = last.filter(|&last| last >= max) else { return Ok(Some(last.unwrap_or(0) + 1)) };
    if last > max {
        // Nobody has made such a one.
        return Ok(None);
    }
    // Only a history of millions of rooms comes here.
    let count: i64 = transaction.query_row("SELECT count(*) FROM rooms", [], |row| row.get(0))?;
    if count >= max {
        return Ok(None);
    }
    // All ids up to the first gap are as many as rooms: so halves can be told apart by counting.
    let (mut low, mut high) = (1, max);
    let mut up_to = transaction.prepare_cached("SELECT count(*) FROM rooms WHERE id BETWEEN ?1 AND ?2")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let there: i64 = up_to.query_row([low, middle], |row| row.get(0))?;
        (low, high) = if there > middle - low { (middle + 1, high) } else { (low, middle) };
    }
    Ok(Some(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_up_and_are_used_again_at_the_end() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE rooms (id INTEGER PRIMARY KEY, key TEXT, name TEXT)").unwrap();
        let take = |max| {
            let id = unused(&connection, max).unwrap();
            if let Some(id) = id {
                connection.execute("INSERT INTO rooms VALUES (?1, '#x', '#x')", [id]).unwrap();
            }
            id
        };
        for expected in 1..=9 {
            assert_eq!(take(9), Some(expected));
        }
        assert_eq!(take(9), None);
        for gap in [5, 1, 8] {
            connection.execute("DELETE FROM rooms WHERE id = ?1", [gap]).unwrap();
        }
        assert_eq!([(); 4].map(|()| take(9)), [Some(1), Some(5), Some(8), None]);
    }

    #[test]
    fn ids_of_events_do_not_wrap() {
        assert!(super::super::id_of(MAX_ROOM, u64::MAX) > super::super::id_of(MAX_ROOM, 0));
        assert_eq!(super::super::id_of(MAX_ROOM, super::super::MAX_SEQ), i64::MAX);
    }
}
