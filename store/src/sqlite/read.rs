//! Looking up rooms, bounds and events: in the tables, and in the log.

use std::ops::{ControlFlow, RangeInclusive};

use chat_core::{Found, Kind, Query, RoomRecord};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::tail::Tail;
use super::{id_of, seq_of};
use crate::bounds::last_before;
use crate::last::Last;
use crate::{ROOMS, RoomInfo, stamp};

/// All that is stored, at one moment.
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Connection,
    pub(super) tail: &'a Tail,
}

/// A room.
pub(super) struct Room {
    pub(super) id: i64,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) seq: u64,
    pub(super) topic: Option<String>,
    /// Up to which number its events in the table are in the index.
    pub(super) indexed: u64,
}

/// In which order events are visited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    OldestFirst,
    NewestFirst,
}

impl View<'_> {
    pub(super) fn find(&self, key: &str) -> rusqlite::Result<Option<Room>> {
        self.snapshot
            .prepare_cached("SELECT id, key, name, seq, topic, topic_seq, indexed FROM rooms WHERE key = ?1")?
            .query_row([key], |row| self.room_of(row))
            .optional()
    }

    /// The room in a row with `id, key, name, seq, topic, topic_seq, indexed`, as far as it has come in the log.
    fn room_of(&self, row: &Row<'_>) -> rusqlite::Result<Room> {
        let (id, settled, topic_seq) = (row.get(0)?, number(row, 3)?, number(row, 5)?);
        let topic = match self.tail.topic(id).filter(|entry| entry.seq > topic_seq) {
            Some(entry) => Some(entry.text.to_owned()).filter(|topic| !topic.is_empty()),
            None => row.get(4)?,
        };
        Ok(Room {
            id,
            key: row.get(1)?,
            name: row.get(2)?,
            seq: settled.max(self.tail.newest(id)),
            topic,
            indexed: number(row, 6)?,
        })
    }

    pub(super) fn room(&self, key: &str, last: usize) -> rusqlite::Result<Found> {
        let Some(room) = self.find(key)? else {
            return Ok(Found::Room { seq: 0, topic: None, last: Vec::new() });
        };
        let mut taken = Last::new(room.seq);
        let mut left = last;
        self.visit(&room, 0..=room.seq, Order::NewestFirst, |event| {
            if left == 0 || !taken.take(Some(event)) {
                return ControlFlow::Break(());
            }
            left -= 1;
            ControlFlow::Continue(())
        })?;
        Ok(Found::Room { seq: room.seq, topic: room.topic, last: taken.events() })
    }

    pub(super) fn bounds(&self, key: &str, before: Option<DateTime<Utc>>) -> rusqlite::Result<Found> {
        let Some(room) = self.find(key)? else { return Ok(Found::Bounds(None)) };
        let end = |sql| {
            self.snapshot
                .prepare_cached(sql)?
                .query_row([id_of(room.id, 0), id_of(room.id, room.seq)], |row| row.get::<_, Option<i64>>(0))
        };
        let stored = end("SELECT min(id) FROM events WHERE id BETWEEN ?1 AND ?2")?
            .zip(end("SELECT max(id) FROM events WHERE id BETWEEN ?1 AND ?2")?)
            .map(|(oldest, newest)| (seq_of(oldest), seq_of(newest)));
        let mut logged = self.tail.events(room.id, 0..=room.seq).map(|entry| entry.seq);
        let first = logged.next();
        let logged = first.map(|first| (first, logged.next_back().unwrap_or(first)));
        let both = stored.into_iter().chain(logged);
        let ends = both.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        let Some((oldest, newest)) = ends else { return Ok(Found::Bounds(None)) };
        let Some(before) = before else { return Ok(Found::Bounds(Some((oldest, newest)))) };
        let mut next = self
            .snapshot
            .prepare_cached("SELECT id, at FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1")?;
        let last = last_before((oldest, newest), before, |seq| {
            let stored = next
                .query_row([id_of(room.id, seq), id_of(room.id, room.seq)], |row| {
                    Ok((seq_of(row.get(0)?), stamp::of_micros(row.get(1)?)))
                })
                .optional()?;
            let logged = self.tail.events(room.id, seq..=room.seq).next();
            let logged = logged.map(|entry| (entry.seq, stamp::of_micros(entry.at)));
            Ok::<_, rusqlite::Error>(stored.into_iter().chain(logged).min_by_key(|&(seq, _)| seq))
        })?;
        Ok(Found::Bounds(last.map(|last| (oldest, last))))
    }

    pub(super) fn events(&self, key: &str, from: u64, to: u64) -> rusqlite::Result<Found> {
        let mut events = Vec::new();
        let Some(room) = self.find(key)? else { return Ok(Found::Events { events, complete: true }) };
        let mut bytes = 0;
        self.visit(&room, from..=to, Order::OldestFirst, |event| {
            // Nicknames count, too: joins have nothing else.
            bytes += event.nick.len() + event.text.len();
            if bytes > Query::PART && !events.is_empty() {
                return ControlFlow::Break(());
            }
            events.push(event);
            ControlFlow::Continue(())
        })?;
        Ok(Found::Events { events, complete: true })
    }

    pub(super) fn rooms(&self, after: &str) -> rusqlite::Result<Vec<RoomInfo>> {
        self.snapshot
            .prepare_cached(
                "SELECT id, key, name, seq, topic, topic_seq, indexed FROM rooms WHERE key > ?1 ORDER BY key LIMIT ?2",
            )?
            .query_map(params![after, i64::try_from(ROOMS).unwrap_or(i64::MAX)], |row| {
                let Room { key, name, seq, topic, .. } = self.room_of(row)?;
                Ok(RoomInfo { key, name, seq, topic })
            })?
            .collect()
    }

    /// Visits a room's events with these numbers in this order, until it is told to stop.
    pub(super) fn visit(
        &self,
        room: &Room,
        seqs: RangeInclusive<u64>,
        order: Order,
        mut visit: impl FnMut(RoomRecord) -> ControlFlow<()>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.snapshot.prepare_cached(match order {
            Order::OldestFirst => {
                "SELECT id, at, kind, nick, text FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
            }
            Order::NewestFirst => {
                "SELECT id, at, kind, nick, text FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC"
            }
        })?;
        let mut rows = statement.query([id_of(room.id, *seqs.start()), id_of(room.id, *seqs.end())])?;
        let mut stored = || {
            while let Some(row) = rows.next()? {
                if let Some(event) = record(room, row)? {
                    return Ok(Some(event));
                }
            }
            Ok::<_, rusqlite::Error>(None)
        };
        let mut logged = self.tail.events(room.id, seqs);
        let mut logged = || loop {
            let entry = if order == Order::OldestFirst { logged.next() } else { logged.next_back() }?;
            if let Some(event) = entry.record(&room.name, &room.key) {
                return Some(event);
            }
        };
        let (mut next_stored, mut next_logged) = (stored()?, logged());
        loop {
            let is_stored = match (&next_stored, &next_logged) {
                (None, None) => return Ok(()),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                // On its way to its place it is in both.
                (Some(one), Some(other)) if one.seq == other.seq => {
                    next_logged = logged();
                    continue;
                }
                (Some(one), Some(other)) => (one.seq < other.seq) == (order == Order::OldestFirst),
            };
            let event = if is_stored {
                std::mem::replace(&mut next_stored, stored()?)
            } else {
                std::mem::replace(&mut next_logged, logged())
            };
            if event.is_some_and(|event| visit(event).is_break()) {
                return Ok(());
            }
        }
    }
}

/// The event in a row with `id, at, kind, nick, text`, if this version knows its kind.
pub(super) fn record(room: &Room, row: &Row<'_>) -> rusqlite::Result<Option<RoomRecord>> {
    let Some(kind) = Kind::from_word(row.get_ref(2)?.as_str()?) else { return Ok(None) };
    Ok(Some(RoomRecord {
        room: room.name.as_str().into(),
        key: room.key.as_str().into(),
        seq: seq_of(row.get(0)?),
        at: stamp::of_micros(row.get(1)?),
        nick: row.get_ref(3)?.as_str()?.into(),
        kind,
        text: row.get(4)?,
    }))
}

pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}
