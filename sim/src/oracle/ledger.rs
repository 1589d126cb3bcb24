//! What the server has seen of each connection.

use std::net::SocketAddr;

use chat_core::{Cause, ConnId, Reason};

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
    /// Whether some of what it sent was no text: it began a handshake that has not ended, or was garbled.
    pub unheard: bool,
    /// All that was written to it.
    pub written: Vec<u8>,
    /// How much of that was credited.
    pub credited: usize,
    /// Which events of rooms are its joins.
    pub(super) joins: Vec<usize>,
    /// Why the engine closed it, if it did.
    pub closed: Option<Reason>,
    /// Whether the engine had it dropped as it was.
    pub dropped: bool,
    /// How it ended, if it has.
    pub ended: Option<Cause>,
}

impl Ledger {
    pub(super) fn new(conn: ConnId, peer: SocketAddr) -> Self {
        let (received, written) = (Vec::new(), Vec::new());
        Self {
            conn,
            peer,
            received,
            finished: false,
            unheard: false,
            written,
            credited: 0,
            joins: Vec::new(),
            closed: None,
            dropped: false,
            ended: None,
        }
    }
}
