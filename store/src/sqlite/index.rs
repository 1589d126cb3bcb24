//! Bringing words into their index, behind: a group commit does not wait for it.

use chat_core::Kind;
use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::read::number;
use super::{Sqlite, id_of, seq_of, signed};
use crate::words::spaced;

/// Events in one step: some milliseconds.
const STEP: usize = 512;
/// Rooms that an earlier process left behind and that are remembered at once.
const ROOMS: usize = 1_000;
/// Pages of the index that are merged in one step: a millisecond or two.
const MERGE: i64 = 32;

/// Bits of ids that are the same within a small block of events, and a large one.
pub(super) const SMALL: u32 = 15;
pub(super) const LARGE: u32 = 19;

/// The word for all events in the same block as this one. No text has it: it has more than letters and digits.
pub(super) fn block(id: i64, bits: u32) -> String {
    format!("§{bits}§{:x}", id >> bits)
}

/// What the index gets for an event: its words, and its blocks.
fn indexed_text(id: i64, text: &str) -> String {
    format!("{} {} {}", spaced(text), block(id, SMALL), block(id, LARGE))
}

impl Sqlite {
    /// One step; says whether there is more to do.
    pub(super) fn index_some(&mut self) -> rusqlite::Result<bool> {
        if !self.asked_behind && self.behind.is_empty() {
            let left = self
                .connection
                .prepare("SELECT id FROM rooms WHERE indexed < seq LIMIT ?1")?
                .query_map([signed(ROOMS as u64)], |row| row.get(0))?
                .collect::<Result<Vec<i64>, _>>()?;
            // When these are done, it is asked for the next ones.
            self.asked_behind = left.len() < ROOMS;
            self.behind.extend(left);
        }
        if self.merges {
            self.merges = self.merge_some()?;
            return Ok(self.merges || !self.asked_behind || !self.behind.is_empty());
        }
        let Some(&room) = self.behind.first() else { return Ok(false) };
        if self.index_room(room)? {
            self.behind.remove(&room);
        }
        // Each step adds a part to the index.
        self.merges = true;
        Ok(true)
    }

    /// Merges some of the index's parts: the fewer there are, the faster is a search. Says whether there was something to
    /// merge.
    fn merge_some(&mut self) -> rusqlite::Result<bool> {
        let before = self.connection.total_changes();
        self.connection
            .prepare_cached("INSERT INTO words (words, rank) VALUES ('merge', ?1)")?
            .execute([MERGE])?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.wrote(STEP / 4, &self.connection);
        }
        // This is how FTS5 tells: the command itself counts as one.
        Ok(self.connection.total_changes() - before >= 2)
    }

    /// One step in a room; says whether it is the last one.
    fn index_room(&mut self, room: i64) -> rusqlite::Result<bool> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let progress = transaction
            .prepare_cached("SELECT indexed, seq FROM rooms WHERE id = ?1")?
            .query_row([room], |row| Ok((number(row, 0)?, number(row, 1)?)))
            .optional()?;
        let Some((indexed, seq)) = progress.filter(|(indexed, seq)| indexed < seq) else { return Ok(true) };
        let mut last = None;
        let mut count = 0;
        {
            let mut statement = transaction.prepare_cached(
                "SELECT id, kind, text FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
            )?;
            // Where older events came later, as with an import, some of these are there already.
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO words (rowid, text) VALUES (?1, ?2)")?;
            let mut rows =
                statement.query(params![id_of(room, indexed), id_of(room, seq), signed(STEP as u64)])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                if Kind::from_word(row.get_ref(1)?.as_str()?).is_some_and(Kind::is_talk) {
                    insert.execute(params![id, indexed_text(id, row.get_ref(2)?.as_str()?)])?;
                }
                last = Some(id);
                count += 1;
            }
        }
        let is_last = count < STEP;
        let done = if is_last { seq } else { last.map_or(seq, seq_of) };
        transaction
            .prepare_cached("UPDATE rooms SET indexed = ?2 WHERE id = ?1")?
            .execute(params![room, signed(done)])?;
        transaction.commit()?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.wrote(count, &self.connection);
        }
        Ok(is_last)
    }
}
