//! Reading history: `/history`, `/search`, and the last lines for whoever joins.

use chat_core::{Found, Kind, LookUpError, Query, RoomRecord};
use chrono::{DateTime, NaiveDate, Utc};

use super::answer::{PART, Rest};
use super::opening::unreadable;
use super::{Mark, Model, wire};

/// Events that one `/history` can show,
const MAX_EVENTS: usize = 1_000;
/// that `/history before` shows,
const EVENTS_BEFORE: usize = 20;
/// and lines that `/search` shows.
const MAX_FOUND: usize = 50;
/// Words that it takes, and bytes of them.
const SEARCHED: (usize, usize) = (16, 256);
/// Events among which the last lines are looked for when somebody joins.
const REACH: u64 = 200;

const NO_SEARCH: &str = "! this server cannot search its history";
const TOO_MUCH: &str = "! that is too much to search for: at most 16 words, of 256 bytes together";

/// What is still to be read of a room's history.
#[derive(Debug)]
pub(super) struct Reading {
    key: String,
    what: What,
    /// The day of the entry shown last.
    day: Option<NaiveDate>,
}

#[derive(Debug)]
enum What {
    /// Events from memory; or only what was said among them.
    Memory { next: u64, last: u64, talk: bool },
    /// The last `count` events up to `last`, and before some time: the store knows which these are.
    Last { before: Option<DateTime<Utc>>, count: usize, last: u64 },
    /// Events that the store has.
    Stored { next: u64, last: u64 },
    /// What is to be looked for, up to `last`.
    Sought { words: String, last: u64 },
}

type Part = (Vec<String>, Option<Reading>);

impl Reading {
    fn new(key: &str, what: What) -> Self {
        Self { key: key.to_owned(), what, day: None }
    }

    /// What the store has to be asked for first.
    pub(super) fn query(&self) -> Option<Query> {
        let key = self.key.clone();
        match &self.what {
            What::Last { before, .. } => Some(Query::Bounds { key, before: *before }),
            What::Stored { next, last } => Some(Query::Events { key, from: *next, to: *last }),
            What::Sought { words, last } => {
                Some(Query::Search { key, words: words.clone(), to: *last, count: MAX_FOUND })
            }
            What::Memory { .. } => None,
        }
    }

    /// Shows an entry, as it looks in a room of this name; its day before it, if that is another one.
    fn show(&mut self, record: &RoomRecord, room: &str, lines: &mut Vec<String>) -> usize {
        let record = RoomRecord { room: room.into(), ..record.clone() };
        let day = record.at.date_naive();
        if self.day != Some(day) {
            lines.push(format!("* {}", day.format("%Y-%m-%d")));
        }
        self.day = Some(day);
        lines.push(wire::event(&record));
        record.text.len() + record.room.len() + record.nick.len()
    }
}

impl Model {
    pub(super) fn show_history(&mut self, slot: u32, count: usize) {
        let Some(key) = self.readable_room(slot) else { return };
        let (last, kept, count) = (self.rooms[&key].seq, self.history.count(&key), count.min(MAX_EVENTS));
        let all = kept as u64 == last;
        if kept >= count || all || self.config.store.is_none() {
            return self.show_kept(slot, &key, last, count.min(kept), None);
        }
        self.begin_reading(slot, Reading::new(&key, What::Last { before: None, count, last }));
    }

    pub(super) fn show_history_before(&mut self, slot: u32, before: DateTime<Utc>) {
        let Some(key) = self.readable_room(slot) else { return };
        let last = self.rooms[&key].seq;
        if self.config.store.is_some() {
            let what = What::Last { before: Some(before), count: EVENTS_BEFORE, last };
            return self.begin_reading(slot, Reading::new(&key, what));
        }
        let kept = self.history.count(&key) as u64;
        let event = |seq: u64| self.history.event(&key, seq);
        let older =
            (last - kept + 1..=last).rev().find(|&seq| event(seq).is_some_and(|event| event.at < before));
        let last = older.unwrap_or(last - kept);
        let there = usize::try_from(last - (self.rooms[&key].seq - kept)).expect("memory holds them");
        self.show_kept(slot, &key, last, there.min(EVENTS_BEFORE), Some(before));
    }

    pub(super) fn search(&mut self, slot: u32, words: &str) {
        let Some(key) = self.readable_room(slot) else { return };
        if self.config.store.is_none() {
            return self.tell(slot, NO_SEARCH);
        }
        let (most, most_bytes) = SEARCHED;
        if words.split(char::is_whitespace).filter(|word| !word.is_empty()).count() > most
            || words.len() > most_bytes
        {
            self.marks.set(Mark::SearchTooLong);
            return self.tell(slot, TOO_MUCH);
        }
        let what = What::Sought { words: words.to_owned(), last: self.rooms[&key].seq };
        self.begin_reading(slot, Reading::new(&key, what));
    }

    /// Whoever has just joined is shown what was said last.
    pub(super) fn replay(&mut self, slot: u32, key: &str) {
        let last = self.rooms[key].seq;
        let is_talk = |seq: u64| {
            let kind = self.history.event(key, seq).map(|event| event.kind);
            matches!(kind, Some(Kind::Said | Kind::Acted | Kind::Topic))
        };
        let reach = (last.saturating_sub(REACH) + 1..=last).rev();
        let said: Vec<_> = reach.filter(|&seq| is_talk(seq)).take(self.config.replay).collect();
        let Some(&next) = said.last() else { return };
        self.marks.set(Mark::Replayed);
        let room = &self.rooms[key].name.shown;
        let head = match said.len() {
            1 => format!("* the last line of {room}:"),
            lines => format!("* the last {lines} lines of {room}:"),
        };
        self.tell(slot, &head);
        self.begin_reading(slot, Reading::new(key, What::Memory { next, last, talk: true }));
    }

    /// The key of the current room, if it has a history.
    fn readable_room(&mut self, slot: u32) -> Option<String> {
        let key = self.own_room(slot, None)?;
        if self.history.is_on() || self.config.store.is_some() {
            return Some(key);
        }
        self.tell(slot, "! this server keeps no history");
        None
    }

    fn show_kept(&mut self, slot: u32, key: &str, last: u64, events: usize, before: Option<DateTime<Utc>>) {
        let head = self.head(key, events, before);
        self.tell(slot, &head);
        let what = What::Memory { next: last + 1 - events as u64, last, talk: false };
        self.begin_reading(slot, Reading::new(key, what));
    }

    fn begin_reading(&mut self, slot: u32, reading: Reading) {
        self.begin(slot, Rest::History(reading));
    }

    fn head(&self, key: &str, events: usize, before: Option<DateTime<Utc>>) -> String {
        let (room, events) = (&self.rooms[key].name.shown, wire::count(events, "event"));
        match before {
            None => format!("* history of {room}: the last {events}"),
            Some(before) => {
                format!("* history of {room} before {}: {events}", before.format("%Y-%m-%dT%H:%M"))
            }
        }
    }

    fn tail(&self, key: &str) -> String {
        format!("* end of the history of {}", self.rooms[key].name.shown)
    }

    /// The next part of what is known, and what is then left.
    pub(super) fn part_of_history(&self, reading: Reading) -> Part {
        match reading.what {
            What::Memory { .. } => self.part_of_memory(reading),
            _ => (Vec::new(), Some(reading)),
        }
    }

    fn part_of_memory(&self, mut reading: Reading) -> Part {
        let What::Memory { mut next, last, talk } = reading.what else { unreachable!("it is in memory") };
        let room = &self.rooms[&reading.key].name.shown;
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while next <= last {
            if bytes > PART {
                reading.what = What::Memory { next, last, talk };
                return (lines, Some(reading));
            }
            // It may have been lost to newer ones meanwhile.
            if let Some(record) = self.history.event(&reading.key, next)
                && (!talk || matches!(record.kind, Kind::Said | Kind::Acted | Kind::Topic))
            {
                bytes += reading.show(record, room, &mut lines);
            }
            next += 1;
        }
        lines.push(self.tail(&reading.key));
        (lines, None)
    }

    /// The part that the store's answer makes, and what is then left.
    pub(super) fn part_of_found(&mut self, mut reading: Reading, found: Result<Found, LookUpError>) -> Part {
        let room = self.rooms[&reading.key].name.shown.clone();
        match (&reading.what, found) {
            (&What::Last { before, count, last }, Ok(Found::Bounds(bounds))) => {
                let (first, newest) = bounds.unwrap_or((1, 0));
                let last = last.min(newest);
                let there = if last < first { 0 } else { last - first + 1 };
                let events = count.min(usize::try_from(there).unwrap_or(usize::MAX));
                let mut lines = vec![self.head(&reading.key, events, before)];
                if events == 0 {
                    lines.push(self.tail(&reading.key));
                    return (lines, None);
                }
                reading.what = What::Stored { next: last + 1 - events as u64, last };
                (lines, Some(reading))
            }
            (&What::Stored { last, .. }, Ok(Found::Events { events, .. })) => {
                let mut lines = Vec::new();
                for record in &events {
                    reading.show(record, &room, &mut lines);
                }
                self.marks.set(Mark::ReadFromStore);
                match events.last().map(|record| record.seq) {
                    Some(newest) if newest < last => {
                        reading.what = What::Stored { next: newest + 1, last };
                        (lines, Some(reading))
                    }
                    _ => {
                        lines.push(self.tail(&reading.key));
                        (lines, None)
                    }
                }
            }
            (What::Sought { .. }, Ok(Found::Events { events, complete })) => {
                self.marks.set(if complete { Mark::Searched } else { Mark::SearchCut });
                let mut lines = vec![format!("* found in {room}: {}", wire::count(events.len(), "line"))];
                for record in &events {
                    reading.show(record, &room, &mut lines);
                }
                if !complete {
                    lines.push("* there may be more: search for more words, or for rarer ones".to_owned());
                }
                lines.push(format!("* end of what was found in {room}"));
                (lines, None)
            }
            (What::Sought { .. }, Err(LookUpError::Unsupported)) => (vec![NO_SEARCH.to_owned()], None),
            _ => {
                self.marks.set(Mark::Unreadable);
                (vec![unreadable(&room)], None)
            }
        }
    }
}
