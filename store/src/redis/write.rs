//! Storing events.

use std::collections::HashMap;

use ::redis::{Connection, Pipeline, RedisResult, pipe};
use chat_core::RoomRecord;

use super::lease::{self, Writer};
use super::read::{last_id, newest, range};
use super::{ROOMS, events_key, room_key};
use crate::{RoomInfo, StoreError};

/// Stores events of one room, those that are newer than its stream; answers how many are not. So whatever comes late, or
/// twice, does no harm. Before these, `seq, at, kind, nick, text` of each, come the room's key and name and the writer's.
/// Nothing happens if the history is not this writer's.
const STORE: &str = "
    if redis.call('GET', KEYS[4]) ~= ARGV[3] or redis.call('GET', KEYS[5]) ~= ARGV[3] then return 0 end
    local stream, hash = KEYS[1], KEYS[2]
    local last = 0
    if redis.call('EXISTS', stream) == 1 then
        local info = redis.call('XINFO', 'STREAM', stream)
        for i = 1, #info, 2 do
            if info[i] == 'last-generated-id' then last = tonumber(string.match(info[i + 1], '^%d+')) end
        end
    end
    local bytes, skipped, newest, topic = 0, 0, nil, nil
    for i = 4, #ARGV, 5 do
        local seq, at, kind, nick, text = unpack(ARGV, i, i + 4)
        if tonumber(seq) > last then
            redis.call('XADD', stream, seq .. '-0', 'at', at, 'kind', kind, 'nick', nick, 'text', text)
            last, newest = tonumber(seq), seq
            bytes = bytes + #nick + #text
            if kind == 'topic' then topic = {seq, text} end
        else
            skipped = skipped + 1
        end
    end
    if not newest then return skipped end
    local known = redis.call('HMGET', hash, 'seq', 'topic_seq')
    if last >= tonumber(known[1] or 0) then redis.call('HSET', hash, 'name', ARGV[2], 'seq', newest) end
    if topic and tonumber(topic[1]) > tonumber(known[2] or 0) then
        redis.call('HSET', hash, 'topic_seq', topic[1])
        if topic[2] == '' then redis.call('HDEL', hash, 'topic') else redis.call('HSET', hash, 'topic', topic[2]) end
    end
    redis.call('HINCRBY', hash, 'bytes', bytes)
    redis.call('ZADD', KEYS[3], 0, ARGV[1])
    return skipped";

/// Fails in two ways: if there is no answer, or if what is stored already is something else. `known` are the last ids of
/// streams; their events may have been forgotten.
pub(super) fn write(
    connection: &mut Connection,
    (writer, known): (&Writer, &mut HashMap<String, u64>),
    events: &[RoomRecord],
) -> RedisResult<Result<(), StoreError>> {
    let mut rooms: HashMap<&str, Vec<&RoomRecord>> = HashMap::new();
    for event in events {
        let last = match known.get(&*event.key) {
            Some(&last) => last,
            None => last_id(connection, &events_key(&event.key))?,
        };
        if event.seq > last {
            rooms.entry(&event.key).or_default().push(event);
            known.insert(event.key.to_string(), event.seq);
            continue;
        }
        known.insert(event.key.to_string(), last);
        // What is in this batch twice is not there yet.
        let is_twice = rooms.get(&*event.key).is_some_and(|room| room.contains(&event));
        if !is_twice && let Err(error) = is_there(connection, event)? {
            return Ok(Err(error));
        }
    }
    if rooms.is_empty() {
        return Ok(Ok(()));
    }
    let mut batch = pipe();
    batch.atomic();
    batch.add_command(lease::hold(writer));
    for (key, events) in &rooms {
        let newest = events[events.len() - 1];
        batch.cmd("EVAL").arg(STORE).arg(5);
        batch.arg(events_key(key)).arg(room_key(key)).arg(ROOMS).arg(lease::WRITER).arg(lease::OWNER);
        batch.arg(key).arg(&*newest.room).arg(&writer.name);
        for event in events {
            batch.arg(event.seq).arg(event.at.timestamp_micros()).arg(event.kind.word());
            batch.arg(&*event.nick).arg(&event.text);
        }
    }
    let answers: Vec<usize> = batch.query(connection)?;
    if let Err(error) = lease::judge(answers.first()) {
        return Ok(Err(error));
    }
    for (events, &skipped) in rooms.values().zip(&answers[1..]) {
        // Somebody else was there, or what was sent before came late.
        for event in &events[..skipped] {
            if let Err(error) = is_there(connection, event)? {
                return Ok(Err(error));
            }
        }
    }
    Ok(Ok(()))
}

fn set_topic(batch: &mut Pipeline, hash: &str, topic: Option<&String>) {
    match topic {
        Some(topic) => batch.cmd("HSET").arg(hash).arg("topic").arg(topic),
        None => batch.cmd("HDEL").arg(hash).arg("topic"),
    };
}

/// Whether an event that is not newer than the stream is in it.
fn is_there(connection: &mut Connection, event: &RoomRecord) -> RedisResult<Result<(), StoreError>> {
    let stream = events_key(&event.key);
    let found = range(connection, &stream, &event.seq.to_string(), "+", 1)?;
    let (room, seq) = (&event.key, event.seq);
    Ok(match found.first() {
        Some(entry) if entry.seq == seq && entry.is(event) => Ok(()),
        Some(entry) if entry.seq == seq => Err(StoreError::different(room, seq)),
        _ => {
            let reason = format_args!(
                "{room} has come further without number {seq}, and Redis adds nothing before what it has: is this an \
                old export, or does another server write to this history?"
            );
            Err(StoreError::refused(Some(room), reason))
        }
    })
}

pub(super) fn restore(connection: &mut Connection, room: &RoomInfo) -> RedisResult<()> {
    let hash = room_key(&room.key);
    if newest(connection, &room.key)? > room.seq {
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
