//! Forgetting, in steps.

use std::collections::HashMap;

use ::postgres::{Error, Row};
use chrono::{DateTime, TimeDelta, Utc};

use super::read::{Stamp, number};
use super::session::Session;
use super::signed;
use crate::diet::Measure;
use crate::{FEW, Retention};

/// Events that go in one step: some milliseconds.
const STEP: usize = 500;
/// Rooms that are looked at in one step.
const ROOMS: i64 = 64;

const CANDIDATES: &str = "
    SELECT id, rooms.seq, bytes, oldest.seq, at FROM chat.rooms LEFT JOIN LATERAL (
        SELECT seq, at FROM chat.events WHERE room = rooms.id ORDER BY seq LIMIT 1
    ) AS oldest ON true
    WHERE id > $1 ORDER BY id LIMIT $2";
/// What an event takes beside its text, in its table and in the indexes.
const EVENT: u64 = 200;

/// Of the same rooms as above, those of which nothing is worth keeping.
const FORGET_EMPTY: &str = "
    WITH empty AS (
        SELECT id FROM chat.rooms WHERE id > $1 AND id <= $2 AND topic IS NULL AND seq <= $3 AND NOT EXISTS (
            SELECT 1 FROM chat.events
            WHERE room = rooms.id AND (kind NOT IN ('joined', 'left', 'renamed', 'quiet', 'lively') OR at >= $4)
        )
    ),
    gone AS (DELETE FROM chat.events USING empty WHERE room = empty.id)
    DELETE FROM chat.rooms USING empty WHERE rooms.id = empty.id RETURNING rooms.id";
const SIZE: &str = "
    SELECT seq, bytes, coalesce((SELECT min(seq) FROM chat.events WHERE room = $1), seq + 1) FROM chat.rooms
    WHERE id = $1";
const OLDEST: &str = "
    SELECT seq, at, octet_length(nick) + octet_length(text) FROM chat.events
    WHERE room = $1 ORDER BY seq LIMIT $2";
const FORGET: &str = "
    WITH gone AS (DELETE FROM chat.events WHERE room = $1 AND seq <= $2)
    UPDATE chat.rooms SET bytes = greatest(bytes - $3, 0) WHERE id = $1";

/// One step of a round through all rooms, from the one after `pruned`; says whether the round goes on.
pub(super) fn prune(
    session: &mut Session,
    (pruned, known, size): (&mut i64, &mut HashMap<String, i64>, &mut Measure<i64>),
    retention: &Retention,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let candidates = session.query(CANDIDATES, &[&*pruned, &ROOMS])?;
    let mut gone: Vec<i64> = Vec::new();
    if let Some((age, last)) = retention.empty_rooms.zip(candidates.last()) {
        let oldest = now - TimeDelta::from_std(age).unwrap_or_default();
        let (first, last): (i64, i64) = (*pruned, last.try_get(0)?);
        let rows = session.query(FORGET_EMPTY, &[&first, &last, &signed(FEW), &oldest])?;
        gone = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        if !gone.is_empty() {
            known.retain(|_, id| !gone.contains(id));
        }
    }
    for row in &candidates {
        let (room, seq, bytes) = (row.try_get::<_, i64>(0)?, number(row, 1)?, number(row, 2)?);
        if gone.contains(&room) {
            *pruned = room;
            continue;
        }
        let oldest = row.try_get::<_, Option<i64>>(3)?.zip(row.try_get::<_, Option<Stamp>>(4)?);
        let events = oldest.as_ref().map_or(0, |(oldest, _)| seq.saturating_sub(oldest.unsigned_abs()) + 1);
        let goes = oldest.is_some_and(|(oldest, at)| {
            retention.verdict(now, seq, bytes).may_go(oldest.unsigned_abs(), at.0)
        });
        if goes {
            // There may be more of the same room.
            let (removed, _) = prune_room(session, (room, seq, bytes), retention, now)?;
            if removed < STEP {
                size.count(room, takes(events, bytes));
                *pruned = room;
            }
            return Ok(true);
        }
        size.count(room, takes(events, bytes));
        *pruned = room;
    }
    if candidates.is_empty() {
        *pruned = 0;
    }
    Ok(!candidates.is_empty())
}

/// What events take with their text of so many bytes, and with what is searched.
pub(super) fn takes(events: u64, bytes: u64) -> u64 {
    2 * bytes + EVENT * events
}

/// One step with the room that has to shrink.
pub(super) fn shrink(session: &mut Session, size: &mut Measure<i64>) -> Result<(), Error> {
    let Some((&room, level)) = size.diet.next() else { return Ok(()) };
    let rows = session.query(SIZE, &[&room])?;
    let Some(row) = rows.first() else {
        size.went(0, 0, true);
        return Ok(());
    };
    let (seq, bytes) = (number(row, 0)?, number(row, 1)?);
    let before = takes(seq.saturating_sub(number(row, 2)?) + 1, bytes);
    if before <= level {
        size.went(0, 0, true);
        return Ok(());
    }
    let retention = Retention::shrinking(bytes, before, level);
    let (removed, freed) = prune_room(session, (room, seq, bytes), &retention, DateTime::<Utc>::MIN_UTC)?;
    size.went(removed, takes(removed as u64, freed), removed < STEP);
    Ok(())
}

/// Returns how many events went, and the bytes of their text.
fn prune_room(
    session: &mut Session,
    (room, seq, bytes): (i64, u64, u64),
    retention: &Retention,
    now: DateTime<Utc>,
) -> Result<(usize, u64), Error> {
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
    Ok((removed, verdict.freed()))
}
