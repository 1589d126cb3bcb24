//! Storing events: at the end of the log.

use chat_core::RoomRecord;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::read::number;
use super::tail::{Batch, Entry, Tail};
use super::{KNOWN_ROOMS, MAX_SEQ, Sqlite, id_of, owner, rooms, signed};
use crate::{RoomInfo, StoreError};

/// What the writer knows of a room: nobody else writes.
pub(super) struct Known {
    pub(super) id: i64,
    name: String,
    /// The number of its newest event.
    newest: u64,
}

impl Sqlite {
    pub(super) fn write_all(&mut self, events: &[RoomRecord]) -> Result<(), StoreError> {
        if let Some(event) = events.iter().find(|event| event.seq == 0 || event.seq > MAX_SEQ) {
            return Err(StoreError::refused(Some(&event.key), "the number of an event is out of bounds"));
        }
        if self.tail.is_overfull() {
            self.settle()?;
        }
        if self.known.len() > KNOWN_ROOMS {
            self.known.clear();
        }
        let bytes = self.append(events).inspect_err(|_| {
            // Some may have been made in the transaction that failed, and of the others it is not known how far they are.
            self.known.clear();
        })?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.wrote(bytes, &self.connection);
        }
        Ok(())
    }

    /// Returns how many bytes that took.
    fn append(&mut self, events: &[RoomRecord]) -> Result<usize, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        owner::check(&transaction, &self.writer)?;
        // If the last commit failed, it may have come to something nevertheless.
        self.tail.refresh(&transaction)?;
        let mut batch = Batch::default();
        for (index, event) in events.iter().enumerate() {
            let room = match self.known.get_mut(&*event.key) {
                Some(room) => room,
                None => {
                    let room = find_room(&transaction, &self.tail, event)?;
                    self.known.entry(event.key.to_string()).or_insert(room)
                }
            };
            if event.seq <= room.newest
                && is_there(&transaction, &self.tail, room.id, &events[..index], event)?
            {
                continue;
            }
            if event.seq > room.newest {
                room.newest = event.seq;
                room.rename(&transaction, &event.room)?;
            }
            batch.push(&Entry {
                room: room.id,
                seq: event.seq,
                at: event.at.timestamp_micros(),
                kind: event.kind.word(),
                nick: &event.nick,
                text: &event.text,
            });
        }
        let batch = batch.into_bytes();
        let bytes = batch.len();
        if batch.is_empty() {
            transaction.commit()?;
        } else {
            let id = self.tail.append(&transaction, &batch)?;
            transaction.commit()?;
            self.tail.push(id, batch.into());
        }
        Ok(bytes)
    }

    pub(super) fn restore_room(&mut self, room: &RoomInfo) -> Result<(), StoreError> {
        if room.seq > MAX_SEQ {
            return Err(StoreError::new("the number of an event is out of bounds"));
        }
        self.known.remove(&room.key);
        self.settle()?;
        let mut restore = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let id = rooms::id(&transaction, &room.key, &room.name)?;
            transaction.execute(
                "UPDATE rooms SET name = ?2, topic = ?3, topic_seq = ?4, seq = ?4 WHERE id = ?1 AND seq <= ?4",
                params![id, room.name, room.topic, signed(room.seq)],
            )?;
            transaction.commit()?;
            Ok(())
        };
        restore()
    }
}

impl Known {
    /// Whatever has the newest event says how its name is written.
    fn rename(&mut self, transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
        if self.name != name {
            transaction
                .prepare_cached("UPDATE rooms SET name = ?2 WHERE id = ?1")?
                .execute(params![self.id, name])?;
            self.name = name.into();
        }
        Ok(())
    }
}

/// Whether an event is stored, or comes before in its batch. If something else is, that is an error.
fn is_there(
    transaction: &Transaction<'_>,
    tail: &Tail,
    room: i64,
    before: &[RoomRecord],
    event: &RoomRecord,
) -> Result<bool, StoreError> {
    let (kind, nick, text) = (event.kind.word(), &*event.nick, &*event.text);
    let same = if let Some(entry) = tail.events(room, event.seq..=event.seq).next() {
        Some((entry.kind, entry.nick, entry.text) == (kind, nick, text))
    } else if let Some(other) = before.iter().find(|other| other.seq == event.seq && other.key == event.key) {
        Some((other.kind.word(), &*other.nick, &*other.text) == (kind, nick, text))
    } else {
        transaction
            .prepare_cached("SELECT (kind, nick, text) = (?2, ?3, ?4) FROM events WHERE id = ?1")?
            .query_row(params![id_of(room, event.seq), kind, nick, text], |row| row.get(0))
            .optional()?
    };
    match same {
        Some(false) => Err(StoreError::different(&event.key, event.seq)),
        same => Ok(same.is_some()),
    }
}

/// The room of an event; one that was never heard of is made.
fn find_room(transaction: &Transaction<'_>, tail: &Tail, event: &RoomRecord) -> Result<Known, StoreError> {
    let known = transaction
        .prepare_cached("SELECT id, name, seq FROM rooms WHERE key = ?1")?
        .query_row([&*event.key], |row| {
            Ok(Known { id: row.get(0)?, name: row.get(1)?, newest: number(row, 2)? })
        })
        .optional()?;
    if let Some(mut known) = known {
        known.newest = known.newest.max(tail.newest(known.id));
        return Ok(known);
    }
    Ok(Known {
        id: rooms::id(transaction, &event.key, &event.room)?,
        name: event.room.to_string(),
        newest: 0,
    })
}

#[cfg(test)]
mod tests {
    use chat_core::Kind;
    use chrono::DateTime;

    use super::*;
    use crate::Store;

    #[test]
    fn a_full_disk_is_told_and_forgotten() {
        let path = std::env::temp_dir().join(format!("chat-full-{}.db", std::process::id()));
        let mut store = Sqlite::open(&path, false).unwrap();
        let said = |seq| RoomRecord {
            room: "#room".into(),
            key: "#room".into(),
            seq,
            at: DateTime::UNIX_EPOCH,
            nick: "ann".into(),
            kind: Kind::Said,
            text: "x".repeat(4_000),
        };
        let pages = |store: &Sqlite, pages: u32| {
            store.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        };
        pages(&store, 50);
        let events: Vec<RoomRecord> = (1..=100).map(said).collect();
        let error = store.write(&events).unwrap_err();
        assert!(error.to_string().starts_with("the disk is full"), "{error}");
        // All of it, or nothing: the next try is as good as the first.
        pages(&store, 1_000);
        store.write(&events).unwrap();
        let room = store.rooms("").unwrap().remove(0);
        assert_eq!((room.key.as_str(), room.seq), ("#room", 100));
        drop(store);
        for end in ["", "-lock"] {
            std::fs::remove_file(format!("{}{end}", path.display())).unwrap();
        }
    }
}
