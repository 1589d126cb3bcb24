//! Connections that are not being read, looked at now and then for a reset: reading would have told.

use std::collections::BTreeSet;
use std::time::Duration;

use chat_core::Mono;

/// How often a paused connection is looked at: often enough that a dead user is gone from the room's list
/// before anybody wonders, rare enough (one system call each) to cost nothing.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// The slots under watch, and when to look next.
#[derive(Default)]
pub(crate) struct Watch {
    slots: BTreeSet<usize>,
    next: Option<Mono>,
}

impl Watch {
    pub(crate) fn add(&mut self, slot: usize, now: Mono) {
        self.slots.insert(slot);
        self.next.get_or_insert_with(|| now.after(WATCH_INTERVAL));
    }

    pub(crate) fn remove(&mut self, slot: usize) {
        self.slots.remove(&slot);
        if self.slots.is_empty() {
            self.next = None;
        }
    }

    /// When to look next; none while nobody is paused.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.next
    }

    /// Whom to look at now: everybody if the time has come, else nobody.
    pub(crate) fn due(&mut self, now: Mono) -> Vec<usize> {
        if self.next.is_none_or(|next| now < next) {
            return Vec::new();
        }
        self.next = Some(now.after(WATCH_INTERVAL));
        self.slots.iter().copied().collect()
    }
}
