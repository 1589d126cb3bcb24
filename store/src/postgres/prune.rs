//! Forgetting, in steps.

use ::postgres::{Error, Row};
use chrono::{DateTime, Utc};

use super::read::{Stamp, number};
use super::session::Session;
use super::signed;
use crate::Retention;

/// Events that go in one step: some milliseconds.
const STEP: usize = 500;
/// Rooms that are looked at in one step.
const ROOMS: i64 = 64;

const CANDIDATES: &str = "
    SELECT id, rooms.seq, bytes, oldest.seq, at FROM chat.rooms LEFT JOIN LATERAL (
        SELECT seq, at FROM chat.events WHERE room = rooms.id ORDER BY seq LIMIT 1
    ) AS oldest ON true
    WHERE id > $1 ORDER BY id LIMIT $2";
const OLDEST: &str = "
    SELECT seq, at, octet_length(nick) + octet_length(text) FROM chat.events
    WHERE room = $1 ORDER BY seq LIMIT $2";
const FORGET: &str = "
    WITH gone AS (DELETE FROM chat.events WHERE room = $1 AND seq <= $2)
    UPDATE chat.rooms SET bytes = greatest(bytes - $3, 0) WHERE id = $1";

/// One step of a round through all rooms, from the one after `pruned`; says whether the round goes on.
pub(super) fn prune(
    session: &mut Session,
    pruned: &mut i64,
    retention: &Retention,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let candidates = session.query(CANDIDATES, &[&*pruned, &ROOMS])?;
    for row in &candidates {
        let (room, seq, bytes) = (row.try_get::<_, i64>(0)?, number(row, 1)?, number(row, 2)?);
        let oldest = row.try_get::<_, Option<i64>>(3)?.zip(row.try_get::<_, Option<Stamp>>(4)?);
        let goes = oldest.is_some_and(|(oldest, at)| {
            retention.verdict(now, seq, bytes).may_go(oldest.unsigned_abs(), at.0)
        });
        if goes {
            // There may be more of the same room.
            let is_whole = prune_room(session, (room, seq, bytes), retention, now)?;
            *pruned = if is_whole { *pruned } else { room };
            return Ok(true);
        }
        *pruned = room;
    }
    if candidates.is_empty() {
        *pruned = 0;
    }
    Ok(!candidates.is_empty())
}

/// Says whether the step was a whole one.
fn prune_room(
    session: &mut Session,
    (room, seq, bytes): (i64, u64, u64),
    retention: &Retention,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let mut verdict = retention.verdict(now, seq, bytes);
    let oldest = session.query(OLDEST, &[&room, &signed(STEP as u64)])?;
    let event = |row: &Row| {
        let bytes = u64::from(row.try_get::<_, i32>(2)?.unsigned_abs());
        Ok((number(row, 0)?, row.try_get::<_, Stamp>(1)?.0, bytes))
    };
    let oldest: Vec<_> = oldest.iter().map(event).collect::<Result<_, Error>>()?;
    let (removed, last) = verdict.count(oldest.into_iter());
    if removed > 0 {
        session.execute(FORGET, &[&room, &signed(last), &signed(verdict.freed())])?;
    }
    Ok(removed == STEP)
}
