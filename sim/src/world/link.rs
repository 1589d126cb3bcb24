//! A connection: bytes under way, and both ends of it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use chat_core::{Cause, ConnId, Reason};

use super::secure::Transport;

/// What goes through a connection in one direction, in order.
#[derive(Clone, Debug)]
pub(super) enum Segment {
    /// The connection itself.
    Syn,
    Data(Vec<u8>),
    Fin,
    Rst,
}

/// One direction: what was sent, and when it arrives.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    under_way: VecDeque<(u64, Segment)>,
    last: u64,
    /// What is sent from now on is lost.
    pub(super) lost: bool,
}

impl Pipe {
    /// Sends; returns when it arrives, unless it is lost. Nothing overtakes what was sent before.
    pub(super) fn send(&mut self, at: u64, segment: Segment) -> Option<u64> {
        if self.lost {
            return None;
        }
        self.last = self.last.max(at);
        self.under_way.push_back((self.last, segment));
        Some(self.last)
    }

    /// What has arrived by `now`.
    pub(super) fn arrived(&mut self, now: u64) -> Option<Segment> {
        self.under_way.pop_front_if(|(at, _)| *at <= now).map(|(_, segment)| segment)
    }
}

/// The state of the server's sending side, as in the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Open,
    /// A FIN follows the outgoing chunk.
    Closing,
    /// It was sent.
    Shut,
    /// Nothing more can be sent.
    Broken(Cause),
}

/// The server's end.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) conn: ConnId,
    pub(super) inbox: VecDeque<u8>,
    /// The peer's FIN lies behind the inbox.
    pub(super) fin: bool,
    /// An error of the socket, behind the inbox.
    pub(super) error: Option<Cause>,
    /// What is left of the one outstanding write.
    pub(super) chunk: Bytes,
    /// Bytes that the kernel has taken and the peer has not read.
    pub(super) unread: usize,
    pub(super) output: Output,
    pub(super) reading: bool,
    pub(super) transport: Transport,
    pub(super) finished: bool,
    pub(super) closed: Option<Reason>,
    /// Its code panics at the next input.
    pub(super) bomb: bool,
    pub(super) ready: bool,
    /// When bytes last came,
    pub(super) heard: u64,
    /// and since when something is not acknowledged.
    pub(super) unacknowledged: Option<u64>,
}

impl Socket {
    pub(super) fn new(conn: ConnId, now: u64) -> Self {
        Self {
            conn,
            inbox: VecDeque::new(),
            fin: false,
            error: None,
            chunk: Bytes::new(),
            unread: 0,
            output: Output::Open,
            reading: true,
            transport: Transport::Open,
            finished: false,
            closed: None,
            bomb: false,
            ready: false,
            heard: now,
            unacknowledged: None,
        }
    }

    /// Whether it reads, if there is something.
    pub(super) fn wants_input(&self) -> bool {
        !self.finished && (self.output != Output::Open || self.reading)
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: usize,
    pub(super) address: SocketAddr,
    pub(super) up: Pipe,
    pub(super) down: Pipe,
    /// The server's end, from its acceptance to its drop.
    pub(super) socket: Option<Socket>,
    /// It came to the server, and was not accepted yet: what it sent waits.
    pub(super) waiting: Option<(VecDeque<u8>, bool, bool)>,
    /// Nothing reaches the peer, or nothing comes from it, since then.
    pub(super) dark_since: Option<u64>,
    /// All that was written to it.
    pub(super) written: Vec<u8>,
    /// All that the client has read of it.
    pub(super) received: usize,
    /// Bytes that lie at the client unread.
    pub(super) pending: VecDeque<u8>,
    /// The server's FIN lies behind them.
    pub(super) fin: bool,
}

impl Link {
    pub(super) fn new(client: usize, address: SocketAddr) -> Self {
        Self {
            client,
            address,
            up: Pipe::default(),
            down: Pipe::default(),
            socket: None,
            waiting: None,
            dark_since: None,
            written: Vec::new(),
            received: 0,
            pending: VecDeque::new(),
            fin: false,
        }
    }
}
