//! Where the engine's history is stored: somebody else's thread, mostly.

use std::time::Duration;

use chat_core::{Batch, LookUp, Mono, StoreAnswer};

/// How long nothing is read while something is being stored: longer than a commit that does not wait for a disk. One that does
/// had better overlap with reading.
const PAUSE: Duration = Duration::from_millis(2);

/// Takes what the engine wants stored or looked up, in that order, without waiting for anything.
///
/// It answers with [`Handle::store_answered`](crate::Handle::store_answered), from any thread: at once, later, or never.
pub trait HistoryStore {
    /// Make this lasting.
    fn store(&mut self, batch: Batch);

    /// Look this up.
    fn look_up(&mut self, look_up: LookUp);
}

/// What the store was handed and has not stored, and for how long.
///
/// Who speaks while that is being stored is read together with those who answer to it: they make one turn, one commit, and
/// one write to each member. Otherwise a crowd falls into two halves that take turns for ever, one being stored while the
/// other is read.
#[derive(Default)]
pub(crate) struct Storing {
    /// The number of the last batch that was handed over.
    handed: u64,
    /// Since when there has always been something to store without an answer.
    since: Option<Mono>,
}

impl Storing {
    pub(crate) fn hand(&mut self, batch: u64, now: Mono) {
        self.handed = batch;
        self.since.get_or_insert(now);
    }

    pub(crate) fn hear(&mut self, answer: &StoreAnswer, now: Mono) {
        if let StoreAnswer::Stored(batch) = *answer {
            self.since = (batch < self.handed).then_some(now);
        }
    }

    /// Until when nothing is to be read, if that lies ahead.
    pub(crate) fn pause(&self, now: Mono) -> Option<Mono> {
        self.since.map(|since| since.after(PAUSE)).filter(|&until| now < until)
    }
}
