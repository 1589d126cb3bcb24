//! What must be true of every run, checked with every step of it.

mod marks;

use std::fmt;
use std::net::SocketAddr;

use chat_core::{Action, Cause, Config, ConnId, Engine, Now, Reason};
use chat_driver::{Input, Observer};
pub use marks::{Mark, Marks};

/// A promise of `design.md`, section 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// G1: each member sees its room's one sequence, without gap, repeat or reordering.
    Order,
    /// G2: what one connection sends takes effect in the order sent.
    SenderOrder,
    /// G3: names are unique, and joins, leaves and renames are announced once.
    Names,
    /// G4: everything opened is closed once, and all it held is released.
    NoGhosts,
    /// G5: memory has limits, and a slow reader delays nobody.
    Bounded,
    /// G6: stamps never go back, deadlines run on monotonic time.
    Time,
    /// G8: nothing panics or wedges the engine.
    Robust,
    /// G9: when faults end, what is said arrives.
    Live,
    /// G10: the same again gives the same again.
    Repeatable,
}

/// A promise that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// How, in one line.
    pub how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.how)
    }
}

/// One connection, as the server has seen it.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// What the engine calls it.
    pub conn: ConnId,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// All that was received from it.
    pub received: Vec<u8>,
    /// Whether its end of input was seen.
    pub finished: bool,
    /// All that was written to it.
    pub written: Vec<u8>,
    /// How much of that was credited.
    pub credited: usize,
    /// Why the engine closed it, if it did.
    pub closed: Option<Reason>,
    /// How it ended, if it has.
    pub ended: Option<Cause>,
}

/// Holds every step of an engine against a reference model of it.
#[derive(Debug)]
pub struct Oracle {
    broken: Option<Broken>,
    marks: Marks,
    ledgers: Vec<Ledger>,
}

impl Oracle {
    /// For an engine of this configuration. With `recount`, the engine's own books are recounted after each
    /// turn, which takes its time.
    #[must_use]
    pub fn new(_config: &Config, _recount: bool) -> Self {
        Self { broken: None, marks: Marks::default(), ledgers: Vec::new() }
    }

    /// The first promise that was broken.
    #[must_use]
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// Reports a promise that was broken outside the engine. The first one counts.
    pub fn accuse(&mut self, promise: Promise, how: impl Into<String>) {
        self.broken.get_or_insert(Broken { promise, how: how.into() });
    }

    /// The situations that were met.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// Notes a situation that only the world around the engine can see.
    pub fn mark(&mut self, mark: Mark) {
        self.marks.set(mark);
    }

    /// Every connection that there ever was, in the order of their coming.
    #[must_use]
    pub fn ledgers(&self) -> &[Ledger] {
        &self.ledgers
    }

    /// The connections (as indexes of [`ledgers`](Self::ledgers)) of users with a nickname who can be talked
    /// to, each with a room it is in, if any.
    #[must_use]
    pub fn chatting(&self) -> Vec<(usize, Option<String>)> {
        Vec::new()
    }
}

impl Observer for Oracle {
    fn handled(&mut self, _now: Now, _input: Input<'_>, _engine: &Engine) {}

    fn polled(&mut self, _action: Option<&Action>, _engine: &Engine) {}
}
