//! The engine's configuration, as it is stored. A new field there does not compile until it is here, too.

use std::net::IpAddr;
use std::time::Duration;

use chat_core::{
    Addresses, Config, ConnectLimit, FloodLimit, HistoryLimits, Password, RoomLimit, StoreMode, TurnLimit,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ConfigRecord {
    name: Option<String>,
    motd: Vec<String>,
    lobby: Option<String>,
    /// Lines, and their time.
    flood: Option<(u32, Duration)>,
    backlog: usize,
    stall: Duration,
    memory: usize,
    registration_timeout: Duration,
    idle_timeout: Duration,
    rooms_per_user: usize,
    /// Rooms, and their time.
    room_rate: Option<(u32, Duration)>,
    members_per_room: usize,
    max_connections: usize,
    max_connections_per_address: usize,
    /// Connections, and their time.
    connect_rate: Option<(u32, Duration)>,
    /// Whether there is one: what it is, is nobody's business.
    password: bool,
    bans: Vec<(IpAddr, IpAddr)>,
    proxies: Vec<(IpAddr, IpAddr)>,
    max_unregistered: usize,
    announce_limit: usize,
    /// Events and bytes of a room, bytes in all.
    history: Option<(usize, usize, usize)>,
    /// Whether it is stored, and then whether before it is shown.
    store: Option<bool>,
    held: usize,
    /// Bytes of text, and of copies.
    turn: (usize, usize),
    replay: usize,
    report_messages: bool,
}

impl From<&Config> for ConfigRecord {
    fn from(config: &Config) -> Self {
        let Config {
            name,
            motd,
            lobby,
            flood,
            backlog,
            stall,
            memory,
            registration_timeout,
            idle_timeout,
            rooms_per_user,
            room_rate,
            members_per_room,
            max_connections,
            max_connections_per_address,
            connect_rate,
            password,
            bans,
            proxies,
            max_unregistered,
            announce_limit,
            history,
            store,
            held,
            turn: TurnLimit { text, copies },
            replay,
            report_messages,
        } = config.clone();
        Self {
            name,
            motd,
            lobby,
            flood: flood.map(|FloodLimit { lines, per }| (lines, per)),
            backlog,
            stall,
            memory,
            registration_timeout,
            idle_timeout,
            rooms_per_user,
            room_rate: room_rate.map(|RoomLimit { rooms, per }| (rooms, per)),
            members_per_room,
            max_connections,
            max_connections_per_address,
            connect_rate: connect_rate.map(|ConnectLimit { connections, per }| (connections, per)),
            password: password.is_some(),
            bans: ranges_of(&bans),
            proxies: ranges_of(&proxies),
            max_unregistered,
            announce_limit,
            history: history.map(|HistoryLimits { events_per_room, bytes_per_room, bytes }| {
                (events_per_room, bytes_per_room, bytes)
            }),
            store: store.map(|mode| mode == StoreMode::StoreFirst),
            held,
            turn: (text, copies),
            replay,
            report_messages,
        }
    }
}

impl From<ConfigRecord> for Config {
    fn from(record: ConfigRecord) -> Self {
        Self {
            name: record.name,
            motd: record.motd,
            lobby: record.lobby,
            flood: record.flood.map(|(lines, per)| FloodLimit { lines, per }),
            backlog: record.backlog,
            stall: record.stall,
            memory: record.memory,
            registration_timeout: record.registration_timeout,
            idle_timeout: record.idle_timeout,
            rooms_per_user: record.rooms_per_user,
            room_rate: record.room_rate.map(|(rooms, per)| RoomLimit { rooms, per }),
            members_per_room: record.members_per_room,
            max_connections: record.max_connections,
            max_connections_per_address: record.max_connections_per_address,
            connect_rate: record.connect_rate.map(|(connections, per)| ConnectLimit { connections, per }),
            password: record.password.then(Password::recorded),
            bans: addresses_of(record.bans),
            proxies: addresses_of(record.proxies),
            max_unregistered: record.max_unregistered,
            announce_limit: record.announce_limit,
            history: record.history.map(|(events_per_room, bytes_per_room, bytes)| HistoryLimits {
                events_per_room,
                bytes_per_room,
                bytes,
            }),
            store: record.store.map(|first| if first { StoreMode::StoreFirst } else { StoreMode::ShowFirst }),
            held: record.held,
            turn: TurnLimit { text: record.turn.0, copies: record.turn.1 },
            replay: record.replay,
            report_messages: record.report_messages,
        }
    }
}

/// Addresses, as they are stored.
pub(crate) fn ranges_of(addresses: &Addresses) -> Vec<(IpAddr, IpAddr)> {
    addresses.ranges().map(|range| (*range.start(), *range.end())).collect()
}

/// And back.
pub(crate) fn addresses_of(ranges: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Addresses {
    ranges.into_iter().map(|(first, last)| first..=last).collect()
}
