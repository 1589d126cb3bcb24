//! Rooms of which nothing is stored, since something that one of them said never can be: what it says after that is
//! numbered behind it, until the engine has asked how far the room has really come.

use std::collections::{HashMap, VecDeque};

use chat_core::Batch;

/// Which rooms, by their keys, and which ones the engine has asked for.
#[derive(Default)]
pub(super) struct Barred {
    /// From which batch on.
    since: HashMap<String, u64>,
    /// Behind which batch it has asked for which room, in order.
    asked: VecDeque<(u64, String)>,
}

impl Barred {
    /// What this room said in this batch never can be stored.
    pub(super) fn bar(&mut self, key: String, batch: u64) {
        self.since.entry(key).or_insert(batch);
    }

    /// The engine has asked, behind this batch, how far this room has come.
    pub(super) fn asked(&mut self, key: String, after: u64) {
        self.asked.push_back((after, key));
    }

    /// Takes what cannot be stored out of a batch; returns the rooms of it, each once.
    pub(super) fn take_out(&self, batch: &mut Batch) -> Vec<String> {
        let mut rooms: Vec<String> = Vec::new();
        // Nearly always there is nothing to look for.
        if !self.since.is_empty() {
            let number = batch.number;
            batch.events.retain(|event| {
                let is_barred = self.is_barred(&event.key, number);
                if is_barred && !rooms.iter().any(|room| *room == event.key) {
                    rooms.push(event.key.to_string());
                }
                !is_barred
            });
        }
        rooms
    }

    fn is_barred(&self, key: &str, batch: u64) -> bool {
        let Some(&since) = self.since.get(key).filter(|&&since| since <= batch) else { return false };
        let is_over = |(after, room): &(u64, String)| (since..batch).contains(after) && room == key;
        !self.asked.iter().any(is_over)
    }

    /// All batches up to this one are done with.
    pub(super) fn done(&mut self, batch: u64) {
        while let Some((after, key)) = self.asked.pop_front_if(|&mut (after, _)| after <= batch) {
            if self.since.get(&key).is_some_and(|&since| since <= after) {
                self.since.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_core::{Kind, RoomRecord};
    use chrono::DateTime;

    fn refused(barred: &Barred, number: u64) -> bool {
        let event = RoomRecord {
            room: "#tea".into(),
            key: "#tea".into(),
            seq: 1,
            at: DateTime::UNIX_EPOCH,
            nick: "ann".into(),
            kind: Kind::Said,
            text: String::new(),
        };
        let other = RoomRecord { room: "#x".into(), key: "#x".into(), ..event.clone() };
        let mut batch = Batch { number, events: vec![event.clone(), other, event] };
        let rooms = barred.take_out(&mut batch);
        assert_eq!(batch.events.len(), if rooms.is_empty() { 3 } else { 1 });
        !rooms.is_empty()
    }

    #[test]
    fn a_room_is_barred_until_it_was_asked_for() {
        let mut barred = Barred::default();
        // This one was asked before, and so nothing was said that is behind what is refused.
        barred.asked("#tea".into(), 3);
        barred.bar("#tea".into(), 4);
        assert_eq!([3, 4, 5, 9].map(|batch| refused(&barred, batch)), [false, true, true, true]);
        barred.asked("#tea".into(), 6);
        barred.done(4);
        assert_eq!([5, 6, 7].map(|batch| refused(&barred, batch)), [true, true, false]);
        barred.done(6);
        assert!(!refused(&barred, 7));
        assert!(barred.since.is_empty() && barred.asked.is_empty());
    }
}
