//! Where the engine's history is stored: somebody else's thread, mostly.

use chat_core::{Batch, LookUp};

/// Takes what the engine wants stored or looked up, in that order, without waiting for anything.
///
/// It answers with [`Handle::store_answered`](crate::Handle::store_answered), from any thread: at once, later, or never.
pub trait HistoryStore {
    /// Make this lasting.
    fn store(&mut self, batch: Batch);

    /// Look this up.
    fn look_up(&mut self, look_up: LookUp);
}
