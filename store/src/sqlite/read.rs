//! Looking up rooms, bounds and events.

use chat_core::{Found, Kind, Query, RoomRecord};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{id_of, seq_of};
use crate::bounds::last_before;
use crate::last::Last;
use crate::{ROOMS, RoomInfo, stamp};

/// A room's row.
pub(super) struct Room {
    pub(super) id: i64,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) seq: u64,
    pub(super) topic: Option<String>,
    pub(super) indexed: u64,
}

pub(super) fn find(connection: &Connection, key: &str) -> rusqlite::Result<Option<Room>> {
    connection
        .prepare_cached("SELECT id, name, seq, topic, indexed FROM rooms WHERE key = ?1")?
        .query_row([key], |row| {
            Ok(Room {
                id: row.get(0)?,
                key: key.to_owned(),
                name: row.get(1)?,
                seq: number(row, 2)?,
                topic: row.get(3)?,
                indexed: number(row, 4)?,
            })
        })
        .optional()
}

pub(super) fn room(connection: &Connection, key: &str, last: usize) -> rusqlite::Result<Found> {
    let snapshot = connection.unchecked_transaction()?;
    let Some(room) = find(&snapshot, key)? else {
        return Ok(Found::Room { seq: 0, topic: None, last: Vec::new() });
    };
    let mut statement = snapshot.prepare_cached(
        "SELECT id, at, kind, nick, text FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let limit = i64::try_from(last).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![id_of(room.id, 0), id_of(room.id, room.seq), limit])?;
    let mut last = Last::new(room.seq);
    while let Some(row) = rows.next()? {
        if !last.take(record(&room, row)?) {
            break;
        }
    }
    Ok(Found::Room { seq: room.seq, topic: room.topic, last: last.events() })
}

pub(super) fn bounds(
    connection: &Connection,
    key: &str,
    before: Option<DateTime<Utc>>,
) -> rusqlite::Result<Found> {
    let snapshot = connection.unchecked_transaction()?;
    let Some(room) = find(&snapshot, key)? else { return Ok(Found::Bounds(None)) };
    let end = |sql| {
        snapshot
            .prepare_cached(sql)?
            .query_row([id_of(room.id, 0), id_of(room.id, room.seq)], |row| row.get::<_, Option<i64>>(0))
    };
    let oldest = end("SELECT min(id) FROM events WHERE id BETWEEN ?1 AND ?2")?;
    let newest = end("SELECT max(id) FROM events WHERE id BETWEEN ?1 AND ?2")?;
    let Some((oldest, newest)) = oldest.map(seq_of).zip(newest.map(seq_of)) else {
        return Ok(Found::Bounds(None));
    };
    let Some(before) = before else { return Ok(Found::Bounds(Some((oldest, newest)))) };
    let mut next = snapshot
        .prepare_cached("SELECT id, at FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1")?;
    let last = last_before((oldest, newest), before, |seq| {
        next.query_row([id_of(room.id, seq), id_of(room.id, room.seq)], |row| {
            Ok((seq_of(row.get(0)?), stamp::of_micros(row.get(1)?)))
        })
        .optional()
    })?;
    Ok(Found::Bounds(last.map(|last| (oldest, last))))
}

pub(super) fn events(connection: &Connection, key: &str, from: u64, to: u64) -> rusqlite::Result<Found> {
    let snapshot = connection.unchecked_transaction()?;
    let mut events = Vec::new();
    let Some(room) = find(&snapshot, key)? else { return Ok(Found::Events { events, complete: true }) };
    let mut statement = snapshot.prepare_cached(
        "SELECT id, at, kind, nick, text FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    )?;
    let mut rows = statement.query([id_of(room.id, from), id_of(room.id, to)])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let Some(event) = record(&room, row)? else { continue };
        // Nicknames count, too: joins have nothing else.
        bytes += event.nick.len() + event.text.len();
        if bytes > Query::PART && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    Ok(Found::Events { events, complete: true })
}

pub(super) fn rooms(connection: &Connection, after: &str) -> rusqlite::Result<Vec<RoomInfo>> {
    connection
        .prepare_cached("SELECT key, name, seq, topic FROM rooms WHERE key > ?1 ORDER BY key LIMIT ?2")?
        .query_map(params![after, i64::try_from(ROOMS).unwrap_or(i64::MAX)], |row| {
            Ok(RoomInfo { key: row.get(0)?, name: row.get(1)?, seq: number(row, 2)?, topic: row.get(3)? })
        })?
        .collect()
}

/// The event in a row with `id, at, kind, nick, text`, if this version knows its kind.
pub(super) fn record(room: &Room, row: &Row<'_>) -> rusqlite::Result<Option<RoomRecord>> {
    let Some(kind) = Kind::from_word(row.get_ref(2)?.as_str()?) else { return Ok(None) };
    Ok(Some(RoomRecord {
        room: room.name.clone(),
        key: room.key.clone(),
        seq: seq_of(row.get(0)?),
        at: stamp::of_micros(row.get(1)?),
        nick: row.get(3)?,
        kind,
        text: row.get(4)?,
    }))
}

pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}
