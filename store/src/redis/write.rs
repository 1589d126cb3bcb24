//! Storing events.

use std::collections::HashMap;

use ::redis::{Connection, Pipeline, RedisResult, cmd, pipe};
use chat_core::{Kind, RoomRecord};

use super::read::range;
use super::{ROOMS, events_key, room_key};
use crate::{RoomInfo, StoreError};

/// What a room's stream and its hash say.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// The last id that the stream has given; its event may have been forgotten.
    last: u64,
    seq: u64,
    topic_seq: u64,
}

/// What a batch comes to for one room.
struct Change<'a> {
    known: Known,
    newest: &'a RoomRecord,
    topic: Option<&'a RoomRecord>,
    bytes: usize,
}

/// Fails in two ways: if there is no answer, or if what is stored already is something else.
pub(super) fn write(
    connection: &mut Connection,
    known: &mut HashMap<String, Known>,
    events: &[RoomRecord],
) -> RedisResult<Result<(), StoreError>> {
    let mut changes: HashMap<&str, Change<'_>> = HashMap::new();
    let mut batch = pipe();
    batch.atomic();
    for event in events {
        let change = match changes.get_mut(&*event.key) {
            Some(change) => change,
            None => {
                let known = match known.get(&event.key) {
                    Some(&known) => known,
                    None => learn(connection, &event.key)?,
                };
                changes.entry(&event.key).or_insert(Change { known, newest: event, topic: None, bytes: 0 })
            }
        };
        if event.seq <= change.known.last {
            if let Err(error) = is_there(connection, event)? {
                return Ok(Err(error));
            }
            continue;
        }
        add(&mut batch, event);
        change.known.last = event.seq;
        change.newest = event;
        change.bytes += event.nick.len() + event.text.len();
        if event.kind == Kind::Topic {
            change.topic = Some(event);
        }
    }
    changes.retain(|_, change| change.newest.seq == change.known.last);
    for (key, change) in &mut changes {
        update(&mut batch, key, change);
    }
    if !batch.is_empty() {
        batch.exec(connection)?;
    }
    known.extend(changes.into_iter().map(|(key, change)| (key.to_owned(), change.known)));
    Ok(Ok(()))
}

fn add(batch: &mut Pipeline, event: &RoomRecord) {
    batch.cmd("XADD").arg(events_key(&event.key)).arg(format!("{}-0", event.seq));
    batch.arg("at").arg(event.at.timestamp_micros()).arg("kind").arg(event.kind.word());
    batch.arg("nick").arg(&event.nick).arg("text").arg(&event.text);
}

fn update(batch: &mut Pipeline, key: &str, change: &mut Change<'_>) {
    let (hash, known) = (room_key(key), &mut change.known);
    if change.newest.seq >= known.seq {
        known.seq = change.newest.seq;
        batch.cmd("HSET").arg(&hash).arg("name").arg(&change.newest.room).arg("seq").arg(known.seq);
    }
    if let Some(topic) = change.topic.filter(|topic| topic.seq > known.topic_seq) {
        known.topic_seq = topic.seq;
        batch.cmd("HSET").arg(&hash).arg("topic_seq").arg(topic.seq);
        set_topic(batch, &hash, Some(&topic.text).filter(|topic| !topic.is_empty()));
    }
    batch.cmd("HINCRBY").arg(&hash).arg("bytes").arg(change.bytes);
    batch.cmd("ZADD").arg(ROOMS).arg(0).arg(key);
}

fn set_topic(batch: &mut Pipeline, hash: &str, topic: Option<&String>) {
    match topic {
        Some(topic) => batch.cmd("HSET").arg(hash).arg("topic").arg(topic),
        None => batch.cmd("HDEL").arg(hash).arg("topic"),
    };
}

fn learn(connection: &mut Connection, key: &str) -> RedisResult<Known> {
    let (seq, topic_seq): (Option<u64>, Option<u64>) =
        cmd("HMGET").arg(room_key(key)).arg(&["seq", "topic_seq"]).query(connection)?;
    let stream = events_key(key);
    let last = if cmd("EXISTS").arg(&stream).query(connection)? {
        let info: HashMap<String, ::redis::Value> =
            cmd("XINFO").arg("STREAM").arg(&stream).query(connection)?;
        let id = info.get("last-generated-id").cloned().unwrap_or(::redis::Value::Nil);
        let id: String = ::redis::from_redis_value(id)?;
        id.split('-').next().and_then(|seq| seq.parse().ok()).unwrap_or_default()
    } else {
        0
    };
    Ok(Known { last, seq: seq.unwrap_or_default(), topic_seq: topic_seq.unwrap_or_default() })
}

/// Whether an event that is not newer than the stream is in it, or was and has been forgotten.
fn is_there(connection: &mut Connection, event: &RoomRecord) -> RedisResult<Result<(), StoreError>> {
    let stream = events_key(&event.key);
    let fail = |what: &str| {
        let (room, seq) = (&event.room, event.seq);
        Err(StoreError::new(format_args!(
            "{room} {what} number {seq}: does another server write to this Redis?"
        )))
    };
    let found = range(connection, &stream, &event.seq.to_string(), "+", 1)?;
    Ok(match found.first() {
        Some(entry) if entry.seq == event.seq && entry.is(event) => Ok(()),
        Some(entry) if entry.seq == event.seq => fail("has something else as"),
        // Older than all that is there, or all is forgotten.
        Some(entry) => {
            let oldest = range(connection, &stream, "-", "+", 1)?;
            let is_oldest = oldest.first().is_none_or(|oldest| oldest.seq == entry.seq);
            if is_oldest { Ok(()) } else { fail("has come further without") }
        }
        None => Ok(()),
    })
}

pub(super) fn restore(connection: &mut Connection, room: &RoomInfo) -> RedisResult<()> {
    let hash = room_key(&room.key);
    let seq: Option<u64> = cmd("HGET").arg(&hash).arg("seq").query(connection)?;
    if seq.is_some_and(|seq| seq > room.seq) {
        return Ok(());
    }
    let mut batch = pipe();
    batch.atomic();
    batch.cmd("HSET").arg(&hash).arg("name").arg(&room.name);
    batch.arg("seq").arg(room.seq).arg("topic_seq").arg(room.seq);
    set_topic(&mut batch, &hash, room.topic.as_ref());
    batch.cmd("ZADD").arg(ROOMS).arg(0).arg(&room.key);
    batch.exec(connection)
}
