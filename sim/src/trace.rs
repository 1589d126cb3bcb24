//! Everything that was seen in a run, in order, with its time: what two runs of one tape are compared by.

use std::collections::VecDeque;
use std::fmt;
use std::hash::Hasher;
use std::time::Duration;

/// How much of a trace is kept as text. The digest covers all of it in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Digest,
    /// The last lines.
    Last(usize),
    /// Every line.
    All,
}

/// The log of a run.
#[derive(Clone, Debug)]
pub struct Trace {
    keep: Keep,
    lines: VecDeque<String>,
    digest: Fnv,
    events: u64,
}

impl Trace {
    /// An empty one.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self { keep, lines: VecDeque::new(), digest: Fnv::default(), events: 0 }
    }

    /// Adds what was seen at this simulated time. `what` is hashed; as text it is only wanted if it is kept.
    pub fn note(&mut self, at: Duration, what: &(impl fmt::Display + std::hash::Hash)) {
        self.events += 1;
        self.digest.write_u64(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        what.hash(&mut self.digest);
        let keep = match self.keep {
            Keep::Digest => return,
            Keep::Last(count) => count,
            Keep::All => usize::MAX,
        };
        if self.lines.len() >= keep {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{:>4}.{:09} {what}", at.as_secs(), at.subsec_nanos()));
    }

    /// The lines that were kept.
    #[must_use]
    pub fn lines(&self) -> &VecDeque<String> {
        &self.lines
    }

    /// How many observations there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A digest of all observations: the same on every machine and in every build.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }
}

/// 64-bit FNV-1a. Numbers are taken as little-endian bytes, so that it is the same on every machine.
#[derive(Clone, Copy, Debug)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_i64(&mut self, number: i64) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
