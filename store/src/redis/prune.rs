//! Forgetting, in steps.

use std::collections::HashMap;

use ::redis::{Connection, InfoDict, RedisResult, Value, cmd, pipe};
use chrono::{DateTime, TimeDelta, Utc};

use super::entry::{Entry, entries};
use super::read::{keys, range};
use super::{events_key, room_key};
use crate::diet::Measure;
use crate::{FEW, Retention, Total};

/// Events that go in one step: some milliseconds.
const STEP: usize = 500;
/// Rooms that are looked at in one step.
const ROOMS: usize = 64;

/// Events that are looked at of each: nearly always, somebody has said something by then.
const LOOK: usize = 3;
/// What an event takes beside its text.
const EVENT: u64 = 100;

type Row = (Option<u64>, Option<i64>, Option<String>);

/// One step of a round through all rooms, from the one after `pruned`; says whether the round goes on.
pub(super) fn prune(
    connection: &mut Connection,
    (pruned, known, size): (&mut String, &mut HashMap<String, u64>, &mut Measure<String>),
    retention: &Retention,
    now: DateTime<Utc>,
) -> RedisResult<bool> {
    let keys = keys(connection, pruned, ROOMS)?;
    if keys.is_empty() {
        pruned.clear();
        return Ok(false);
    }
    let mut rows = pipe();
    for key in &keys {
        rows.cmd("HMGET").arg(room_key(key)).arg(&["seq", "bytes", "topic"]);
        rows.cmd("XRANGE").arg(events_key(key)).arg(&["-", "+", "COUNT"]).arg(LOOK);
    }
    let rows: Vec<Value> = rows.query(connection)?;
    for (key, row) in keys.into_iter().zip(rows.chunks_exact(2)) {
        let (seq, bytes, topic): Row = ::redis::from_redis_value(row[0].clone())?;
        let (seq, bytes) = (seq.unwrap_or_default(), bytes.unwrap_or_default().max(0).unsigned_abs());
        let first = entries(row[1].clone())?;
        if let Some(age) = retention.empty_rooms.filter(|_| topic.is_none() && seq <= FEW)
            && is_empty(connection, &key, &first, now - TimeDelta::from_std(age).unwrap_or_default())?
        {
            forget(connection, &key)?;
            known.remove(&key);
            *pruned = key;
            continue;
        }
        let oldest = first.first();
        let takes = takes(oldest.map_or(0, |oldest| seq.saturating_sub(oldest.seq) + 1), bytes);
        if oldest.is_some_and(|oldest| retention.verdict(now, seq, bytes).may_go(oldest.seq, oldest.at)) {
            // There may be more of the same room.
            let (removed, _) = prune_room(connection, (&key, seq, bytes), retention, now)?;
            if removed < STEP {
                size.count(key.clone(), takes);
                *pruned = key;
            }
            return Ok(true);
        }
        size.count(key.clone(), takes);
        *pruned = key;
    }
    Ok(true)
}

/// What events take with their text of so many bytes.
pub(super) fn takes(events: u64, bytes: u64) -> u64 {
    bytes + EVENT * events
}

/// Half of the memory that this Redis may have.
pub(super) fn share(connection: &mut Connection) -> RedisResult<u64> {
    let info: InfoDict = cmd("INFO").arg("memory").query(connection)?;
    let some = |name| info.get::<u64>(name).filter(|&bytes| bytes > 0);
    Ok(some("maxmemory").or_else(|| some("total_system_memory")).unwrap_or(Total::ELSEWHERE) / 2)
}

/// Whether nothing of a room is worth keeping, of which these are the first events: nobody said anything, and the last thing
/// that happened is older than `oldest`.
fn is_empty(
    connection: &mut Connection,
    key: &str,
    first: &[Entry],
    oldest: DateTime<Utc>,
) -> RedisResult<bool> {
    let is_nothing = |entry: &Entry| entry.is_no_talk() && entry.at < oldest;
    if first.len() < LOOK || !first.iter().all(is_nothing) {
        return Ok(first.iter().all(is_nothing));
    }
    let all = range(connection, &events_key(key), "-", "+", usize::try_from(FEW).unwrap_or(usize::MAX))?;
    Ok(all.iter().all(is_nothing))
}

fn forget(connection: &mut Connection, key: &str) -> RedisResult<()> {
    let mut batch = pipe();
    batch.atomic();
    batch.cmd("DEL").arg(events_key(key)).arg(room_key(key));
    batch.cmd("ZREM").arg(super::ROOMS).arg(key);
    batch.exec(connection)
}

/// One step with the room that has to shrink.
pub(super) fn shrink(connection: &mut Connection, size: &mut Measure<String>) -> RedisResult<()> {
    let Some((key, level)) = size.diet.next() else { return Ok(()) };
    let key = key.clone();
    let (seq, bytes): (Option<u64>, Option<i64>) =
        cmd("HMGET").arg(room_key(&key)).arg(&["seq", "bytes"]).query(connection)?;
    let (seq, bytes) = (seq.unwrap_or_default(), bytes.unwrap_or_default().max(0).unsigned_abs());
    let oldest = range(connection, &events_key(&key), "-", "+", 1)?;
    let before = takes(oldest.first().map_or(0, |oldest| seq.saturating_sub(oldest.seq) + 1), bytes);
    if before <= level {
        size.went(0, 0, true);
        return Ok(());
    }
    let retention = Retention::shrinking(bytes, before, level);
    let (removed, freed) = prune_room(connection, (&key, seq, bytes), &retention, DateTime::<Utc>::MIN_UTC)?;
    size.went(removed, takes(removed as u64, freed), removed < STEP);
    Ok(())
}

/// Returns how many events went, and the bytes of their text.
fn prune_room(
    connection: &mut Connection,
    (key, seq, bytes): (&str, u64, u64),
    retention: &Retention,
    now: DateTime<Utc>,
) -> RedisResult<(usize, u64)> {
    let mut verdict = retention.verdict(now, seq, bytes);
    let stream = events_key(key);
    let oldest = range(connection, &stream, "-", "+", STEP)?;
    let (removed, last) = verdict.count(oldest.iter().map(|entry| (entry.seq, entry.at, entry.bytes())));
    let freed = i64::try_from(verdict.freed()).unwrap_or(i64::MAX);
    let mut batch = pipe();
    batch.atomic();
    batch.cmd("XTRIM").arg(&stream).arg("MINID").arg("=").arg(format!("{}-0", last + 1));
    batch.cmd("HINCRBY").arg(room_key(key)).arg("bytes").arg(-freed);
    if removed > 0 {
        batch.exec(connection)?;
    }
    Ok((removed, verdict.freed()))
}
