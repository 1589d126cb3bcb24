//! The engine's configuration, as it is stored. A new field there does not compile until it is here, too.

use std::time::Duration;

use chat_core::{Config, ConnectLimit, FloodLimit, HistoryLimits};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ConfigRecord {
    lobby: Option<String>,
    /// Lines, and their time.
    flood: Option<(u32, Duration)>,
    backlog: usize,
    stall: Duration,
    memory: usize,
    registration_timeout: Duration,
    idle_timeout: Duration,
    rooms_per_user: usize,
    members_per_room: usize,
    max_connections: usize,
    max_connections_per_address: usize,
    /// Connections, and their time.
    connect_rate: Option<(u32, Duration)>,
    max_unregistered: usize,
    announce_limit: usize,
    /// Events and bytes of a room, bytes in all.
    history: Option<(usize, usize, usize)>,
    report_messages: bool,
}

impl From<&Config> for ConfigRecord {
    fn from(config: &Config) -> Self {
        let Config {
            lobby,
            flood,
            backlog,
            stall,
            memory,
            registration_timeout,
            idle_timeout,
            rooms_per_user,
            members_per_room,
            max_connections,
            max_connections_per_address,
            connect_rate,
            max_unregistered,
            announce_limit,
            history,
            report_messages,
        } = config.clone();
        Self {
            lobby,
            flood: flood.map(|FloodLimit { lines, per }| (lines, per)),
            backlog,
            stall,
            memory,
            registration_timeout,
            idle_timeout,
            rooms_per_user,
            members_per_room,
            max_connections,
            max_connections_per_address,
            connect_rate: connect_rate.map(|ConnectLimit { connections, per }| (connections, per)),
            max_unregistered,
            announce_limit,
            history: history.map(|HistoryLimits { events_per_room, bytes_per_room, bytes }| {
                (events_per_room, bytes_per_room, bytes)
            }),
            report_messages,
        }
    }
}

impl From<ConfigRecord> for Config {
    fn from(record: ConfigRecord) -> Self {
        Self {
            lobby: record.lobby,
            flood: record.flood.map(|(lines, per)| FloodLimit { lines, per }),
            backlog: record.backlog,
            stall: record.stall,
            memory: record.memory,
            registration_timeout: record.registration_timeout,
            idle_timeout: record.idle_timeout,
            rooms_per_user: record.rooms_per_user,
            members_per_room: record.members_per_room,
            max_connections: record.max_connections,
            max_connections_per_address: record.max_connections_per_address,
            connect_rate: record.connect_rate.map(|(connections, per)| ConnectLimit { connections, per }),
            max_unregistered: record.max_unregistered,
            announce_limit: record.announce_limit,
            history: record.history.map(|(events_per_room, bytes_per_room, bytes)| HistoryLimits {
                events_per_room,
                bytes_per_room,
                bytes,
            }),
            report_messages: record.report_messages,
        }
    }
}
