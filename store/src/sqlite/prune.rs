//! Forgetting, in steps.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::read::number;
use super::{MAX_SEQ, Sqlite, id_of, seq_of, signed};
use crate::{Retention, stamp};

/// Events that go in one step: some milliseconds.
const STEP: usize = 256;
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
            let removed = self.prune_room(room, retention, now)?;
            if removed < STEP {
                self.pruned = room.0;
            }
            if removed > 0 {
                break;
            }
        }
        Ok(true)
    }

    fn next_candidate(&self) -> rusqlite::Result<Option<Candidate>> {
        self.connection
            .prepare_cached("SELECT id, seq, bytes FROM rooms WHERE id > ?1 ORDER BY id LIMIT 1")?
            .query_row([self.pruned], |row| Ok((row.get(0)?, number(row, 1)?, number(row, 2)?)))
            .optional()
    }

    /// Returns how many events went.
    fn prune_room(
        &mut self,
        (room, seq, bytes): Candidate,
        retention: &Retention,
        now: DateTime<Utc>,
    ) -> rusqlite::Result<usize> {
        let mut verdict = retention.verdict(now, seq, bytes);
        let (removed, last) = {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, at, octet_length(nick) + octet_length(text) FROM events WHERE id BETWEEN ?1 AND ?2
                ORDER BY id LIMIT ?3",
            )?;
            let range = params![id_of(room, 0), id_of(room, MAX_SEQ), signed(STEP as u64)];
            let rows = statement.query_map(range, |row| {
                Ok((seq_of(row.get(0)?), stamp::of_micros(row.get(1)?), number(row, 2)?))
            })?;
            // No more are read than are needed.
            let mut failed = None;
            let counted = verdict.count(rows.map_while(|row| row.map_err(|error| failed = Some(error)).ok()));
            failed.map_or(Ok(counted), Err)?
        };
        if removed == 0 {
            return Ok(0);
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
            checkpoints.wrote(removed, &self.connection);
        }
        Ok(removed)
    }
}
