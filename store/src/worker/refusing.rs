//! What never can be stored blocks its room alone: the other rooms' events of the same batches are stored.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use chat_core::{Batch, RoomRecord};

use super::writer::{Group, Writer};
use crate::StoreError;

/// How long to say nothing of further rooms that are refused.
const AGAIN: Duration = Duration::from_secs(10);

impl Writer {
    /// Of the first `count` batches, something never can be stored: in the room of this key, or it has to be found out where.
    /// Says whether the rest of them is stored by now; otherwise that is still to be done.
    pub(super) fn refuse(
        &mut self,
        group: &mut Group,
        count: usize,
        room: Option<String>,
        reason: String,
    ) -> Result<bool, StoreError> {
        let events = &group.events[..group.ends[count - 1].0];
        let rooms: BTreeSet<&str> = events.iter().map(|event| &*event.key).collect();
        let (refused, is_stored) = match room.filter(|key| rooms.contains(&**key)) {
            Some(key) => (vec![(key, reason)], false),
            None => {
                let rooms: Vec<String> = rooms.into_iter().map(str::to_owned).collect();
                let mut refused = Vec::new();
                self.store_apart(&rooms, events, reason, &mut refused)?;
                (refused, true)
            }
        };
        for (key, reason) in refused {
            let since = first_batch_of(group, &key);
            self.complain_of(&key, &reason, Instant::now());
            self.barred.bar(key, since);
        }
        self.take_out_barred(group);
        Ok(is_stored)
    }

    /// Stores what these rooms said, but for those of which something never can be: half of the rooms after the other.
    fn store_apart(
        &mut self,
        rooms: &[String],
        events: &[RoomRecord],
        reason: String,
        refused: &mut Vec<(String, String)>,
    ) -> Result<(), StoreError> {
        if let [room] = rooms {
            refused.push((room.clone(), reason));
            return Ok(());
        }
        let (some, others) = rooms.split_at(rooms.len() / 2);
        for rooms in [some, others] {
            let is_theirs = |event: &&RoomRecord| rooms.iter().any(|room| *room == event.key);
            let theirs: Vec<RoomRecord> = events.iter().filter(is_theirs).cloned().collect();
            match self.store.write(&theirs) {
                Err(StoreError::Refused { reason, .. }) => {
                    self.store_apart(rooms, events, reason, refused)?;
                }
                stored => stored?,
            }
        }
        Ok(())
    }

    /// Takes what is barred by now out of all batches.
    fn take_out_barred(&mut self, group: &mut Group) {
        let mut events = std::mem::take(&mut group.events).into_iter();
        let (mut begin, mut left, mut refused) = (0, Vec::new(), VecDeque::new());
        for (end, number) in &mut group.ends {
            let events = events.by_ref().take(*end - begin).collect();
            begin = *end;
            let mut batch = Batch { number: *number, events };
            let mut rooms = self.barred.take_out(&mut batch);
            if let Some((_, before)) = group.refused.pop_front_if(|&mut (before, _)| before == *number) {
                rooms.extend(before);
            }
            if !rooms.is_empty() {
                refused.push_back((*number, rooms));
            }
            left.append(&mut batch.events);
            *end = left.len();
        }
        (group.events, group.refused) = (left, refused);
    }

    /// Says what is refused, and why; of many rooms in a short time, how many.
    fn complain_of(&mut self, room: &str, reason: &str, now: Instant) {
        let (last, more) = &mut self.refusals;
        if last.is_some_and(|last| now < last + AGAIN) {
            *more += 1;
            return;
        }
        tracing::warn!(room, more, "what this room says cannot be stored, and is refused: {reason}");
        *last = Some(now);
        *more = 0;
    }
}

fn first_batch_of(group: &Group, key: &str) -> u64 {
    let place = group.events.iter().position(|event| event.key == key).unwrap_or_default();
    group.ends.iter().find(|&&(end, _)| place < end).map_or(0, |&(_, number)| number)
}
