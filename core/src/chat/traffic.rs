//! How much is said.

use super::notice::Kind;

/// What users have said since the engine was made, in numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages: what was said or acted in a room, or told one user.
    pub messages: u64,
    /// Deliveries of messages: one of them to one user. Nobody is delivered their own words.
    pub deliveries: u64,
}

impl Traffic {
    /// Counts what a member of a room says to so many `members`, itself included; a topic is no message.
    ///
    /// The deliveries are counted here, and not where they are made: that would be work for each of them.
    pub(super) fn count_said(&mut self, kind: Kind, members: usize) {
        if matches!(kind, Kind::Said | Kind::Acted) {
            self.messages += 1;
            self.deliveries += members as u64 - 1;
        }
    }

    /// Counts what one user tells another.
    pub(super) fn count_private(&mut self) {
        self.messages += 1;
        self.deliveries += 1;
    }
}
