//! A history store that answers as the tape likes: at once, later, twice, wrongly, or never.

use std::collections::{BTreeMap, VecDeque};

use chat_core::{Batch, Found, LookUp, LookUpError, Query, RoomRecord, StoreAnswer};

/// Bytes of text in one answer, so that long answers have several parts.
const PART: usize = 200;

/// What was stored, and what is not answered yet.
#[derive(Default)]
pub(crate) struct Store {
    /// Whether answers are given when the tape says so, and not at once.
    pub(crate) slow: bool,
    /// By key.
    rooms: BTreeMap<String, Vec<RoomRecord>>,
    /// The batch of each event.
    batch_of: BTreeMap<(String, u64), u64>,
    waiting: VecDeque<Wish>,
    /// The last batch that was handed over, and the last one that is answered.
    batches: u64,
    stored: u64,
    /// It has said of batches that they are stored before it had them, such as those that were sealed and not taken.
    ahead: bool,
}

/// Something that was asked.
#[derive(Clone)]
enum Wish {
    Store(u64),
    LookUp(LookUp),
}

impl Store {
    /// Takes a batch; batches, and events of a room, come in their order.
    pub(crate) fn store(&mut self, Batch { number, events }: Batch) {
        assert_eq!(number, self.batches + 1, "batches are numbered from 1");
        assert!(!events.is_empty(), "no batch of nothing");
        self.batches = number;
        for event in events {
            let room = self.rooms.entry(event.key.to_string()).or_default();
            let before = room.last().map_or(0, |last| last.seq);
            assert_eq!(event.seq, before + 1, "{event:?} comes behind all that was stored of its room");
            self.batch_of.insert((event.key.to_string(), event.seq), number);
            room.push(event);
        }
        self.waiting.push_back(Wish::Store(number));
    }

    /// Takes a question, which is asked behind no batch that is not there.
    pub(crate) fn look_up(&mut self, look_up: LookUp) {
        assert!(look_up.after <= self.batches, "{look_up:?} is behind {} batches", self.batches);
        self.waiting.push_back(Wish::LookUp(look_up));
    }

    /// Whether the engine has been told that this event is stored.
    pub(crate) fn is_stored(&self, event: &RoomRecord) -> bool {
        let batch = self.batch_of.get(&(event.key.to_string(), event.seq));
        self.ahead || batch.is_some_and(|&batch| batch <= self.stored)
    }

    /// The next answer of a store that answers everything.
    pub(crate) fn answer_next(&mut self) -> Option<StoreAnswer> {
        let wish = self.waiting.pop_front()?;
        Some(self.answer(&wish))
    }

    /// An answer to one of those that wait, chosen and given as these bytes say.
    pub(crate) fn answer_some(&mut self, which: u8, how: u8) -> Option<StoreAnswer> {
        let index = usize::from(which) % self.waiting.len().max(1);
        let wish = self.waiting.get(index)?.clone();
        match (how & 7, &wish) {
            // As if it had never been asked.
            (5, Wish::LookUp(_)) => drop(self.waiting.remove(index)),
            (6, Wish::LookUp(LookUp { id, .. })) => {
                let found = Err(LookUpError::Unavailable);
                return Some(StoreAnswer::Found { id: *id, found });
            }
            (7, Wish::LookUp(LookUp { id, .. })) => {
                let found = Err(LookUpError::Unsupported);
                return Some(StoreAnswer::Found { id: *id, found });
            }
            // It will be answered again.
            (4, _) => {}
            _ => {
                self.waiting.remove(index);
                return Some(self.answer(&wish));
            }
        }
        (how & 7 == 4).then(|| self.answer(&wish))
    }

    /// An answer that nobody asked for.
    pub(crate) fn nonsense(&mut self, byte: u8) -> StoreAnswer {
        let number = u64::from(byte >> 2);
        match byte & 3 {
            0 => self.stored_to(number),
            1 => StoreAnswer::Found { id: number, found: Err(LookUpError::Unavailable) },
            2 if byte & 4 == 0 => StoreAnswer::Refused { batch: number >> 1, rooms: vec!["#lobby".into()] },
            2 => StoreAnswer::Found { id: number, found: Ok(Found::Bounds(Some((1, number)))) },
            _ => StoreAnswer::Found { id: u64::MAX - number, found: Ok(Found::Bounds(None)) },
        }
    }

    /// All is stored.
    pub(crate) fn stored_all(&mut self) -> StoreAnswer {
        self.stored_to(u64::MAX)
    }

    fn stored_to(&mut self, number: u64) -> StoreAnswer {
        self.ahead |= number > self.batches;
        self.stored = self.stored.max(number.min(self.batches));
        StoreAnswer::Stored(number)
    }

    fn answer(&mut self, wish: &Wish) -> StoreAnswer {
        match wish {
            Wish::Store(number) => self.stored_to(*number),
            Wish::LookUp(look_up) => {
                StoreAnswer::Found { id: look_up.id, found: Ok(self.find(&look_up.query)) }
            }
        }
    }

    fn find(&self, query: &Query) -> Found {
        let room = |key: &String| self.rooms.get(key).map_or(&[][..], Vec::as_slice);
        match query {
            Query::Room { key, last } => {
                let events = room(key);
                let topic = events.iter().rev().find(|event| event.kind == chat_core::Kind::Topic);
                let topic = topic.map(|event| event.text.clone());
                let seq = events.last().map_or(0, |event| event.seq);
                Found::Room { seq, topic, last: events[events.len().saturating_sub(*last)..].to_vec() }
            }
            Query::Bounds { key, before } => {
                let events = room(key).iter().filter(|event| before.is_none_or(|before| event.at < before));
                let bounds = events.fold(None, |bounds: Option<(u64, u64)>, event| {
                    Some((bounds.map_or(event.seq, |(first, _)| first), event.seq))
                });
                Found::Bounds(bounds)
            }
            Query::Events { key, from, to } => {
                let mut size = 0;
                let fits = |event: &&RoomRecord| {
                    let first = size == 0;
                    size += event.text.len() + 1;
                    first || size <= PART
                };
                let asked = room(key).iter().filter(|event| (*from..=*to).contains(&event.seq));
                Found::Events { events: asked.take_while(fits).cloned().collect(), complete: true }
            }
            Query::Search { key, words, to, count } => {
                let fits = |event: &&RoomRecord| {
                    let has = |word| event.text.split_whitespace().any(|other| other == word);
                    event.seq <= *to && event.kind.is_talk() && words.split(' ').all(has)
                };
                let mut size = 0;
                let is_shown = |event: &&RoomRecord| {
                    let first = size == 0;
                    size += event.nick.len() + event.text.len() + 1;
                    first || size <= PART
                };
                let found = room(key).iter().rev().filter(fits).take(*count).take_while(is_shown);
                Found::Events { events: found.cloned().collect(), complete: words.len() % 2 == 0 }
            }
        }
    }
}
