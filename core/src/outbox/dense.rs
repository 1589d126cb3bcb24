//! Small numbers by dense index.

use alloc::vec::Vec;
use core::mem;

/// Nothing is there.
pub(super) const NONE: u32 = u32::MAX;
/// More than one is there.
pub(super) const SEVERAL: u32 = u32::MAX - 1;

/// A map from dense indexes to numbers below [`SEVERAL`].
#[derive(Debug, Default)]
pub(super) struct Dense(Vec<u32>);

impl Dense {
    pub(super) fn get(&self, key: u32) -> u32 {
        self.0.get(key as usize).copied().unwrap_or(NONE)
    }

    pub(super) fn entry(&mut self, key: u32) -> &mut u32 {
        let key = key as usize;
        if key >= self.0.len() {
            self.0.resize(key + 1, NONE);
        }
        &mut self.0[key]
    }

    pub(super) fn get_or_insert(&mut self, key: u32, make: impl FnOnce() -> usize) -> &mut u32 {
        let entry = self.entry(key);
        if *entry == NONE {
            *entry = index_of(make());
        }
        entry
    }

    pub(super) fn take(&mut self, key: u32) -> u32 {
        mem::replace(self.entry(key), NONE)
    }
}

/// A length or a place within one turn.
pub(super) fn index_of(length: usize) -> u32 {
    u32::try_from(length).expect("a turn is far below 4 GiB")
}
