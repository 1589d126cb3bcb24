//! Forgetting, in steps.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::read::number;
use super::space::Space;
use super::{EVENT, MAX_SEQ, Sqlite, id_of, seq_of, signed};
use crate::diet::LARGEST;
use crate::{FEW, Retention, stamp};

/// Events that go in one step: some milliseconds.
const STEP: usize = 256;
/// The same where place is needed.
const LARGE_STEP: usize = 1_024;
/// Rooms that are looked at in one step.
const ROOMS: usize = 64;

/// What is known of a room before the step: its id, number and bytes.
type Candidate = (i64, u64, u64);

impl Sqlite {
    /// One step of a round through all rooms; says whether the round goes on.
    pub(super) fn prune_some(&mut self, retention: &Retention, now: DateTime<Utc>) -> rusqlite::Result<bool> {
        for _ in 0..ROOMS {
            let Some(room) = self.next_candidate()? else {
                self.pruned = 0;
                return Ok(false);
            };
            if self.forget_if_empty(room, retention, now)? {
                self.pruned = room.0;
                continue;
            }
            let (removed, _) =
                if retention.is_of_rooms() { self.prune_room(room, retention, now, STEP)? } else { (0, 0) };
            if removed < STEP {
                self.pruned = room.0;
            }
            if removed > 0 {
                break;
            }
        }
        Ok(true)
    }

    /// One step towards the size that all of it may have; says whether there was something to do.
    pub(super) fn shrink_some(&mut self, retention: &Retention) -> rusqlite::Result<bool> {
        let Some(space) = &mut self.space else { return Ok(false) };
        if space.diet.next().is_none() {
            let excess = space.excess(&self.connection, retention)?;
            if excess == 0 || !plan(&self.connection, space, excess)? {
                return Ok(false);
            }
        }
        let Some((&room, level)) = space.diet.next() else { return Ok(false) };
        let known = self
            .connection
            .prepare_cached("SELECT seq, bytes FROM rooms WHERE id = ?1")?
            .query_row([room], |row| Ok((number(row, 0)?, number(row, 1)?)))
            .optional()?;
        let (seq, bytes) = known.unwrap_or_default();
        let too_large = bytes > level;
        let retention = Retention { bytes: Some(level), ..Retention::default() };
        let (removed, _) = if too_large {
            self.prune_room((room, seq, bytes), &retention, DateTime::<Utc>::MIN_UTC, LARGE_STEP)?
        } else {
            (0, 0)
        };
        if let Some(space) = &mut self.space {
            space.look_again();
            space.diet.went(removed, removed < LARGE_STEP);
        }
        Ok(true)
    }

    /// Forgets a room in which nobody ever said anything, and that has no topic.
    fn forget_if_empty(
        &mut self,
        (room, seq, _): Candidate,
        retention: &Retention,
        now: DateTime<Utc>,
    ) -> rusqlite::Result<bool> {
        let Some(age) = retention.empty_rooms.filter(|_| seq <= FEW) else { return Ok(false) };
        let oldest = now - TimeDelta::from_std(age).unwrap_or_default();
        let range = [id_of(room, 0), id_of(room, MAX_SEQ)];
        let is_empty: bool = self
            .connection
            .prepare_cached(
                "SELECT topic IS NULL AND NOT EXISTS (
                    SELECT 1 FROM events WHERE id BETWEEN ?2 AND ?3
                    AND (kind NOT IN ('joined', 'left', 'renamed', 'quiet', 'lively') OR at >= ?4)
                ) FROM rooms WHERE id = ?1",
            )?
            .query_row(params![room, range[0], range[1], oldest.timestamp_micros()], |row| row.get(0))?;
        if !is_empty {
            return Ok(false);
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.prepare_cached("DELETE FROM events WHERE id BETWEEN ?1 AND ?2")?.execute(range)?;
        transaction.prepare_cached("DELETE FROM rooms WHERE id = ?1")?.execute([room])?;
        transaction.commit()?;
        self.known.retain(|_, known| known.id != room);
        Ok(true)
    }

    fn next_candidate(&self) -> rusqlite::Result<Option<Candidate>> {
        self.connection
            .prepare_cached("SELECT id, seq, bytes FROM rooms WHERE id > ?1 ORDER BY id LIMIT 1")?
            .query_row([self.pruned], |row| Ok((row.get(0)?, number(row, 1)?, number(row, 2)?)))
            .optional()
    }

    /// One step of so many events; returns how many went, and the bytes of their text.
    fn prune_room(
        &mut self,
        (room, seq, bytes): Candidate,
        retention: &Retention,
        now: DateTime<Utc>,
        step: usize,
    ) -> rusqlite::Result<(usize, u64)> {
        let mut verdict = retention.verdict(now, seq, bytes);
        let (removed, last) = {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, at, octet_length(nick) + octet_length(text) FROM events WHERE id BETWEEN ?1 AND ?2
                ORDER BY id LIMIT ?3",
            )?;
            let range = params![id_of(room, 0), id_of(room, MAX_SEQ), signed(step as u64)];
            let rows = statement.query_map(range, |row| {
                Ok((seq_of(row.get(0)?), stamp::of_micros(row.get(1)?), number(row, 2)?))
            })?;
            // No more are read than are needed.
            let mut failed = None;
            let counted = verdict.count(rows.map_while(|row| row.map_err(|error| failed = Some(error)).ok()));
            failed.map_or(Ok(counted), Err)?
        };
        if removed == 0 {
            return Ok((0, 0));
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let range = [id_of(room, 0), id_of(room, last)];
        transaction.prepare_cached("DELETE FROM words WHERE rowid BETWEEN ?1 AND ?2")?.execute(range)?;
        transaction.prepare_cached("DELETE FROM events WHERE id BETWEEN ?1 AND ?2")?.execute(range)?;
        transaction
            .prepare_cached("UPDATE rooms SET bytes = max(bytes - ?2, 0) WHERE id = ?1")?
            .execute(params![room, signed(verdict.freed())])?;
        transaction.commit()?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.wrote(removed * EVENT, &self.connection);
        }
        Ok((removed, verdict.freed()))
    }
}

/// Which rooms are to shrink, so that so many bytes of the file come free; says whether there is anything to forget.
fn plan(connection: &Connection, space: &mut Space, excess: u64) -> rusqlite::Result<bool> {
    let text = connection
        .prepare_cached("SELECT coalesce(sum(bytes), 0) FROM rooms")?
        .query_row([], |row| number(row, 0))?;
    let used = space.place(connection)?.used.max(1);
    // As much of the text as of all that there is.
    let part = u128::from(text) * u128::from(excess.min(used)) / u128::from(used);
    let mut rooms: Vec<(i64, u64)> = connection
        .prepare_cached("SELECT id, bytes FROM rooms WHERE bytes > 0 ORDER BY bytes DESC LIMIT ?1")?
        .query_map([signed(LARGEST as u64 + 1)], |row| Ok((row.get(0)?, number(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    let others = if rooms.len() > LARGEST { rooms.pop().map_or(0, |(_, bytes)| bytes) } else { 0 };
    Ok(space.diet.plan(rooms, others, u64::try_from(part).unwrap_or(u64::MAX).max(1)))
}
