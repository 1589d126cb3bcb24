//! The index of terms, and how what is not in it gets there: behind, a group commit does not wait for it.

use chat_core::Kind;
use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::read::number;
use super::{Sqlite, id_of, seq_of, signed};
use crate::StoreError;
use crate::words::indexed;

/// Events in one step: some milliseconds.
const STEP: usize = 2_048;
/// Pages of the index that are merged in one step: some milliseconds. And their bytes, about.
const MERGE: i64 = 64;
const MERGED: usize = 128 << 10;

/// Bits of ids that are the same within a small block of events, and a large one.
pub(super) const SMALL: u32 = 15;
pub(super) const LARGE: u32 = 19;

/// The term for all events in the same block as this one. No text has it: this sign stands alone in all of them.
pub(super) fn block(id: i64, bits: u32) -> String {
    format!("§{bits}§{:x}", id >> bits)
}

/// What the index gets for an event: its terms, and its blocks.
pub(super) fn indexed_text(id: i64, text: &str) -> String {
    format!("{} {} {}", indexed(text), block(id, SMALL), block(id, LARGE))
}

impl Sqlite {
    /// One step of what was put off; says whether there is more to do.
    pub(super) fn catch_up_some(&mut self) -> Result<bool, StoreError> {
        // While merging presses, the log gathers: what is brought to its places in small pieces costs a page of the file
        // for nearly each event, and more to merge.
        if (!self.merging_presses() || self.tail.is_full()) && self.settle()? {
            return Ok(true);
        }
        if self.merges > 0 {
            self.merges = if self.merge_some(MERGE)? { self.merges.saturating_sub(1).max(1) } else { 0 };
            return Ok(true);
        }
        Ok(self.index_some()?)
    }

    /// Whether the index had better be merged soon, so that it does not fall apart.
    pub(super) fn merging_presses(&self) -> bool {
        self.merges > 1
    }

    /// Terms of events that were stored by an older version, or before others that are older.
    fn index_some(&mut self) -> rusqlite::Result<bool> {
        let behind = self
            .connection
            .prepare_cached("SELECT id FROM rooms WHERE indexed < seq LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let Some(room) = behind else {
            // With a number below zero, all parts become one, of which this is the first step.
            let has_begun = std::mem::take(&mut self.is_scattered) && self.merge_some(-MERGE)?;
            self.merges = usize::from(has_begun);
            return Ok(has_begun);
        };
        self.is_scattered |= self.index_room(room)? == STEP;
        self.merges = 1;
        Ok(true)
    }

    /// Merges some of the index's parts: the fewer there are, the faster is a search. Says whether there was something to
    /// merge.
    fn merge_some(&mut self, pages: i64) -> rusqlite::Result<bool> {
        let before = self.connection.total_changes();
        self.connection
            .prepare_cached("INSERT INTO words (words, rank) VALUES ('merge', ?1)")?
            .execute([pages])?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.wrote(MERGED, &self.connection);
        }
        // This is how FTS5 tells: the command itself counts as one.
        Ok(self.connection.total_changes() - before >= 2)
    }

    /// One step in a room; returns how many events it looked at.
    fn index_room(&mut self, room: i64) -> rusqlite::Result<usize> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let progress = transaction
            .prepare_cached("SELECT indexed, seq FROM rooms WHERE id = ?1")?
            .query_row([room], |row| Ok((number(row, 0)?, number(row, 1)?)))
            .optional()?;
        let Some((indexed, seq)) = progress.filter(|(indexed, seq)| indexed < seq) else { return Ok(0) };
        let mut last = None;
        let (mut count, mut bytes) = (0, 0);
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
                    let text = row.get_ref(2)?.as_str()?;
                    bytes += text.len();
                    insert.execute(params![id, indexed_text(id, text)])?;
                }
                last = Some(id);
                count += 1;
            }
        }
        let done = if count < STEP { seq } else { last.map_or(seq, seq_of) };
        transaction
            .prepare_cached("UPDATE rooms SET indexed = ?2 WHERE id = ?1")?
            .execute(params![room, signed(done)])?;
        transaction.commit()?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.wrote(bytes, &self.connection);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use chat_core::RoomRecord;
    use chrono::DateTime;

    use super::*;
    use crate::Store;

    #[test]
    fn the_log_gathers_while_there_is_something_to_merge() {
        let path = std::env::temp_dir().join(format!("chat-gathers-{}.db", std::process::id()));
        let mut store = Sqlite::open(&path, false).unwrap();
        let said = |seq| RoomRecord {
            room: "#room".into(),
            key: "#room".into(),
            seq,
            at: DateTime::UNIX_EPOCH,
            nick: "ann".into(),
            kind: Kind::Said,
            text: "one more".into(),
        };
        store.write(&[said(1)]).unwrap();
        assert!(!store.is_pressed());
        store.catch_up().unwrap();
        assert!(store.tail.is_empty() && store.is_pressed(), "what went to its place is to be merged");
        store.write(&[said(2)]).unwrap();
        store.catch_up().unwrap();
        assert!(!store.tail.is_empty() && !store.is_pressed(), "a busy server does no more than that");
        while store.catch_up().unwrap() {}
        assert!(store.tail.is_empty());
        drop(store);
        for end in ["", "-lock"] {
            std::fs::remove_file(format!("{}{end}", path.display())).unwrap();
        }
    }
}
