//! What is promised.

use std::any::Any;
use std::fmt;

/// A promise that the server makes.
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
    /// G7: what was seen is stored, all of it, once and in order.
    Kept,
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

impl Broken {
    /// Something panicked that must not.
    pub(crate) fn by_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
        Self { promise: Promise::Robust, how: format!("panicked: {text}") }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.how)
    }
}
