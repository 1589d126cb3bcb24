//! The limits of an engine.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

/// Everything about an engine that an operator can set. In counts, 0 means no limit; so does a zero duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The room that everybody joins on registering, with its `#`; none: nobody is in a room at first.
    pub lobby: Option<String>,
    /// How fast one connection may send lines; none: as fast as it likes.
    pub flood: Option<FloodLimit>,
    /// Bytes that one reader may owe for long.
    pub backlog: usize,
    /// How long a reader may owe more than `backlog` without a break before it is cut off.
    pub stall: Duration,
    /// Bytes of memory for the output owed to all readers together, their queues included; above it, the reader
    /// furthest behind is cut off.
    pub memory: usize,
    /// How long a connection may take from opening to a nickname. Stands still while its input is paused.
    pub registration_timeout: Duration,
    /// Rooms one user may be in.
    pub rooms_per_user: usize,
    /// Members one room may have.
    pub members_per_room: usize,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections from one address (IPv4 address or IPv6 /64); loopback is exempt.
    pub max_connections_per_address: usize,
    /// Members up to which joins, leaves and renames are announced in a room.
    pub announce_limit: usize,
    /// What `/history` can show; none: nothing is kept.
    pub history: Option<HistoryLimits>,
    /// Whether to emit [`Report::Room`](crate::Report) and [`Report::Private`](crate::Report).
    pub report_messages: bool,
}

/// A token bucket: `lines` at once, refilled wholly in `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodLimit {
    /// Lines that may come at once; at least 1.
    pub lines: u32,
    /// The time in which an empty bucket fills; more than zero.
    pub per: Duration,
}

/// Bounds of the events kept in memory for `/history`. Here 0 is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Events of one room.
    pub events_per_room: usize,
    /// Bytes of one room.
    pub bytes_per_room: usize,
    /// Bytes of all rooms; above it, the oldest event of all goes first.
    pub bytes: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { events_per_room: 1_000, bytes_per_room: 256 << 10, bytes: 64 << 20 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lobby: Some(String::from("#lobby")),
            flood: Some(FloodLimit { lines: 20, per: Duration::from_secs(4) }),
            backlog: 1 << 20,
            stall: Duration::from_secs(10),
            memory: 256 << 20,
            registration_timeout: Duration::from_secs(60),
            rooms_per_user: 50,
            members_per_room: 0,
            max_connections: 0,
            max_connections_per_address: 100,
            announce_limit: 1_000,
            history: Some(HistoryLimits::default()),
            report_messages: false,
        }
    }
}

/// Why a [`Config`] cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The lobby is not a room name.
    Lobby(String),
    /// A flood limit without lines or without time.
    Flood,
    /// All of the memory is less than what one reader may owe.
    MemoryBelowBacklog,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lobby(name) => write!(f, "the lobby {name:?} is not a room name, such as #lobby"),
            Self::Flood => f.write_str("a flood limit needs at least one line, and more than no time"),
            Self::MemoryBelowBacklog => {
                f.write_str("the memory limit is below what one reader may owe (backlog)")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
