//! The rooms' own sequences, as the server logs them: what every transcript is held against.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};

use crate::adapters::trace::Trace;

/// Whose log lines count.
const TARGET: &str = "chat_driver";

/// One event in the sequence of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The room.
    pub room: String,
    /// Its place in the room's sequence.
    pub seq: u64,
    /// The server's stamp, as users see it.
    pub stamp: String,
    /// Who did it.
    pub nick: String,
    /// What it was: `said`, `joined`, `left`.
    pub kind: String,
    /// What was said, or why somebody left.
    pub text: String,
}

impl Record {
    /// Whether a room begins with it.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.seq == 1
    }

    /// The line that a member of the room is to get.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { room, stamp, nick, kind, text, .. } = self;
        match kind.as_str() {
            "said" => format!("[{stamp}] {room} <{nick}> {text}"),
            "joined" => format!("[{stamp}] {room} -- {nick} joined"),
            "left" => format!("[{stamp}] {room} -- {nick} left ({text})"),
            other => panic!("no client of the simulation makes an event of the kind {other:?}"),
        }
    }
}

/// What the server logged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// What happened in rooms.
    pub(crate) records: Vec<Record>,
    /// Connections that were accepted,
    pub(crate) opened: Vec<String>,
    /// and that ended.
    pub(crate) closed: Vec<String>,
}

/// Listens to the server's log, and copies it into the trace.
pub(crate) struct Recorder {
    log: Arc<Mutex<Log>>,
    trace: Trace,
}

impl Recorder {
    pub(crate) fn new(trace: Trace) -> Self {
        Self { log: Arc::default(), trace }
    }

    /// The log, for when the recorder has been given away.
    pub(crate) fn log(&self) -> Arc<Mutex<Log>> {
        Arc::clone(&self.log)
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with(TARGET)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.trace.note("server", &line.text);
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match line.message.as_str() {
            "connected" => log.opened.push(line.conn),
            "disconnected" => log.closed.push(line.conn),
            "room" => log.records.push(line.record),
            _ => {}
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        unreachable!("spans are not enabled")
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// One line of the log, taken apart.
#[derive(Default)]
struct Line {
    text: String,
    message: String,
    conn: String,
    record: Record,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        write!(self.text, "{}={value} ", field.name()).expect("a String takes all that is written");
        let target = match field.name() {
            "message" => &mut self.message,
            "conn" => &mut self.conn,
            "room" => &mut self.record.room,
            "seq" => return self.record.seq = value.parse().expect("a sequence is a number"),
            "at" => &mut self.record.stamp,
            "nick" => &mut self.record.nick,
            "kind" => &mut self.record.kind,
            "text" => &mut self.record.text,
            _ => return,
        };
        *target = match field.name() {
            "at" => time_of_day(&value).to_owned(),
            // The simulation's texts have nothing in them that the log would escape.
            _ => value.trim_matches('"').to_owned(),
        };
    }
}

/// `HH:MM:SS` out of `YYYY-MM-DD HH:MM:SS.f UTC`.
fn time_of_day(at: &str) -> &str {
    &at["YYYY-MM-DD ".len()..][.."HH:MM:SS".len()]
}
