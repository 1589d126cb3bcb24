//! Looking up rooms, bounds and events.

use std::collections::HashMap;

use ::redis::{Connection, RedisResult, Value, cmd, pipe};
use chat_core::{Found, Query};
use chrono::{DateTime, Utc};

use super::entry::{Entry, entries};
use super::{ROOMS, events_key, room_key};
use crate::RoomInfo;
use crate::bounds::last_before;
use crate::last::Last;

/// Events that are asked for at once. More are sent than fit into a part, if they are long.
const PAGE: usize = 256;

/// Of the last ones, fewer at once: they may be long, and not all of them fit into an answer.
const FEW: usize = 16;

type Row = (Option<String>, Option<u64>, Option<String>);

pub(super) fn room(connection: &mut Connection, key: &str, last: usize) -> RedisResult<Found> {
    let last_id = last_id(connection, &events_key(key))?;
    // Both at one moment.
    let ((name, seq, topic), newest): (Row, Value) = pipe()
        .atomic()
        .cmd("HMGET")
        .arg(room_key(key))
        .arg(&["name", "seq", "topic"])
        .cmd("XREVRANGE")
        .arg(events_key(key))
        .arg(&["+", "-", "COUNT"])
        .arg(last.clamp(1, FEW))
        .query(connection)?;
    let (name, seq) = (name.unwrap_or_default(), seq.unwrap_or_default().max(last_id));
    let mut found = Last::new(seq);
    let (mut page, mut left) = (entries(newest)?, last);
    loop {
        let is_last = page.len() < FEW;
        for entry in page {
            if left == 0 || !found.take(entry.record(key, &name)) {
                return Ok(Found::Room { seq, topic, last: found.events() });
            }
            left -= 1;
        }
        if is_last || left == 0 {
            return Ok(Found::Room { seq, topic, last: found.events() });
        }
        let next = found.next().to_string();
        let mut older = cmd("XREVRANGE");
        older.arg(events_key(key)).arg(&[&next, "-", "COUNT"]).arg(left.min(FEW));
        page = entries(older.query(connection)?)?;
    }
}

pub(super) fn bounds(
    connection: &mut Connection,
    key: &str,
    before: Option<DateTime<Utc>>,
) -> RedisResult<Found> {
    let stream = events_key(key);
    let oldest = range(connection, &stream, "-", "+", 1)?;
    let newest = cmd("XREVRANGE").arg(&stream).arg(&["+", "-", "COUNT"]).arg(1).query(connection)?;
    let ends = oldest.first().zip(entries(newest)?.first()).map(|(oldest, newest)| (oldest.seq, newest.seq));
    let Some((ends, before)) = ends.zip(before) else { return Ok(Found::Bounds(ends)) };
    let last = last_before(ends, before, |seq| {
        let next = range(connection, &stream, &seq.to_string(), "+", 1)?;
        RedisResult::Ok(next.first().map(|entry| (entry.seq, entry.at)))
    })?;
    Ok(Found::Bounds(last.map(|last| (ends.0, last))))
}

pub(super) fn events(connection: &mut Connection, key: &str, from: u64, to: u64) -> RedisResult<Found> {
    let name: Option<String> = cmd("HGET").arg(room_key(key)).arg("name").query(connection)?;
    let name = name.unwrap_or_default();
    let stream = events_key(key);
    let mut events = Vec::new();
    let (mut from, mut bytes) = (from, 0);
    loop {
        let page = range(connection, &stream, &from.to_string(), &to.to_string(), PAGE)?;
        let is_last = page.len() < PAGE;
        for entry in page {
            from = entry.seq + 1;
            let Some(event) = entry.record(key, &name) else { continue };
            // Nicknames count, too: joins have nothing else.
            bytes += event.nick.len() + event.text.len();
            if bytes > Query::PART && !events.is_empty() {
                return Ok(Found::Events { events, complete: true });
            }
            events.push(event);
        }
        if is_last {
            return Ok(Found::Events { events, complete: true });
        }
    }
}

/// The number of the newest event that there ever was. Whatever may be wrong with one of the two, no number is given twice.
pub(super) fn newest(connection: &mut Connection, key: &str) -> RedisResult<u64> {
    let seq: Option<u64> = cmd("HGET").arg(room_key(key)).arg("seq").query(connection)?;
    Ok(seq.unwrap_or_default().max(last_id(connection, &events_key(key))?))
}

/// The last id that a stream has given; its event may have been forgotten.
pub(super) fn last_id(connection: &mut Connection, stream: &str) -> RedisResult<u64> {
    if !cmd("EXISTS").arg(stream).query::<bool>(connection)? {
        return Ok(0);
    }
    let info: HashMap<String, Value> = cmd("XINFO").arg("STREAM").arg(stream).query(connection)?;
    let id = info.get("last-generated-id").cloned().unwrap_or(Value::Nil);
    let id: String = ::redis::from_redis_value(id)?;
    Ok(id.split('-').next().and_then(|seq| seq.parse().ok()).unwrap_or_default())
}

/// Entries of a stream, the oldest first.
pub(super) fn range(
    connection: &mut Connection,
    stream: &str,
    from: &str,
    to: &str,
    count: usize,
) -> RedisResult<Vec<Entry>> {
    entries(cmd("XRANGE").arg(stream).arg(&[from, to, "COUNT"]).arg(count).query(connection)?)
}

pub(super) fn rooms(connection: &mut Connection, after: &str) -> RedisResult<Vec<RoomInfo>> {
    let keys = keys(connection, after, crate::ROOMS)?;
    let mut rows = pipe();
    for key in &keys {
        rows.cmd("HMGET").arg(room_key(key)).arg(&["name", "seq", "topic"]);
    }
    let rows: Vec<Row> = if keys.is_empty() { Vec::new() } else { rows.query(connection)? };
    let info = |(key, (name, seq, topic)): (String, Row)| RoomInfo {
        name: name.unwrap_or_else(|| key.clone()),
        key,
        seq: seq.unwrap_or_default(),
        topic,
    };
    Ok(keys.into_iter().zip(rows).map(info).collect())
}

/// The keys of rooms that follow this one.
pub(super) fn keys(connection: &mut Connection, after: &str, count: usize) -> RedisResult<Vec<String>> {
    let from = format!("({after}");
    // With nothing to be after, that would be after the empty key, which no room has.
    cmd("ZRANGEBYLEX").arg(ROOMS).arg(&[&*from, "+", "LIMIT", "0"]).arg(count).query(connection)
}
