//! What was stored last: a log, in the order in which it came.
//!
//! Hundreds of rooms that talk at once would change a page of the file each with every commit, if each event went to its
//! place at once. So a batch is appended to the log as one row, and when many events have gathered there, they go to their
//! places together (`settle`). Whoever reads has what is in the log in memory, by room.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use chat_core::{Kind, RoomRecord};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::stamp;

/// Events above which those in the log go to their places, and the same for their bytes. The more there are, the less does
/// each of them cost; but nothing is stored while that is done, which takes some 20 milliseconds.
const FULL_EVENTS: usize = 8_192;
const FULL_BYTES: usize = 1 << 20;
/// So many times as much is in memory at most, should they not get there.
const MOST: usize = 8;

/// An event in the log. What it holds in the file is this in the encoding of postcard, one after another.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    pub(super) room: i64,
    pub(super) seq: u64,
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) kind: &'a str,
    pub(super) nick: &'a str,
    pub(super) text: &'a str,
}

impl Entry<'_> {
    /// The event, if this version knows its kind.
    pub(super) fn record(self, name: &str, key: &str) -> Option<RoomRecord> {
        Some(RoomRecord {
            room: name.into(),
            key: key.into(),
            seq: self.seq,
            at: stamp::of_micros(self.at),
            nick: self.nick.into(),
            kind: Kind::from_word(self.kind)?,
            text: self.text.into(),
        })
    }
}

/// What a batch in the log holds, as it grows.
#[derive(Default)]
pub(super) struct Batch(Vec<u8>);

impl Batch {
    pub(super) fn push(&mut self, entry: &Entry<'_>) {
        let bytes = std::mem::take(&mut self.0);
        self.0 = postcard::to_extend(entry, bytes).expect("memory is all that it takes");
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// What is in the log.
#[derive(Default)]
pub(super) struct Tail {
    /// The row behind which it begins, which is empty: so the numbers of rows never come again. None: nothing was read yet.
    base: Option<i64>,
    /// The number of its last row.
    last: i64,
    batches: Vec<Box<[u8]>>,
    rooms: HashMap<i64, Rows>,
    events: usize,
    bytes: usize,
}

/// Where the events of a room are.
#[derive(Default)]
struct Rows {
    /// By number.
    places: Vec<Place>,
    /// Its newest topic.
    topic: Option<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    seq: u64,
    batch: u32,
    offset: u32,
}

impl Tail {
    /// Reads what others have appended to the log, or taken out of it.
    pub(super) fn refresh(&mut self, snapshot: &Connection) -> rusqlite::Result<()> {
        let base = snapshot
            .prepare_cached("SELECT coalesce(min(id), 0) FROM log")?
            .query_row([], |row| row.get(0))?;
        if self.base != Some(base) {
            self.clear(base);
        }
        let mut newer = snapshot.prepare_cached("SELECT id, events FROM log WHERE id > ?1 ORDER BY id")?;
        let mut rows = newer.query([self.last])?;
        while let Some(row) = rows.next()? {
            self.push(row.get(0)?, row.get_ref(1)?.as_blob()?.into());
        }
        Ok(())
    }

    /// Appends a batch to the log; what is in memory follows when that is committed.
    pub(super) fn append(&self, transaction: &Connection, batch: &[u8]) -> rusqlite::Result<i64> {
        let id = self.last + 1;
        transaction
            .prepare_cached("INSERT INTO log (id, events) VALUES (?1, ?2)")?
            .execute(params![id, batch])?;
        Ok(id)
    }

    /// Takes all out of the log; returns its base from then on, for [`clear`](Self::clear) when that is committed.
    pub(super) fn remove_all(&self, transaction: &Connection) -> rusqlite::Result<i64> {
        transaction.prepare_cached("DELETE FROM log WHERE id < ?1")?.execute([self.last])?;
        transaction.prepare_cached("UPDATE log SET events = x'' WHERE id = ?1")?.execute([self.last])?;
        Ok(self.last)
    }

    pub(super) fn clear(&mut self, base: i64) {
        *self = Self { base: Some(base), last: base, ..Self::default() };
    }

    /// A batch is in the log.
    pub(super) fn push(&mut self, id: i64, bytes: Box<[u8]>) {
        let batch = u32::try_from(self.batches.len()).unwrap_or(u32::MAX);
        let mut rest = &bytes[..];
        // What cannot be understood is of a damaged file: what stands before it is there.
        while !rest.is_empty()
            && let offset = u32::try_from(bytes.len() - rest.len()).unwrap_or(u32::MAX)
            && let Ok((entry, behind)) = postcard::take_from_bytes::<Entry<'_>>(rest)
        {
            rest = behind;
            let place = Place { seq: entry.seq, batch, offset };
            let rows = self.rooms.entry(entry.room).or_default();
            if entry.kind == Kind::Topic.word() && rows.topic.is_none_or(|topic| topic.seq <= place.seq) {
                rows.topic = Some(place);
            }
            if rows.places.last().is_none_or(|last| last.seq < place.seq) {
                rows.places.push(place);
            } else {
                // An older one that comes later, as with an import.
                let index = rows.places.partition_point(|other| other.seq <= place.seq);
                rows.places.insert(index, place);
            }
            self.events += 1;
        }
        self.bytes += bytes.len();
        self.batches.push(bytes);
        self.last = id;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// How large they are in the log.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it is time for events to go to their places.
    pub(super) fn is_full(&self) -> bool {
        self.events >= FULL_EVENTS || self.bytes >= FULL_BYTES
    }

    /// Whether there may be no more of them before some have.
    pub(super) fn is_overfull(&self) -> bool {
        self.events >= MOST * FULL_EVENTS || self.bytes >= MOST * FULL_BYTES
    }

    /// The rooms of which it has events, in the order of their ids.
    pub(super) fn rooms(&self) -> Vec<i64> {
        let mut rooms: Vec<i64> = self.rooms.keys().copied().collect();
        rooms.sort_unstable();
        rooms
    }

    /// The number of a room's newest event; 0, if it has none.
    pub(super) fn newest(&self, room: i64) -> u64 {
        self.rooms.get(&room).and_then(|rows| rows.places.last()).map_or(0, |place| place.seq)
    }

    /// What set a room's topic last.
    pub(super) fn topic(&self, room: i64) -> Option<Entry<'_>> {
        self.rooms.get(&room).and_then(|rows| rows.topic).and_then(|place| self.entry(place))
    }

    /// A room's events with these numbers, the oldest first.
    pub(super) fn events(
        &self,
        room: i64,
        seqs: RangeInclusive<u64>,
    ) -> impl DoubleEndedIterator<Item = Entry<'_>> + use<'_> {
        let places = self.rooms.get(&room).map_or(&[][..], |rows| &rows.places);
        let begin = places.partition_point(|place| place.seq < *seqs.start());
        let end = places.partition_point(|place| place.seq <= *seqs.end()).max(begin);
        places[begin..end].iter().filter_map(|&place| self.entry(place))
    }

    fn entry(&self, place: Place) -> Option<Entry<'_>> {
        let bytes = self.batches.get(place.batch as usize)?.get(place.offset as usize..)?;
        postcard::take_from_bytes(bytes).ok().map(|(entry, _)| entry)
    }
}
