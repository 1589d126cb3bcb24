//! Forgetting, in steps.

use ::redis::{Connection, RedisResult, Value, pipe};
use chrono::{DateTime, Utc};

use super::entry::entries;
use super::read::{keys, range};
use super::{events_key, room_key};
use crate::Retention;

/// Events that go in one step: some milliseconds.
const STEP: usize = 500;
/// Rooms that are looked at in one step.
const ROOMS: usize = 64;

type Row = (Option<u64>, Option<i64>);

/// One step of a round through all rooms, from the one after `pruned`; says whether the round goes on.
pub(super) fn prune(
    connection: &mut Connection,
    pruned: &mut String,
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
        rows.cmd("HMGET").arg(room_key(key)).arg(&["seq", "bytes"]);
        rows.cmd("XRANGE").arg(events_key(key)).arg(&["-", "+", "COUNT"]).arg(1);
    }
    let rows: Vec<Value> = rows.query(connection)?;
    for (key, row) in keys.into_iter().zip(rows.chunks_exact(2)) {
        let (seq, bytes): Row = ::redis::from_redis_value(row[0].clone())?;
        let (seq, bytes) = (seq.unwrap_or_default(), bytes.unwrap_or_default().max(0).unsigned_abs());
        let goes = entries(row[1].clone())?
            .first()
            .is_some_and(|oldest| retention.verdict(now, seq, bytes).may_go(oldest.seq, oldest.at));
        if goes {
            // There may be more of the same room.
            let is_whole = prune_room(connection, (&key, seq, bytes), retention, now)?;
            if !is_whole {
                *pruned = key;
            }
            return Ok(true);
        }
        *pruned = key;
    }
    Ok(true)
}

/// Says whether the step was a whole one.
fn prune_room(
    connection: &mut Connection,
    (key, seq, bytes): (&str, u64, u64),
    retention: &Retention,
    now: DateTime<Utc>,
) -> RedisResult<bool> {
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
    Ok(removed == STEP)
}
