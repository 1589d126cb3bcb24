//! What a client has seen of a connection, held against what the engine meant.

use std::net::SocketAddr;

use chat_core::Cause;

use crate::oracle::{Broken, Ledger, Promise};

/// What a client has seen of one connection.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// Whose it was.
    pub client: usize,
    /// Where it came from; none, if it was never made.
    pub from: Option<SocketAddr>,
    /// All that was sent.
    pub sent: Vec<u8>,
    /// Whether the client ended its sending side.
    pub finished: bool,
    /// All that was received.
    pub received: Vec<u8>,
    /// Whether the client saw the server end it.
    pub eof: bool,
    /// Whether the client cut it short, or saw it fail.
    pub cut: bool,
}

impl Transcript {
    /// Whether what went over the wire is what the engine meant, both ways. `reachable`: nothing is lost for
    /// good on the way between them.
    ///
    /// # Errors
    /// The promise that was broken.
    pub fn check(&self, ledger: &Ledger, reachable: bool) -> Result<(), Broken> {
        self.compare(ledger, reachable).map_err(|(promise, how)| Broken {
            promise,
            how: format!("client {}, from {:?}: {how}", self.client, self.from),
        })
    }

    fn compare(&self, ledger: &Ledger, reachable: bool) -> Result<(), (Promise, String)> {
        let (sent, received) = (self.sent.len(), self.received.len());
        if !ledger.written.starts_with(&self.received) {
            return Err((Promise::Order, format!("the {received} bytes received are not what was written")));
        }
        if !self.sent.starts_with(&ledger.received) {
            let how = format!("the engine got {} bytes that were not sent so", ledger.received.len());
            return Err((Promise::SenderOrder, how));
        }
        if self.eof && reachable && received != ledger.credited {
            let how = format!("a clean end after {received} bytes of {}", ledger.credited);
            return Err((Promise::Order, how));
        }
        let polite = ledger.closed.is_some() && !ledger.dropped && ledger.ended == Some(Cause::Closed);
        if self.eof && reachable && polite && received != ledger.written.len() {
            let how = format!("a goodbye after {received} bytes of {}", ledger.written.len());
            return Err((Promise::NoGhosts, how));
        }
        if ledger.finished && !ledger.unheard && ledger.received.len() != sent {
            let how = format!("the engine got {} bytes of {sent} before the end", ledger.received.len());
            return Err((Promise::SenderOrder, how));
        }
        let over = self.eof || self.cut || !reachable;
        if over && ledger.ended.is_none() {
            return Err((Promise::NoGhosts, "is over, but not for the engine".into()));
        }
        // The engine may have closed first, and then reads no more.
        let failed = ledger.ended.filter(|&cause| cause != Cause::Panicked);
        if self.finished && !self.cut && reachable && ledger.closed.is_none() && failed.is_some() {
            let how = format!("it ended politely, and was cut off: {:?}", ledger.ended);
            return Err((Promise::SenderOrder, how));
        }
        Ok(())
    }
}
