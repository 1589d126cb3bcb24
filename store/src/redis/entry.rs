//! Entries of a stream.

use ::redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, Value};
use chat_core::{Kind, RoomRecord};
use chrono::{DateTime, Utc};

use crate::stamp;

/// An event as it is in a stream.
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) at: DateTime<Utc>,
    pub(super) kind: String,
    pub(super) nick: String,
    pub(super) text: String,
}

impl Entry {
    /// Its bytes, as they are counted for a room.
    pub(super) fn bytes(&self) -> u64 {
        (self.nick.len() + self.text.len()) as u64
    }

    /// The event, if this version knows its kind.
    pub(super) fn record(self, key: &str, name: &str) -> Option<RoomRecord> {
        let kind = Kind::from_word(&self.kind)?;
        let Self { seq, at, nick, text, .. } = self;
        Some(RoomRecord { room: name.into(), key: key.into(), seq, at, nick: nick.into(), kind, text })
    }

    /// Whether it is known to be nothing that anybody said.
    pub(super) fn is_no_talk(&self) -> bool {
        Kind::from_word(&self.kind).is_some_and(|kind| !kind.is_talk())
    }

    /// Whether this is that event.
    pub(super) fn is(&self, event: &RoomRecord) -> bool {
        self.kind == event.kind.word() && self.nick == event.nick && self.text == event.text
    }
}

/// What a question for entries is answered with.
pub(super) fn entries(answer: Value) -> RedisResult<Vec<Entry>> {
    let Value::Array(entries) = answer else { return Err(nonsense()) };
    entries.into_iter().map(entry).collect()
}

fn entry(value: Value) -> RedisResult<Entry> {
    let Value::Array(parts) = value else { return Err(nonsense()) };
    let Ok([id, Value::Array(fields)]) = <[Value; 2]>::try_from(parts) else { return Err(nonsense()) };
    let id = String::from_redis_value(id)?;
    let seq = id.split('-').next().and_then(|seq| seq.parse().ok()).ok_or_else(nonsense)?;
    let mut entry =
        Entry { seq, at: DateTime::default(), kind: String::new(), nick: String::new(), text: String::new() };
    let mut fields = fields.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        match String::from_redis_value(name)?.as_str() {
            "at" => {
                let micros = i64::from_redis_value(value)?;
                entry.at = stamp::of_micros(micros);
            }
            "kind" => entry.kind = String::from_redis_value(value)?,
            "nick" => entry.nick = String::from_redis_value(value)?,
            "text" => entry.text = String::from_redis_value(value)?,
            // A later version may know more.
            _ => {}
        }
    }
    Ok(entry)
}

fn nonsense() -> RedisError {
    RedisError::from((ErrorKind::UnexpectedReturnType, "this is no stream of a history"))
}
