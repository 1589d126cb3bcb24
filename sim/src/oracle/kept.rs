//! G7: what anybody has seen of a room was stored before, and all that rooms say is handed over once, in order.
//!
//! All that this takes from the model is which names are the same room's, and how an event is written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chat_core::{Action, Batch, Found, LookUp, Query, RoomRecord, StoreAnswer, StoreMode};

use super::model::{encoded, room_key};
use super::telnet::without_answers;

/// What is known of the store.
#[derive(Debug)]
pub(super) struct Kept {
    /// Nothing may be seen before it is stored.
    first: bool,
    /// The number of the next event of each room, by its key.
    next: BTreeMap<String, u64>,
    /// The last look-up of each room that is not answered.
    reads: BTreeMap<String, u64>,
    emitted: u64,
    /// Those that are not stored.
    batches: VecDeque<Batch>,
    /// Lines of what is stored.
    lines: BTreeSet<String>,
}

impl Kept {
    pub(super) fn new(mode: Option<StoreMode>) -> Self {
        Self {
            first: mode == Some(StoreMode::StoreFirst),
            next: BTreeMap::new(),
            reads: BTreeMap::new(),
            emitted: 0,
            batches: VecDeque::new(),
            lines: BTreeSet::new(),
        }
    }

    /// How far each room had come, by its key, before the server started.
    pub(super) fn resume(&mut self, heads: BTreeMap<String, u64>) {
        self.next = heads.into_iter().map(|(key, head)| (key, head + 1)).collect();
    }

    /// Something is handed over.
    pub(super) fn check_action(&mut self, action: &Action) -> Result<(), String> {
        let batch = match action {
            Action::Store(batch) => batch,
            Action::LookUp(LookUp { id, query: Query::Room { key, .. }, .. }) => {
                self.reads.insert(key.clone(), *id);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if batch.number != self.emitted + 1 || batch.events.is_empty() {
            return Err(format!(
                "batch {} with {} events after {}",
                batch.number,
                batch.events.len(),
                self.emitted
            ));
        }
        self.emitted = batch.number;
        for event in &batch.events {
            let next = self.next.entry(event.key.to_string()).or_insert(1);
            if event.seq != *next {
                return Err(format!("{event:?} is handed over, and {next} is next"));
            }
            *next += 1;
        }
        self.batches.push_back(batch.clone());
        Ok(())
    }

    pub(super) fn answered(&mut self, answer: &StoreAnswer) {
        match answer {
            StoreAnswer::Stored(number) => {
                while let Some(batch) = self.batches.pop_front_if(|batch| batch.number <= *number) {
                    self.add(&batch.events);
                }
            }
            StoreAnswer::Refused { batch, rooms } => {
                if let Some(refused) = self.batches.iter_mut().find(|known| known.number == *batch) {
                    refused.events.retain(|event| !rooms.iter().any(|room| *room == event.key));
                }
            }
            StoreAnswer::Found { found: Ok(Found::Events { events, .. }), .. } => self.add(events),
            StoreAnswer::Found { id, found: Ok(Found::Room { seq, last, .. }) } => {
                let asked = self.reads.iter().find(|&(_, read)| read == id);
                if let Some(key) = asked.map(|(key, _)| key.clone()) {
                    self.reads.remove(&key);
                    self.next.insert(key, seq + 1);
                }
                self.add(last);
            }
            StoreAnswer::Found { .. } => {}
        }
    }

    fn add(&mut self, events: &[RoomRecord]) {
        if self.first {
            self.lines.extend(events.iter().filter_map(line_of));
        }
    }

    /// Whatever of this is an event of a room, was stored before.
    pub(super) fn check_written(&self, written: &[u8]) -> Result<(), String> {
        if !self.first {
            return Ok(());
        }
        let text = without_answers(written).unwrap_or_default();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            if event_line(&line).is_some_and(|event| !self.lines.contains(&event)) {
                return Err(format!("is shown what is not stored: {line:?}"));
            }
        }
        Ok(())
    }
}

/// An event as [`event_line`] has it.
pub(crate) fn line_of(record: &RoomRecord) -> Option<String> {
    event_line(&String::from_utf8(encoded(record)).expect("what is written is UTF-8"))
}

/// A line, if it shows an event of a room: however that room's name was written then.
pub(crate) fn event_line(line: &str) -> Option<String> {
    let (stamp, rest) = line.split_at_checked(11).filter(|(stamp, _)| stamp.starts_with('['))?;
    let (room, what) = rest.split_once(' ').filter(|(room, _)| room.starts_with('#'))?;
    Some(format!("{stamp}{} {what}", room_key(room)?))
}
