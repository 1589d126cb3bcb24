//! Everything that was seen anywhere, in order, with its time: what two runs of one seed are compared by.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The log of a run, shared by all who write to it. They take turns: a run has one thread.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<String>>);

impl Trace {
    /// Adds what `who` saw at this moment.
    pub(crate) fn note(&self, who: &str, what: &dyn fmt::Display) {
        let at = now();
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(text, "{:>4}.{:06} {who}: {what}", at.as_secs(), at.subsec_micros())
            .expect("a String takes all that is written");
    }

    /// The log: one line for each observation.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A digest of the log (64-bit FNV-1a): the same on every machine, unlike the standard library's.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.text()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// Simulated time since the run began. Within a simulated host only.
pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().expect("the caller runs on a simulated host")
}
