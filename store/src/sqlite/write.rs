//! Storing events.

use std::collections::HashMap;

use chat_core::{Kind, RoomRecord};
use rusqlite::{Connection, Transaction, TransactionBehavior, named_params, params};

use super::{KNOWN_ROOMS, MAX_SEQ, Sqlite, id_of, owner, rooms, signed};
use crate::{RoomInfo, StoreError};

/// What a batch comes to for one room.
struct Change<'a> {
    newest: &'a RoomRecord,
    topic: Option<&'a RoomRecord>,
    /// Of events that were not there before: their bytes, and the number before the first of them.
    bytes: usize,
    before: u64,
}

impl Sqlite {
    pub(super) fn write_all(&mut self, events: &[RoomRecord]) -> Result<(), StoreError> {
        if let Some(event) = events.iter().find(|event| event.seq == 0 || event.seq > MAX_SEQ) {
            return Err(StoreError::refused(Some(&event.key), "the number of an event is out of bounds"));
        }
        if self.known.len() > KNOWN_ROOMS {
            self.known.clear();
        }
        match insert(&mut self.connection, (&self.writer, &mut self.known), events) {
            Ok(rooms) => self.behind.extend(rooms),
            Err(error) => {
                // Some may have been made in the transaction that failed.
                self.known.clear();
                return Err(error);
            }
        }
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.wrote(events.len(), &self.connection);
        }
        Ok(())
    }

    pub(super) fn restore_room(&mut self, room: &RoomInfo) -> Result<(), StoreError> {
        if room.seq > MAX_SEQ {
            return Err(StoreError::new("the number of an event is out of bounds"));
        }
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

/// Stores events, and returns their rooms.
fn insert(
    connection: &mut Connection,
    (writer, known): (&str, &mut HashMap<String, i64>),
    events: &[RoomRecord],
) -> Result<Vec<i64>, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    owner::check(&transaction, writer)?;
    let mut changes: HashMap<i64, Change<'_>> = HashMap::new();
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO events (id, at, kind, nick, text) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for event in events {
        let room = match known.get(&event.key) {
            Some(&room) => room,
            None => {
                let room = rooms::id(&transaction, &event.key, &event.room)?;
                known.insert(event.key.clone(), room);
                room
            }
        };
        let id = id_of(room, event.seq);
        let stored = insert.execute(params![
            id,
            event.at.timestamp_micros(),
            event.kind.word(),
            event.nick,
            event.text
        ])?;
        let change =
            changes.entry(room).or_insert(Change { newest: event, topic: None, bytes: 0, before: MAX_SEQ });
        if event.seq >= change.newest.seq {
            change.newest = event;
        }
        if event.kind == Kind::Topic && change.topic.is_none_or(|topic| topic.seq < event.seq) {
            change.topic = Some(event);
        }
        if stored > 0 {
            change.bytes += event.nick.len() + event.text.len();
            change.before = change.before.min(event.seq - 1);
        } else if !is_there(&transaction, id, event)? {
            return Err(StoreError::different(&event.key, event.seq));
        }
    }
    drop(insert);
    update_rooms(&transaction, &changes)?;
    transaction.commit()?;
    Ok(changes.into_keys().collect())
}

/// Whether what is stored with this id is this event.
fn is_there(transaction: &Transaction<'_>, id: i64, event: &RoomRecord) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT (kind, nick, text) = (?2, ?3, ?4) FROM events WHERE id = ?1")?
        .query_row(params![id, event.kind.word(), event.nick, event.text], |row| row.get(0))
}

fn update_rooms(transaction: &Transaction<'_>, changes: &HashMap<i64, Change<'_>>) -> rusqlite::Result<()> {
    // The right-hand sides see the row as it was.
    let mut update = transaction.prepare_cached(
        "UPDATE rooms SET
            name = CASE WHEN :seq >= seq THEN :name ELSE name END,
            seq = max(seq, :seq),
            topic = CASE WHEN :topic_seq > topic_seq THEN nullif(:topic, '') ELSE topic END,
            topic_seq = max(topic_seq, :topic_seq),
            bytes = bytes + :bytes,
            indexed = min(indexed, :before)
        WHERE id = :room",
    )?;
    for (room, change) in changes {
        update.execute(named_params! {
            ":room": room,
            ":name": change.newest.room,
            ":seq": signed(change.newest.seq),
            ":topic": change.topic.map(|event| &event.text),
            ":topic_seq": signed(change.topic.map_or(0, |event| event.seq)),
            ":bytes": signed(change.bytes as u64),
            ":before": signed(change.before),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
