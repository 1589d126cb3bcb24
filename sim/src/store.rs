//! A history store made of data: slow, out of order at times, and it outlives the server.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chat_core::{Action, Batch, Found, Kind, LookUp, LookUpError, Query, RoomRecord, StoreAnswer};
use chrono::{DateTime, Utc};

use crate::oracle::line_of;
use crate::plan::Storage;
use crate::tape::Rng;

/// A millisecond.
const MS: u64 = 1_000_000;
/// An answer that is late comes so much later, at least.
const LATE: u64 = 900 * MS;

/// A store, and what it has been asked.
#[derive(Debug)]
pub(crate) struct Store {
    storage: Storage,
    chance: Rng,
    disk: Disk,
    /// Batches that are not on the disk, and when they will be.
    batches: VecDeque<(u64, Batch)>,
    /// Look-ups, and when and how they are answered.
    look_ups: Vec<(u64, Fate, LookUp)>,
    /// Rooms of which nothing is taken until they are looked up,
    barred: BTreeSet<String>,
    /// and all rooms that were, each behind a batch.
    reads: VecDeque<(u64, String)>,
    /// The last batch on the disk, as this server counts them.
    stored: u64,
    /// It does nothing before this.
    out_until: u64,
}

/// What becomes of a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    Failed,
}

/// What is lasting.
#[derive(Debug, Default)]
struct Disk {
    rooms: BTreeMap<String, Room>,
    /// Keys of rooms that were forgotten: whoever is there goes on counting, and whoever comes anew begins at 1.
    forgotten: BTreeSet<String>,
    /// Every line that was ever stored.
    lines: BTreeSet<String>,
    /// What should not have been stored as it was.
    wrong: Option<String>,
}

#[derive(Debug, Default)]
struct Room {
    seq: u64,
    topic: Option<String>,
    events: VecDeque<RoomRecord>,
}

impl Store {
    pub(crate) fn new(storage: Storage, seed: u64) -> Self {
        Self {
            storage,
            chance: Rng::new(!seed),
            disk: Disk::default(),
            batches: VecDeque::new(),
            look_ups: Vec::new(),
            barred: BTreeSet::new(),
            reads: VecDeque::new(),
            stored: 0,
            out_until: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.draw() % bound.max(1)
    }

    fn one_in(&mut self, count: u32) -> bool {
        count > 0 && self.below(count.into()) == 0
    }

    /// Takes what the engine asks of it.
    pub(crate) fn take(&mut self, now: u64, action: &Action) {
        let (least, most) = self.storage.delay;
        let delay = least + self.below(most - least + 1);
        match action {
            Action::Store(batch) => {
                if self.one_in(self.storage.outages) {
                    self.out_until = self.out_until.max(now + self.below(self.storage.longest));
                }
                let before = self.batches.back().map_or(0, |(due, _)| *due);
                let due = (now + delay).max(before).max(self.out_until);
                self.batches.push_back((due, batch.clone()));
            }
            Action::LookUp(look_up) => {
                if let Query::Room { key, .. } = &look_up.query {
                    self.reads.push_back((look_up.after, key.clone()));
                }
                let out = now < self.out_until;
                let (mut due, mut fate) = (now + delay, Fate::Answered);
                if self.one_in(if out { 3 } else { self.storage.failures }) {
                    fate = Fate::Failed;
                } else if self.one_in(if out { 3 } else { self.storage.losses }) {
                    return;
                } else if out {
                    due = due.max(self.out_until);
                } else if self.one_in(self.storage.losses) {
                    due += LATE + self.below(8_000 * MS);
                }
                self.look_ups.push((due, fate, look_up.clone()));
            }
            _ => {}
        }
    }

    /// When it next has something to say, at the earliest.
    pub(crate) fn next_at(&self) -> Option<u64> {
        let batch = self.batches.front().map(|(due, _)| *due);
        let ready = self.look_ups.iter().filter(|(_, _, look_up)| look_up.after <= self.stored);
        batch.into_iter().chain(ready.map(|(due, ..)| *due)).min()
    }

    /// What it says now.
    pub(crate) fn answers(&mut self, now: u64) -> Vec<StoreAnswer> {
        let mut answers = Vec::new();
        while let Some((_, batch)) = self.batches.pop_front_if(|(due, _)| *due <= now) {
            let rooms = self.refuse_some(&batch);
            // Sometimes it cannot tell whether it has one, and stores it again.
            for _ in 0..=u8::from(self.one_in(8)) {
                self.write(&batch);
            }
            if !rooms.is_empty() {
                answers.push(StoreAnswer::Refused { batch: batch.number, rooms });
            }
            self.stored = batch.number;
            let said = self.storage.delay.1 > 0 && self.one_in(4);
            // What was said of a later one holds for this one, too.
            if !said || self.batches.front().is_none_or(|(due, _)| *due > now) {
                let number = if self.batches.is_empty() && self.one_in(16) { u64::MAX } else { self.stored };
                answers.push(StoreAnswer::Stored(number));
            }
            if self.one_in(16) {
                answers.push(StoreAnswer::Stored(self.stored / 2));
            }
        }
        if self.storage.forgets && self.one_in(4) {
            self.disk.forget_empty();
        }
        let ready = |(due, _, look_up): &(u64, Fate, LookUp), stored| *due <= now && look_up.after <= stored;
        while let Some(index) = self.look_ups.iter().position(|entry| ready(entry, self.stored)) {
            let (_, fate, look_up) = self.look_ups.remove(index);
            let found = match fate {
                Fate::Answered => self.look_up(&look_up.query),
                Fate::Failed => Err(LookUpError::Unavailable),
            };
            answers.push(StoreAnswer::Found { id: look_up.id, found });
        }
        answers
    }

    /// The rooms of which nothing in this batch can be stored.
    fn refuse_some(&mut self, batch: &Batch) -> Vec<String> {
        while let Some((_, key)) = self.reads.pop_front_if(|(after, _)| *after < batch.number) {
            self.barred.remove(&key);
        }
        let mut rooms: Vec<String> = batch.events.iter().map(|event| event.key.to_string()).collect();
        rooms.sort();
        rooms.dedup();
        if self.one_in(self.storage.refusals) {
            let key = &rooms[self.below(rooms.len() as u64) as usize];
            self.barred.insert(key.clone());
            // Another server has said something there, perhaps.
            let others = self.below(3);
            let like = batch.events.iter().find(|event| event.key == *key).expect("it is one of its rooms");
            self.disk.write_elsewhere(like, others, self.storage.keeps);
        }
        rooms.retain(|key| self.barred.contains(key));
        rooms
    }

    /// Stores what can be stored of a batch.
    fn write(&mut self, batch: &Batch) {
        let events = batch.events.iter().filter(|event| !self.barred.contains(&*event.key));
        events.for_each(|event| self.disk.write(event, self.storage.keeps));
    }

    fn look_up(&mut self, query: &Query) -> Result<Found, LookUpError> {
        let cut = self.one_in(4);
        match query {
            Query::Search { .. } if !self.storage.searches => Err(LookUpError::Unsupported),
            Query::Search { key, words, to, count } => {
                let mut events = self.disk.search(key, words, *to);
                let in_time = events.len() > *count || !cut;
                events.truncate(if in_time { *count } else { events.len() / 2 });
                let mut bytes = 0;
                let fits = |event: &&RoomRecord| {
                    bytes += event.nick.len() + event.text.len();
                    bytes <= Query::PART
                };
                let fitting = events.iter().take_while(fits).count().max(1);
                let complete = in_time && fitting >= events.len();
                events.truncate(fitting);
                Ok(Found::Events { events, complete })
            }
            Query::Room { key, last } => {
                // As many as fit.
                let most = if cut { 1 + self.below(*last as u64) as usize } else { *last };
                Ok(self.disk.room(key, most))
            }
            Query::Bounds { key, before } => Ok(Found::Bounds(self.disk.bounds(key, *before))),
            Query::Events { key, from, to } => {
                Ok(Found::Events { events: self.disk.events(key, *from, *to), complete: true })
            }
        }
    }

    /// The server has died: of what was not stored, a part is on the disk.
    pub(crate) fn crash(&mut self) {
        let kept = self.below(self.batches.len() as u64 + 1) as usize;
        self.end(kept);
    }

    /// The server has ended in order, and has waited for its store.
    pub(crate) fn settle(&mut self) {
        self.end(self.batches.len());
    }

    fn end(&mut self, kept: usize) {
        for (_, batch) in std::mem::take(&mut self.batches).into_iter().take(kept) {
            self.refuse_some(&batch);
            self.write(&batch);
        }
        self.look_ups.clear();
        self.barred.clear();
        self.reads.clear();
        self.stored = 0;
    }

    /// From now on it does all it is asked, and at once.
    pub(crate) fn heal(&mut self, now: u64) {
        let Storage { keeps, forgets, searches, .. } = self.storage;
        self.storage = Storage { keeps, forgets, searches, ..Storage::default() };
        self.out_until = now;
        self.batches.iter_mut().for_each(|(due, _)| *due = now.min(*due));
        self.look_ups.iter_mut().for_each(|(due, ..)| *due = now.min(*due));
    }

    /// How far each room has come, by its key.
    pub(crate) fn heads(&self) -> BTreeMap<String, u64> {
        self.disk.rooms.iter().map(|(key, room)| (key.clone(), room.seq)).collect()
    }

    /// What should not have been stored as it was.
    pub(crate) fn wrong(&self) -> Option<&str> {
        self.disk.wrong.as_deref()
    }

    /// Whether an event that is shown so was ever stored.
    pub(crate) fn has(&self, event: &str) -> bool {
        self.disk.lines.contains(event)
    }
}

impl Disk {
    /// An event is known by its room and number: stored twice, it is stored once.
    fn write(&mut self, event: &RoomRecord, keeps: usize) {
        let begins = Room { seq: event.seq.saturating_sub(1), ..Room::default() };
        let begins = if self.forgotten.remove(&*event.key) { begins } else { Room::default() };
        let room = self.rooms.entry(event.key.to_string()).or_insert(begins);
        if event.seq <= room.seq {
            if room.events.iter().any(|stored| stored.seq == event.seq && stored != event) {
                self.wrong.get_or_insert_with(|| format!("another event has the place of {event:?}"));
            }
            return;
        }
        if event.seq != room.seq + 1 {
            let last = room.seq;
            self.wrong.get_or_insert_with(|| format!("{event:?} is stored behind number {last}"));
        }
        room.seq = event.seq;
        if event.kind == Kind::Topic {
            room.topic = Some(event.text.clone());
        }
        room.events.push_back(event.clone());
        if keeps > 0 && room.events.len() > keeps {
            room.events.pop_front();
        }
        self.lines.extend(line_of(event));
    }

    /// Forgets rooms in which nobody ever said anything.
    fn forget_empty(&mut self) {
        let is_empty =
            |room: &Room| room.topic.is_none() && !room.events.iter().any(|event| event.kind.is_talk());
        let empty: Vec<String> =
            self.rooms.iter().filter(|(_, room)| is_empty(room)).map(|(key, _)| key.clone()).collect();
        for key in empty {
            self.rooms.remove(&key);
            self.forgotten.insert(key);
        }
    }

    /// So many events of another server, which this one does not know of.
    fn write_elsewhere(&mut self, like: &RoomRecord, count: u64, keeps: usize) {
        for _ in 0..count {
            let seq = self.rooms.get(&*like.key).map_or(0, |room| room.seq) + 1;
            let (nick, text) = ("elsewhere".into(), format!("number {seq}"));
            self.write(&RoomRecord { seq, nick, text, kind: Kind::Said, ..like.clone() }, keeps);
        }
    }

    fn of(&self, key: &str) -> impl DoubleEndedIterator<Item = &RoomRecord> {
        self.rooms.get(key).into_iter().flat_map(|room| &room.events)
    }

    fn room(&self, key: &str, last: usize) -> Found {
        let Some(room) = self.rooms.get(key) else {
            return Found::Room { seq: 0, topic: None, last: Vec::new() };
        };
        let older = room.events.len().saturating_sub(last);
        let last = room.events.iter().skip(older).cloned().collect();
        Found::Room { seq: room.seq, topic: room.topic.clone(), last }
    }

    fn bounds(&self, key: &str, before: Option<DateTime<Utc>>) -> Option<(u64, u64)> {
        let fits = |event: &&RoomRecord| before.is_none_or(|before| event.at < before);
        let mut seqs = self.of(key).filter(fits).map(|event| event.seq);
        let oldest = seqs.next()?;
        Some((oldest, seqs.next_back().unwrap_or(oldest)))
    }

    fn events(&self, key: &str, from: u64, to: u64) -> Vec<RoomRecord> {
        let (mut events, mut bytes) = (Vec::new(), 0);
        for event in self.of(key).filter(|event| (from..=to).contains(&event.seq)) {
            bytes += event.text.len();
            if bytes > Query::PART && !events.is_empty() {
                break;
            }
            events.push(event.clone());
        }
        events
    }

    fn search(&self, key: &str, words: &str, to: u64) -> Vec<RoomRecord> {
        let said = [Kind::Said, Kind::Acted, Kind::Topic];
        let fits = |event: &&RoomRecord| {
            let all = words.split(' ').all(|word| event.text.contains(word));
            event.seq <= to && all && said.contains(&event.kind)
        };
        self.of(key).rev().filter(fits).cloned().collect()
    }
}
