//! The history store of a server, if it has one: how fast it is, and what goes wrong with it.

use std::fmt;

use chat_core::StoreMode;

use crate::tape::Draws;

/// A millisecond, and a second.
const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// What a store is like. Times are in nanoseconds; of what happens once in so many times, 0 is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// How long it takes for anything, at least and at most.
    pub delay: (u64, u64),
    /// Once in so many batches it is out of order for a while,
    pub outages: u32,
    /// for so long at most.
    pub longest: u64,
    /// Once in so many look-ups it fails,
    pub failures: u32,
    /// or never answers, or too late.
    pub losses: u32,
    /// Once in so many batches it can never store what one of its rooms said.
    pub refusals: u32,
    /// How many events of a room it keeps; 0: all of them.
    pub keeps: usize,
    /// Whether it forgets rooms of which nothing is worth keeping.
    pub forgets: bool,
    /// Whether it can search.
    pub searches: bool,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            delay: (0, 0),
            outages: 0,
            longest: 0,
            failures: 0,
            losses: 0,
            refusals: 0,
            keeps: 0,
            forgets: false,
            searches: true,
        }
    }
}

impl Storage {
    pub(super) fn from_tape(speed: &mut Draws<'_>, faults: &mut Draws<'_>) -> Self {
        let delay = *speed.pick(&[
            (0, 0),
            (0, MS),
            (MS, 20 * MS),
            (5 * MS, 5 * MS),
            (0, 300 * MS),
            (100 * MS, 2 * S),
            (S, 7 * S),
        ]);
        let (keeps, searches) = (*speed.pick(&[0, 0, 50, 0, 7]), !speed.one_in(8));
        let calm = Self { delay, keeps, forgets: speed.one_in(3), searches, ..Self::default() };
        match faults.weighted(&[4, 3, 2]) {
            0 => calm,
            1 => Self { outages: 100, longest: 20 * S, failures: 10, losses: 20, refusals: 60, ..calm },
            _ => {
                let (outages, longest) = (4 + faults.below(40) as u32, *faults.pick(&[8 * S, S, 60 * S]));
                let (failures, losses) = (1 + faults.below(8) as u32, 1 + faults.below(8) as u32);
                let refusals = *faults.pick(&[0, 3, 20]);
                Self { outages, longest, failures, losses, refusals, ..calm }
            }
        }
    }
}

/// Whether there is a store, and for how many bytes may be held back.
pub(super) fn mode(draws: &mut Draws<'_>) -> (Option<StoreMode>, usize) {
    use StoreMode::{ShowFirst, StoreFirst};
    let first = Some(StoreFirst);
    let mode = *draws.pick(&[None, first, None, first, Some(ShowFirst), first, None, first]);
    (mode, *draws.pick(&[16 << 20, 1_000, 20_000, 16 << 20, 300, 5_000, 0]))
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            delay: (least, most),
            outages,
            longest,
            failures,
            losses,
            refusals,
            keeps,
            forgets,
            searches,
        } = self;
        let milliseconds = |time: &u64| *time as f64 / MS as f64;
        write!(f, "in {} to {} ms", milliseconds(least), milliseconds(most))?;
        if *keeps > 0 {
            write!(f, ", keeps {keeps} events a room")?;
        }
        if *forgets {
            f.write_str(", forgets rooms in which nobody speaks")?;
        }
        if !searches {
            f.write_str(", cannot search")?;
        }
        if *refusals > 0 {
            write!(f, ", refuses a room once in {refusals} batches")?;
        }
        if *outages > 0 {
            write!(f, ", out of order once in {outages} batches for {} ms", milliseconds(longest))?;
        }
        if *failures > 0 {
            write!(f, ", fails once in {failures} and forgets once in {losses} look-ups")?;
        }
        Ok(())
    }
}
