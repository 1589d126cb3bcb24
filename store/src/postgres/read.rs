//! Looking up rooms, bounds and events.

use ::postgres::types::{FromSql, Type};
use ::postgres::{Error, Row};
use chat_core::{Found, Kind, Query, RoomRecord};
use chrono::{DateTime, Utc};

use super::session::Session;
use super::signed;
use crate::bounds::last_before;
use crate::last::Last;
use crate::{ROOMS, RoomInfo, stamp};

/// Events that are asked for at once. More are sent than fit into a part, if they are long.
const PAGE: i64 = 256;

const FIND: &str = "SELECT id, name, seq, topic, stale FROM chat.rooms WHERE key = $1";
/// No more of them are sent than one answer has.
const LAST: &str = "
    SELECT seq, at, kind, nick, text FROM (
        SELECT *, sum(bytes) OVER (ORDER BY seq DESC) - bytes AS before FROM (
            SELECT *, octet_length(nick) + octet_length(text) AS bytes FROM chat.events
            WHERE room = $1 AND seq <= $2 ORDER BY seq DESC LIMIT $3
        ) AS newest
    ) AS counted WHERE before <= $4 ORDER BY seq DESC";
const ENDS: &str = "
    SELECT (SELECT min(seq) FROM chat.events WHERE room = $1), (SELECT max(seq) FROM chat.events WHERE room = $1)";
const NEXT: &str = "SELECT seq, at FROM chat.events WHERE room = $1 AND seq >= $2 ORDER BY seq LIMIT 1";
const EVENTS: &str = "
    SELECT seq, at, kind, nick, text FROM chat.events WHERE room = $1 AND seq BETWEEN $2 AND $3
    ORDER BY seq LIMIT $4";
const NAMES: &str = "SELECT key, name, seq, topic FROM chat.rooms WHERE key > $1 ORDER BY key LIMIT $2";

/// A room's row.
pub(super) struct Room {
    pub(super) id: i64,
    key: String,
    name: String,
    pub(super) seq: u64,
    topic: Option<String>,
    /// Up to which number its events may be indexed as an older version did it.
    pub(super) stale: u64,
}

pub(super) fn find(session: &mut Session, key: &str) -> Result<Option<Room>, Error> {
    let rows = session.query(FIND, &[&key])?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Room {
        id: row.try_get(0)?,
        key: key.to_owned(),
        name: row.try_get(1)?,
        seq: number(row, 2)?,
        topic: row.try_get(3)?,
        stale: number(row, 4)?,
    }))
}

pub(super) fn room(session: &mut Session, key: &str, last: usize) -> Result<Found, Error> {
    let Some(room) = find(session, key)? else {
        return Ok(Found::Room { seq: 0, topic: None, last: Vec::new() });
    };
    let limit = i64::try_from(last).unwrap_or(i64::MAX);
    let mut last = Last::new(room.seq);
    for row in session.query(LAST, &[&room.id, &signed(room.seq), &limit, &signed(Query::LAST as u64)])? {
        if !last.take(record(&room, &row)?) {
            break;
        }
    }
    Ok(Found::Room { seq: room.seq, topic: room.topic, last: last.events() })
}

pub(super) fn bounds(
    session: &mut Session,
    key: &str,
    before: Option<DateTime<Utc>>,
) -> Result<Found, Error> {
    let Some(room) = find(session, key)? else { return Ok(Found::Bounds(None)) };
    let ends = session.query(ENDS, &[&room.id])?;
    let Some(row) = ends.first() else { return Ok(Found::Bounds(None)) };
    let ends = row.try_get::<_, Option<i64>>(0)?.zip(row.try_get::<_, Option<i64>>(1)?);
    let Some((oldest, newest)) = ends else { return Ok(Found::Bounds(None)) };
    let ends = (oldest.unsigned_abs(), newest.unsigned_abs());
    let Some(before) = before else { return Ok(Found::Bounds(Some(ends))) };
    let last = last_before(ends, before, |seq| {
        let rows = session.query(NEXT, &[&room.id, &signed(seq)])?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok::<_, Error>(Some((number(row, 0)?, row.try_get::<_, Stamp>(1)?.0)))
    })?;
    Ok(Found::Bounds(last.map(|last| (ends.0, last))))
}

pub(super) fn events(session: &mut Session, key: &str, from: u64, to: u64) -> Result<Found, Error> {
    let mut events = Vec::new();
    let Some(room) = find(session, key)? else { return Ok(Found::Events { events, complete: true }) };
    let (mut from, to) = (signed(from), signed(to));
    let mut bytes = 0;
    loop {
        let page = session.query(EVENTS, &[&room.id, &from, &to, &PAGE])?;
        for row in &page {
            from = row.try_get::<_, i64>(0)?.saturating_add(1);
            let Some(event) = record(&room, row)? else { continue };
            // Nicknames count, too: joins have nothing else.
            bytes += event.nick.len() + event.text.len();
            if bytes > Query::PART && !events.is_empty() {
                return Ok(Found::Events { events, complete: true });
            }
            events.push(event);
        }
        if i64::try_from(page.len()).is_ok_and(|len| len < PAGE) {
            return Ok(Found::Events { events, complete: true });
        }
    }
}

pub(super) fn rooms(session: &mut Session, after: &str) -> Result<Vec<RoomInfo>, Error> {
    let limit = i64::try_from(ROOMS).unwrap_or(i64::MAX);
    let info = |row: &Row| {
        let (key, name, topic) = (row.try_get(0)?, row.try_get(1)?, row.try_get(3)?);
        Ok(RoomInfo { key, name, seq: number(row, 2)?, topic })
    };
    session.query(NAMES, &[&after, &limit])?.iter().map(info).collect()
}

/// The event in a row with `seq, at, kind, nick, text`, if this version knows its kind.
pub(super) fn record(room: &Room, row: &Row) -> Result<Option<RoomRecord>, Error> {
    let Some(kind) = Kind::from_word(row.try_get(2)?) else { return Ok(None) };
    Ok(Some(RoomRecord {
        room: room.name.as_str().into(),
        key: room.key.as_str().into(),
        seq: number(row, 0)?,
        at: row.try_get::<_, Stamp>(1)?.0,
        nick: row.try_get::<_, &str>(3)?.into(),
        kind,
        text: row.try_get(4)?,
    }))
}

pub(super) fn number(row: &Row, column: usize) -> Result<u64, Error> {
    Ok(row.try_get::<_, i64>(column)?.unsigned_abs())
}

/// A stamp, whatever stands there: chrono's own reading of it fails where PostgreSQL has more.
pub(super) struct Stamp(pub(super) DateTime<Utc>);

impl FromSql<'_> for Stamp {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        /// Microseconds from 1970 until 2000, which PostgreSQL counts from.
        const EPOCH: i64 = 946_684_800_000_000;
        Ok(Self(stamp::of_micros(i64::from_be_bytes(raw.try_into()?).saturating_add(EPOCH))))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}
