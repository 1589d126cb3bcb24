//! What the engine tells adapters to do.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use crate::event::ConnId;
use crate::store::{Batch, LookUp, RoomRecord};

/// Something for the adapter to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write these bytes, and give them back with [`Wrote`](crate::Event::Wrote) as they leave.
    ///
    /// A connection has at most one outstanding write: the next comes after this one is wholly credited.
    Write {
        /// To whom.
        conn: ConnId,
        /// What; never empty.
        bytes: Bytes,
    },
    /// Stop or resume reading from this peer. Every connection starts out enabled.
    Reading {
        /// From whom.
        conn: ConnId,
        /// Whether to read.
        enabled: bool,
    },
    /// Close this connection, then report [`Disconnected`](crate::Event::Disconnected).
    Close {
        /// Which one.
        conn: ConnId,
        /// With what courtesy. `AfterFlush` may be followed by `Now`, when the peer takes too long.
        how: Close,
        /// Why, for the log.
        reason: Reason,
    },
    /// Store this, and say so with [`StoreAnswer::Stored`](crate::StoreAnswer). Only where
    /// [`Config::history`](crate::Config) is stored.
    Store(Batch),
    /// Look this up, and answer with [`StoreAnswer::Found`](crate::StoreAnswer). Only where history is stored.
    LookUp(LookUp),
    /// Something for the operator's log.
    Report(Report),
}

/// With what courtesy a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Finish the outstanding bytes, send FIN, read and discard until the peer ends, then drop.
    ///
    /// Dropping a socket that has unread input sends a reset, which can destroy the goodbye on its way.
    /// The engine keeps the deadline: if the peer takes too long, it says `Now`.
    AfterFlush,
    /// Drop the socket as it is.
    Now,
}

/// Why the engine closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The user asked to leave.
    Quit,
    /// The peer ended its input, and all of it was served.
    EndOfInput,
    /// The peer ended its input, and what flood control held back of it took too long to serve.
    EndOfInputTimeout,
    /// No transport handshake in time.
    HandshakeTimeout,
    /// It spoke plain text where TLS is required.
    PlaintextRefused,
    /// A proxy did not say in whose name it connects.
    Unforwarded,
    /// Its transport (TLS) could not be understood.
    TransportGarbled,
    /// No nickname in time.
    RegistrationTimeout,
    /// It sent nothing for too long.
    Idle,
    /// Too many passwords were wrong, or more input was waiting behind one.
    PasswordRefused,
    /// Too many nicknames were refused.
    NicknamesRefused,
    /// A browser, or another HTTP client.
    Http,
    /// The server holds as many connections as it may.
    ServerFull,
    /// The peer's address holds as many connections as it may.
    AddressFull,
    /// The peer's address is banned.
    Banned,
    /// The peer's address connects faster than it may.
    ConnectingTooFast,
    /// As many connections as may be are without a nickname.
    TooManyUnregistered,
    /// It owed more than the backlog limit for too long.
    TooSlow,
    /// It was furthest behind when memory ran out.
    OutOfMemory,
    /// The server is shutting down.
    ShuttingDown,
    /// It did not take its goodbye in time.
    LingerTimeout,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quit => "quit",
            Self::EndOfInput => "end of input",
            Self::EndOfInputTimeout => "end of input, too much of it held back by flood control",
            Self::HandshakeTimeout => "no handshake in time",
            Self::PlaintextRefused => "not encrypted",
            Self::Unforwarded => "no PROXY header",
            Self::TransportGarbled => "encryption failed",
            Self::RegistrationTimeout => "no nickname in time",
            Self::Idle => "idle for too long",
            Self::PasswordRefused => "no password",
            Self::NicknamesRefused => "too many nicknames refused",
            Self::Http => "not a web server",
            Self::ServerFull => "server full",
            Self::AddressFull => "too many connections from this address",
            Self::Banned => "banned",
            Self::ConnectingTooFast => "too many connections from this address at once",
            Self::TooManyUnregistered => "too many without a nickname",
            Self::TooSlow => "too slow to read",
            Self::OutOfMemory => "too slow to read while memory is short",
            Self::ShuttingDown => "server shutting down",
            Self::LingerTimeout => "goodbye not taken in time",
        })
    }
}

/// Something for the operator's log. Text in it is the user's, control characters included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A connection has a nickname now.
    Registered {
        /// Whose.
        conn: ConnId,
        /// The nickname.
        nick: String,
    },
    /// The wall clock moved against the monotonic clock by over a minute.
    ClockJumped {
        /// By how much.
        by: Duration,
        /// Whether it went back. Stamps then stand still until it has caught up, or has stayed there for a minute.
        back: bool,
    },
    /// The store has not stored for seconds what it was given, or it has caught up with that.
    Store {
        /// Whether it is stuck: what is said is not taken.
        stuck: bool,
    },
    /// A room's sequence grew by one event. Only with [`Config::report_messages`](crate::Config).
    Room(RoomRecord),
    /// A private message was passed on; its text is nobody else's business. Only with
    /// [`Config::report_messages`](crate::Config).
    Private {
        /// From whom.
        from: String,
        /// To whom.
        to: String,
    },
}
