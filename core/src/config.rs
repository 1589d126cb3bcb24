//! The limits of an engine.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::addresses::Addresses;
use crate::framing::MAX_LINE;
use crate::password::Password;

/// Everything about an engine that an operator can set. In counts, 0 means no limit; so does a zero duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the server calls itself in its greeting: one line, at most 64 characters.
    pub name: Option<String>,
    /// What everybody is told on registering, line by line: at most 100 of them, and 16 KiB.
    pub motd: Vec<String>,
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
    /// How long a connection may take from opening to a nickname. Stands still while its input is paused, but not for
    /// longer than itself in all.
    pub registration_timeout: Duration,
    /// How long a user with a nickname may send no line before it is told so and has to leave. While its input waits
    /// for flood control, and once it has ended its input, the clock stands still.
    pub idle_timeout: Duration,
    /// Rooms one user may be in.
    pub rooms_per_user: usize,
    /// How fast one connection may make rooms; none: as fast as it likes. One address (IPv4 address or IPv6 /64) may make
    /// four times as many; loopback is exempt from that. A room is made when somebody joins it who finds nobody there.
    ///
    /// By default fifty at once, so that whoever is in as many as `rooms_per_user` lets can come back to all of them after
    /// a restart, and one in twelve seconds from then on: 29,000 a day for an address.
    pub room_rate: Option<RoomLimit>,
    /// Members one room may have.
    pub members_per_room: usize,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections from one address (IPv4 address or IPv6 /64); loopback is exempt.
    pub max_connections_per_address: usize,
    /// How fast one address (IPv4 address or IPv6 /64) may connect; none: as fast as it likes. Loopback is exempt.
    /// Every attempt counts, whatever becomes of it, but for those over this limit: whoever waits gets in.
    ///
    /// By default a hundred at once, so that all whom `max_connections_per_address` lets share an address can come
    /// back together after a restart, and two a second from then on.
    pub connect_rate: Option<ConnectLimit>,
    /// What everybody has to say before choosing a nickname; none: nothing.
    pub password: Option<Password>,
    /// Who may not connect, to begin with: see [`Engine::ban`](crate::Engine::ban).
    pub bans: Addresses,
    /// Who connects in the name of others, and says so before anything else. These count for nobody until they have.
    pub proxies: Addresses,
    /// Connections that have not chosen a nickname, in all: how much of the server strangers may hold. A connection
    /// over it is told so and closed, and nobody who has a nickname is touched.
    ///
    /// The default, 10,000, lets a community come back after a restart: 20,000 people who return within ten seconds,
    /// and take five to choose a nickname each, are 10,000 at one time. It also protects: silent strangers need a
    /// hundred addresses to fill it, and then hold 10,000 descriptors and at most 82 MB of input: 8 KiB each,
    /// an unfinished line and what waits behind it.
    pub max_unregistered: usize,
    /// Members up to which joins, leaves and renames are announced in a room.
    pub announce_limit: usize,
    /// What is kept in memory for `/history`; none: nothing. Where history is stored, this saves asking for what is new.
    pub history: Option<HistoryLimits>,
    /// Whether what rooms say is stored, and when it is shown; none: it is not.
    pub store: Option<StoreMode>,
    /// Bytes of memory for what waits until it is stored; above it, nobody's lines are served.
    pub held: usize,
    /// What one turn may make.
    pub turn: TurnLimit,
    /// How many of a room's last lines are shown to whoever joins it.
    pub replay: usize,
    /// Whether to emit [`Report::Room`](crate::Report) and [`Report::Private`](crate::Report).
    pub report_messages: bool,
}

/// A token bucket: `lines` at once, refilled wholly in `per`.
///
/// A line takes one token, and one more for each whole 1,024 bytes of it, its end included: so this bounds bytes, too.
/// If every line cost the same, one of 4,096 bytes would cost no more than a word, and one without an end nothing at
/// all. A line that several rooms hear of (a `/nick`) takes a token for each of them: that is what it costs the server, the
/// others and the history. A second bucket, for bytes, would make every connection larger, and be one more number to understand. Whoever
/// types never notices. All bytes count, as they come: those of telnet and of a line that is too long, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodLimit {
    /// Lines below 1,024 bytes that may come at once; at least 1.
    pub lines: u32,
    /// The time in which an empty bucket fills; more than zero.
    pub per: Duration,
}

/// A token bucket: `connections` at once, refilled wholly in `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectLimit {
    /// Connections that may come at once; at least 1.
    pub connections: u32,
    /// The time in which an empty bucket fills; more than zero.
    pub per: Duration,
}

/// A token bucket: `rooms` at once, refilled wholly in `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomLimit {
    /// Rooms that may be made at once; at least 1.
    pub rooms: u32,
    /// The time in which an empty bucket fills; more than zero.
    pub per: Duration,
}

/// What is made of what is said and done in one turn. Where it is as much as this, whatever else has come waits for the
/// next turn, that of those first who have used least of their [`FloodLimit`]. A turn may make this four times: of what has just come, of what is due, of what
/// has waited, and of those who are lost. It can be more by what one line comes to. Here, too, 0 is no limit.
///
/// No operator needs other limits; tests do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnLimit {
    /// Bytes of text, each line counted once.
    ///
    /// By default as much as an adapter reads in a turn: a connection is written all of it in about 0.1 ms.
    pub text: usize,
    /// Bytes that would be copied if nobody who is in several rooms heard the same as anybody else: those of each line of a
    /// room, for each such member. (Who is in one room needs no copy.)
    ///
    /// By default what is copied, and written, in about 20 ms. Smaller, and a large room would be written fewer lines at a
    /// time, each of which costs a system call for each member.
    pub copies: usize,
}

/// When what a room says is shown, where it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// Once it is stored: what was shown survives the end of the process, however that comes about.
    StoreFirst,
    /// At once: what was shown last may be lost with the process.
    ShowFirst,
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

/// The longest name of a server, in characters.
const MAX_NAME: usize = 64;
/// The most lines of a message of the day: some screens.
const MAX_MOTD_LINES: usize = 100;
/// The most bytes of it: everybody who registers is owed them.
const MAX_MOTD: usize = 16 << 10;

impl Config {
    /// Whether the words in it can be said.
    pub(crate) fn check_words(&self) -> Result<(), ConfigError> {
        if self.name.as_ref().is_some_and(|name| {
            name.trim().is_empty() || name.chars().count() > MAX_NAME || name.contains(char::is_control)
        }) {
            return Err(ConfigError::Name);
        }
        let bytes: usize = self.motd.iter().map(|line| line.len() + 1).sum();
        if self.motd.len() > MAX_MOTD_LINES || bytes > MAX_MOTD {
            return Err(ConfigError::Motd);
        }
        match &self.password {
            Some(password) if password.is_unspeakable(MAX_LINE) => Err(ConfigError::Password),
            _ => Ok(()),
        }
    }
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { events_per_room: 1_000, bytes_per_room: 256 << 10, bytes: 64 << 20 }
    }
}

impl Default for TurnLimit {
    fn default() -> Self {
        Self { text: 256 << 10, copies: 16 << 20 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: None,
            motd: Vec::new(),
            lobby: Some(String::from("#lobby")),
            flood: Some(FloodLimit { lines: 20, per: Duration::from_secs(4) }),
            backlog: 1 << 20,
            stall: Duration::from_secs(10),
            memory: 256 << 20,
            registration_timeout: Duration::from_secs(60),
            idle_timeout: Duration::ZERO,
            rooms_per_user: 50,
            room_rate: Some(RoomLimit { rooms: 50, per: Duration::from_secs(600) }),
            members_per_room: 0,
            max_connections: 0,
            max_connections_per_address: 100,
            connect_rate: Some(ConnectLimit { connections: 100, per: Duration::from_secs(50) }),
            password: None,
            bans: Addresses::default(),
            proxies: Addresses::default(),
            max_unregistered: 10_000,
            announce_limit: 1_000,
            history: Some(HistoryLimits::default()),
            store: None,
            held: 16 << 20,
            turn: TurnLimit::default(),
            replay: 20,
            report_messages: false,
        }
    }
}

/// Why a [`Config`] cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A name that is empty, too long, or no line.
    Name,
    /// A message of the day that is too long.
    Motd,
    /// The lobby is not a room name.
    Lobby(String),
    /// A flood limit without lines or without time.
    Flood,
    /// A limit on the rate of connections without connections or without time.
    ConnectRate,
    /// A limit on the rate of new rooms without rooms or without time.
    RoomRate,
    /// A password that cannot be sent as a line.
    Password,
    /// All of the memory is less than what one reader may owe.
    MemoryBelowBacklog,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(f, "the server's name has to be one line of 1 to {MAX_NAME} characters"),
            Self::Motd => {
                write!(f, "the message of the day may have {MAX_MOTD_LINES} lines and {MAX_MOTD} bytes")
            }
            Self::Lobby(name) => write!(f, "the lobby {name:?} is not a room name, such as #lobby"),
            Self::Flood => f.write_str("a flood limit needs at least one line, and more than no time"),
            Self::ConnectRate => {
                f.write_str("a connect rate needs at least one connection, and more than no time")
            }
            Self::RoomRate => f.write_str("a room rate needs at least one room, and more than no time"),
            Self::Password => f.write_str(
                "the password has to be one line of at most 4,096 bytes, without spaces at its ends",
            ),
            Self::MemoryBelowBacklog => {
                f.write_str("the memory limit is below what one reader may owe (backlog)")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
