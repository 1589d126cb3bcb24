//! What happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that happens. Connections are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A moment of the plan.
    Moment(usize),
    /// What a client sent arrives.
    ToServer(usize),
    /// What the server sent arrives.
    ToClient(usize),
    /// A handshake is done.
    Secured(usize),
    /// The server's kernel has room again for what it sends.
    Writable(usize),
    /// A client that trickles reads a little.
    Bite(usize),
    /// The server's kernel may have lost patience.
    GiveUp(usize),
    /// The server looks at a connection that it does not read.
    Look(usize),
    /// Other addresses are banned.
    Ban,
    /// A server starts.
    Start,
    /// Nothing but the time.
    Wake,
}

/// All that is still to happen, in the order of time; at one time, in the order in which it was lined up.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(u64, u64, Happening)>>,
    pushed: u64,
    moments: usize,
}

impl Queue {
    pub(super) fn push(&mut self, at: u64, happening: Happening) {
        self.pushed += 1;
        self.moments += usize::from(matches!(happening, Happening::Moment(_)));
        self.heap.push(Reverse((at, self.pushed, happening)));
    }

    /// When the next thing happens.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// What happens until `now`, one thing after the other.
    pub(super) fn pop(&mut self, now: u64) -> Option<Happening> {
        if self.next_at()? > now {
            return None;
        }
        let Reverse((.., happening)) = self.heap.pop()?;
        self.moments -= usize::from(matches!(happening, Happening::Moment(_)));
        Some(happening)
    }

    /// Whether anything of the plan is left.
    pub(super) fn has_moments(&self) -> bool {
        self.moments > 0
    }
}
