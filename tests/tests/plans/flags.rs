//! An engine's configuration as flags.

use std::time::Duration;

use chat_core::{Config, ConnectLimit, FloodLimit, RoomLimit};

/// The flags of a server with this configuration. Which history it keeps is all that flags say of it, and
/// loopback addresses are never counted.
pub(crate) fn of(config: &Config) -> Vec<String> {
    let flood = rate(config.flood.map(|FloodLimit { lines, per }| (lines, per)));
    let connect_rate = rate(config.connect_rate.map(|ConnectLimit { connections, per }| (connections, per)));
    let room_rate = rate(config.room_rate.map(|RoomLimit { rooms, per }| (rooms, per)));
    let flags = [
        ("--lobby", config.lobby.clone().unwrap_or_else(|| "none".into())),
        ("--flood", flood),
        ("--backlog", config.backlog.to_string()),
        ("--stall", config.stall.as_secs_f64().to_string()),
        ("--memory", config.memory.to_string()),
        ("--registration-timeout", config.registration_timeout.as_secs_f64().to_string()),
        ("--idle-timeout", config.idle_timeout.as_secs_f64().to_string()),
        ("--rooms-per-user", config.rooms_per_user.to_string()),
        ("--room-rate", room_rate),
        ("--members-per-room", config.members_per_room.to_string()),
        ("--max-connections", config.max_connections.to_string()),
        ("--connect-rate", connect_rate),
        ("--max-unregistered", config.max_unregistered.to_string()),
        ("--announce-limit", config.announce_limit.to_string()),
        ("--history", if config.history.is_some() { "memory" } else { "none" }.into()),
        ("--log-level", if config.report_messages { "debug" } else { "info" }.into()),
    ];
    flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
}

fn rate(limit: Option<(u32, Duration)>) -> String {
    limit.map_or_else(|| "off".into(), |(number, per)| format!("{number}/{}", per.as_secs_f64()))
}
