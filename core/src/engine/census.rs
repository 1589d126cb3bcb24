//! What an operator counts: connections by how far they have come, messages, and how old a write is.

use super::Engine;
use super::conn::Phase;
use crate::chat::Traffic;
use crate::event::ConnId;
use crate::time::Mono;

/// The connections of an engine that are not gone, by how far they have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Accepted; no text may flow yet.
    pub handshaking: usize,
    /// Choosing a nickname.
    pub registering: usize,
    /// With a nickname.
    pub chatting: usize,
    /// On their way out.
    pub closing: usize,
}

impl Engine {
    /// Counts the connections. It looks at each of them: not for every turn.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for (_, conn) in self.conns.iter() {
            *match conn.phase {
                Phase::Handshaking { .. } => &mut census.handshaking,
                Phase::Registering(_) => &mut census.registering,
                Phase::Chatting { .. } => &mut census.chatting,
                Phase::Closing(_) | Phase::Closed => &mut census.closing,
            } += 1;
        }
        census
    }

    /// What users have said until now.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.chat.traffic()
    }

    /// When the oldest bytes of a connection's outstanding write were made; none, if nothing is outstanding.
    #[must_use]
    pub fn writing_since(&self, conn: ConnId) -> Option<Mono> {
        if !self.conns.is_known(conn) {
            return None;
        }
        self.conns.get(conn.slot).queue.writing().map(|piece| self.segments.since(piece))
    }
}
