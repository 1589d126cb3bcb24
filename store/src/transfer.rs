//! Export and import: JSON, one object a line.
//!
//! A line with `seq` is an event: `{"room":"#Lobby","key":"#lobby","seq":1,"at":"2026-01-01T00:00:00.000000Z",
//! "nick":"ann","kind":"said","text":"hi"}`. A line with `newest` says how far a room has come and what its topic is; it
//! comes before the events of its room.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead, Write};

use chat_core::{Found, Kind, Query, RoomRecord};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ReadError, RoomInfo, Store, StoreError};

/// Events of one transaction.
const BATCH: usize = 1_000;
/// The longest line, in bytes: what a server wrote is much shorter, and what is no export may have no end of line.
const MAX_LINE: u64 = 1 << 20;

/// The longest nickname and text, in bytes: what a server lets in is not longer, and some more.
const MAX_NICK: usize = 120;
const MAX_TEXT: usize = 5 << 10;
/// The largest number: half of what a store can take, so that there is as much left for what comes.
const MAX_NUMBER: u64 = 1 << 39;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Event { room: String, key: String, seq: u64, at: String, nick: String, kind: String, text: String },
    Room { room: String, key: String, newest: u64, topic: Option<String> },
}

/// What an export wrote, or an import read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Rooms.
    pub rooms: u64,
    /// Events.
    pub events: u64,
    /// Events that were left out, since this version does not know their kind.
    pub unknown: u64,
    /// Numbers of rooms between their oldest and their newest event that have none: of kinds that this version does not
    /// know, or lost.
    pub missing: u64,
}

/// Writes the history of all rooms, or of the one with this key. Needs memory for a small part of it only.
///
/// # Errors
///
/// If the history cannot be read, there is no such room, or `out` fails.
pub fn export(
    store: &mut dyn Store,
    room: Option<&str>,
    out: &mut dyn Write,
) -> Result<Transferred, ExportError> {
    let mut done = Transferred::default();
    let mut after = String::new();
    loop {
        let rooms = store.rooms(&after)?;
        let Some(last) = rooms.last() else { break };
        after.clone_from(&last.key);
        for info in rooms.iter().filter(|info| room.is_none_or(|key| key == info.key)) {
            export_room(store, info, out, &mut done)?;
        }
    }
    if let Some(key) = room.filter(|_| done.rooms == 0) {
        return Err(ExportError::Store(StoreError::new(format_args!("nothing is known of {key}"))));
    }
    out.flush()?;
    Ok(done)
}

fn export_room(
    store: &mut dyn Store,
    info: &RoomInfo,
    out: &mut dyn Write,
    done: &mut Transferred,
) -> Result<(), ExportError> {
    let RoomInfo { key, name, seq, topic } = info.clone();
    write_line(out, &Line::Room { room: name, key: key.clone(), newest: seq, topic })?;
    done.rooms += 1;
    let mut from = 1;
    while from <= seq {
        let query = Query::Events { key: key.clone(), from, to: seq };
        let Found::Events { events, .. } = store.look_up(&query)? else {
            unreachable!("events are answered with events")
        };
        if events.is_empty() {
            // What is older than all was forgotten.
            done.missing += if from > 1 { seq + 1 - from } else { 0 };
            break;
        }
        for event in events {
            done.missing += if from > 1 { event.seq - from } else { 0 };
            from = event.seq + 1;
            done.events += 1;
            let RoomRecord { room, key, seq, at, nick, kind, text } = event;
            let (room, key, nick, kind) = (room.into(), key.into(), nick.into(), kind.word().into());
            let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
            write_line(out, &Line::Event { room, key, seq, at, nick, kind, text })?;
        }
    }
    Ok(())
}

fn write_line(out: &mut dyn Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Stores what an export wrote. What is there already stays as it is, and so the same import may be done again (but in Redis,
/// once it has forgotten the oldest of it: nothing older than what a stream has can be put into it). Needs
/// memory for a small part of it only.
///
/// # Errors
///
/// If a line is none of an export, `input` fails, or the store does: with the number of the line. What came before it
/// may be stored, or not.
pub fn import(store: &mut dyn Store, input: &mut dyn BufRead) -> Result<Transferred, ImportError> {
    let mut importing =
        Importing { store, events: Vec::new(), rooms: HashMap::new(), done: Transferred::default() };
    let mut bytes = Vec::new();
    let mut number = 0;
    loop {
        number += 1;
        let fail = |reason: String| ImportError { line: number, reason };
        bytes.clear();
        let read = io::Read::take(&mut *input, MAX_LINE).read_until(b'\n', &mut bytes);
        if read.map_err(|error| fail(error.to_string()))? == 0 {
            importing.flush().map_err(|error| fail(error.to_string()))?;
            return Ok(importing.done);
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        // What editors on Windows put in front of UTF-8.
        let text = if number == 1 { bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes) } else { &bytes };
        let line = serde_json::from_slice(text).map_err(|_| fail(explain(text)))?;
        importing.take(line).map_err(fail)?;
    }
}

struct Importing<'a> {
    store: &'a mut dyn Store,
    events: Vec<RoomRecord>,
    /// Rooms of the events that wait, to be restored after them.
    rooms: HashMap<String, RoomInfo>,
    done: Transferred,
}

impl Importing<'_> {
    fn take(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Room { room, key, newest, topic } => {
                check_room(&room, &key)?;
                check_text("topic", topic.as_deref().unwrap_or_default())?;
                // Of a room of which nothing was stored, there is only the name.
                check_number("newest", newest.max(1))?;
                self.done.rooms += 1;
                self.rooms.insert(key.clone(), RoomInfo { key, name: room, seq: newest, topic });
            }
            Line::Event { room, key, seq, at, nick, kind, text } => {
                let at = DateTime::parse_from_rfc3339(&at).map_err(|_| format!("at: {at:?} is no time"))?;
                let at = at.with_timezone(&Utc);
                check_room(&room, &key)?;
                check_number("seq", seq)?;
                check_text("text", &text)?;
                if nick.len() > MAX_NICK {
                    return Err(format!("nick: it is longer than {MAX_NICK} bytes"));
                }
                let Some(kind) = Kind::from_word(&kind) else {
                    self.done.unknown += 1;
                    return Ok(());
                };
                self.done.events += 1;
                let (room, key, nick) = (room.into(), key.into(), nick.into());
                self.events.push(RoomRecord { room, key, seq, at, nick, kind, text });
            }
        }
        if self.events.len() >= BATCH || self.rooms.len() >= BATCH {
            self.flush().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Rooms come last: a room that is as far as its number says has every event that will come.
    fn flush(&mut self) -> Result<(), StoreError> {
        if !self.events.is_empty() {
            self.store.write(&self.events)?;
            self.events.clear();
        }
        for room in self.rooms.drain().map(|(_, room)| room) {
            self.store.restore(&room)?;
        }
        Ok(())
    }
}

fn check_room(name: &str, key: &str) -> Result<(), String> {
    match chat_core::room_key(name) {
        Some(of_name) if of_name == key => Ok(()),
        Some(of_name) => Err(format!("key: that of {name:?} is {of_name:?}, and not {key:?}")),
        None => Err(format!("room: {name:?} is no name of a room")),
    }
}

fn check_number(field: &str, number: u64) -> Result<(), String> {
    if (1..=MAX_NUMBER).contains(&number) {
        Ok(())
    } else {
        Err(format!("{field}: {number} is not from 1 to {MAX_NUMBER}"))
    }
}

fn check_text(field: &str, text: &str) -> Result<(), String> {
    if text.len() <= MAX_TEXT { Ok(()) } else { Err(format!("{field}: it is longer than {MAX_TEXT} bytes")) }
}

/// What is wrong with a line that is neither an event nor a room.
fn explain(line: &[u8]) -> String {
    if line.starts_with(b"\xFF\xFE") || line.starts_with(b"\xFE\xFF") {
        return "this is in UTF-16: save it as UTF-8".into();
    }
    let value = match serde_json::from_slice::<Value>(line) {
        Err(error) if error.is_eof() => return "this is no JSON: it ends too soon".into(),
        Err(error) => return format!("this is no JSON, from column {} on", error.column()),
        Ok(value) => value,
    };
    const TEXT: (&str, fn(&Value) -> bool) = ("text", Value::is_string);
    const NUMBER: (&str, fn(&Value) -> bool) = ("a number from 0 on", Value::is_u64);
    let event = ["at", "nick", "kind", "text"].map(|field| (field, TEXT));
    let others: &[_] = match (value.get("seq"), value.get("newest")) {
        (Some(_), _) => &event,
        (None, Some(_)) => &[("newest", NUMBER)],
        (None, None) => return "this is neither an event, with a seq, nor a room, with a newest".into(),
    };
    let fields = [("room", TEXT), ("key", TEXT), ("seq", NUMBER)];
    let both = if others.len() == event.len() { &fields[..] } else { &fields[..2] };
    for (field, (what, is_good)) in both.iter().chain(others) {
        match value.get(field) {
            None => return format!("{field}: it is missing"),
            Some(value) if !is_good(value) => return format!("{field}: {value} is not {what}"),
            Some(_) => {}
        }
    }
    "topic: it is neither text nor null".into()
}

/// Why an export failed.
#[derive(Debug)]
pub enum ExportError {
    /// The history could not be read.
    Store(StoreError),
    /// It could not be written where it goes.
    Output(io::Error),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        Self::Store(StoreError::new(error))
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExportError {}

/// Why an import failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// The number of the line, from 1.
    pub line: u64,
    /// What was wrong.
    pub reason: String,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ImportError {}
