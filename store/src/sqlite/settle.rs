//! Bringing what is in the log to its places: into the tables, and its terms into their index.

use chat_core::Kind;
use rusqlite::{CachedStatement, OptionalExtension, TransactionBehavior, named_params, params};

use super::index::indexed_text;
use super::read::number;
use super::tail::{Entry, Tail};
use super::{Sqlite, id_of, owner, signed};
use crate::StoreError;

/// Steps of merging after each time.
const MERGES: usize = 16;

impl Sqlite {
    /// All that is in the log, in one transaction; says whether there was anything.
    pub(super) fn settle(&mut self) -> Result<bool, StoreError> {
        if self.tail.is_empty() {
            return Ok(false);
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        owner::check(&transaction, &self.writer)?;
        self.tail.refresh(&transaction)?;
        let mut settling = Settling {
            find: transaction.prepare_cached("SELECT seq, topic_seq, indexed FROM rooms WHERE id = ?1")?,
            insert: transaction.prepare_cached(
                "INSERT OR IGNORE INTO events (id, at, kind, nick, text) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            index: transaction.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?,
            update: transaction.prepare_cached(UPDATE)?,
        };
        // In the order of their ids, in which the tables and the index are.
        for room in self.tail.rooms() {
            settling.settle(&self.tail, room)?;
        }
        drop(settling);
        let base = self.tail.remove_all(&transaction)?;
        transaction.commit()?;
        let bytes = self.tail.bytes();
        self.tail.clear(base);
        // It adds a part to the index.
        self.merges = MERGES;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.wrote(bytes, &self.connection);
        }
        Ok(true)
    }
}

/// The right-hand sides see the row as it was.
const UPDATE: &str = "
    UPDATE rooms SET
        seq = max(seq, :newest),
        topic = CASE WHEN :topic_seq > topic_seq THEN nullif(:topic, '') ELSE topic END,
        topic_seq = max(topic_seq, :topic_seq),
        bytes = bytes + :bytes,
        indexed = CASE WHEN indexed = seq THEN max(seq, :newest) ELSE indexed END
    WHERE id = :room";

struct Settling<'a> {
    find: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    index: CachedStatement<'a>,
    update: CachedStatement<'a>,
}

impl Settling<'_> {
    fn settle(&mut self, tail: &Tail, room: i64) -> rusqlite::Result<()> {
        let seqs = |row: &rusqlite::Row<'_>| Ok([number(row, 0)?, number(row, 1)?, number(row, 2)?]);
        let Some([seq, topic_seq, indexed]) = self.find.query_row([room], seqs).optional()? else {
            return Ok(());
        };
        // Where older ones are still to be indexed, these wait for them (`index_some`).
        let last_indexed = if indexed == seq { u64::MAX } else { indexed };
        let (mut newest, mut bytes) = (0, 0);
        let mut topic = None;
        for entry in tail.events(room, 0..=u64::MAX) {
            newest = entry.seq;
            if !self.place(entry, last_indexed)? {
                continue;
            }
            bytes += entry.nick.len() + entry.text.len();
            if entry.kind == Kind::Topic.word() && entry.seq > topic_seq {
                topic = Some(entry);
            }
        }
        self.update.execute(named_params! {
            ":room": room,
            ":newest": signed(newest),
            ":topic": topic.map(|entry| entry.text),
            ":topic_seq": signed(topic.map_or(0, |entry| entry.seq)),
            ":bytes": signed(bytes as u64),
        })?;
        Ok(())
    }

    /// Says whether it was not there before.
    fn place(&mut self, entry: Entry<'_>, last_indexed: u64) -> rusqlite::Result<bool> {
        let Entry { room, seq, at, kind, nick, text } = entry;
        let id = id_of(room, seq);
        if self.insert.execute(params![id, at, kind, nick, text])? == 0 {
            return Ok(false);
        }
        if seq <= last_indexed && Kind::from_word(kind).is_some_and(Kind::is_talk) {
            self.index.execute(params![id, indexed_text(id, text)])?;
        }
        Ok(true)
    }
}
