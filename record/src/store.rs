//! What a history store answered, as it is stored. It comes from outside, like events, so all of it is kept.

use chat_core::{Found, Kind, LookUpError, RoomRecord, StoreAnswer};
use chrono::DateTime;
use serde::{Deserialize, Serialize};

use crate::format::Entry;

/// [`Found`], as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FoundRecord {
    Room { seq: u64, topic: Option<String>, last: Vec<EventRecord> },
    Bounds(Option<(u64, u64)>),
    Events { events: Vec<EventRecord>, complete: bool },
}

/// [`LookUpError`], as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LookUpErrorRecord {
    Unsupported,
    Unavailable,
}

/// [`RoomRecord`], as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventRecord {
    room: String,
    key: String,
    seq: u64,
    secs: i64,
    nanos: u32,
    nick: String,
    kind: String,
    text: String,
}

/// What stands for an answer.
pub(crate) fn entry(answer: &StoreAnswer) -> Entry<'static> {
    match answer {
        StoreAnswer::Stored(batch) => Entry::Stored { batch: *batch },
        StoreAnswer::Refused { batch, rooms } => Entry::Refused { batch: *batch, rooms: rooms.clone() },
        StoreAnswer::Found { id, found } => {
            let found = found.as_ref().map(FoundRecord::from).map_err(|&error| error.into());
            Entry::Found { id: *id, found }
        }
    }
}

/// The answer that an entry stands for, if it can be one.
pub(crate) fn answer(entry: &Entry<'_>) -> Option<StoreAnswer> {
    match entry {
        Entry::Stored { batch } => Some(StoreAnswer::Stored(*batch)),
        Entry::Refused { batch, rooms } => Some(StoreAnswer::Refused { batch: *batch, rooms: rooms.clone() }),
        Entry::Found { id, found } => {
            let found = match found {
                Ok(found) => Ok(found.to_found()?),
                Err(error) => Err((*error).into()),
            };
            Some(StoreAnswer::Found { id: *id, found })
        }
        _ => None,
    }
}

impl From<&Found> for FoundRecord {
    fn from(found: &Found) -> Self {
        let records = |events: &Vec<RoomRecord>| events.iter().map(EventRecord::from).collect();
        match found {
            Found::Room { seq, topic, last } => {
                Self::Room { seq: *seq, topic: topic.clone(), last: records(last) }
            }
            Found::Bounds(bounds) => Self::Bounds(*bounds),
            Found::Events { events, complete } => {
                Self::Events { events: records(events), complete: *complete }
            }
        }
    }
}

impl FoundRecord {
    fn to_found(&self) -> Option<Found> {
        let events = |records: &Vec<EventRecord>| {
            records.iter().map(EventRecord::to_event).collect::<Option<Vec<_>>>()
        };
        Some(match self {
            Self::Room { seq, topic, last } => {
                Found::Room { seq: *seq, topic: topic.clone(), last: events(last)? }
            }
            Self::Bounds(bounds) => Found::Bounds(*bounds),
            Self::Events { events: found, complete } => {
                Found::Events { events: events(found)?, complete: *complete }
            }
        })
    }
}

impl From<&RoomRecord> for EventRecord {
    fn from(record: &RoomRecord) -> Self {
        let RoomRecord { room, key, seq, at, nick, kind, text } = record.clone();
        let (room, key, nick) = (room.into(), key.into(), nick.into());
        let (secs, nanos) = (at.timestamp(), at.timestamp_subsec_nanos());
        Self { room, key, seq, secs, nanos, nick, kind: kind.word().into(), text }
    }
}

impl EventRecord {
    fn to_event(&self) -> Option<RoomRecord> {
        let Self { room, key, seq, secs, nanos, nick, kind, text } = self.clone();
        let (at, kind) = (DateTime::from_timestamp(secs, nanos)?, Kind::from_word(&kind)?);
        let (room, key, nick) = (room.into(), key.into(), nick.into());
        Some(RoomRecord { room, key, seq, at, nick, kind, text })
    }
}

impl From<LookUpError> for LookUpErrorRecord {
    fn from(error: LookUpError) -> Self {
        match error {
            LookUpError::Unsupported => Self::Unsupported,
            LookUpError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<LookUpErrorRecord> for LookUpError {
    fn from(error: LookUpErrorRecord) -> Self {
        match error {
            LookUpErrorRecord::Unsupported => Self::Unsupported,
            LookUpErrorRecord::Unavailable => Self::Unavailable,
        }
    }
}
