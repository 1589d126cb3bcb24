//! What the world is like, out of a tape's header: every limit is often the default, and often tiny.

use std::fmt;
use std::time::Duration;

use chat_core::{Addresses, Config, ConnectLimit, FloodLimit, HistoryLimits, Password, RoomLimit, TurnLimit};

use super::Options;
use super::storage::{self, Storage};
use crate::tape::{Draws, Tape};

/// Where in the header what is decided. The seed stands before, the clients' personas behind it. Each has its
/// own bytes, so that most choices never touch another's.
pub(super) mod at {
    pub(in crate::plan) const CLIENTS: usize = 8;
    pub(super) const LOBBY: usize = 10;
    pub(super) const STRANGERS: usize = 11;
    pub(super) const FLOOD: usize = 12;
    pub(super) const BACKLOG: usize = 14;
    pub(super) const STALL: usize = 16;
    pub(super) const CONNECT_RATE: usize = 17;
    pub(super) const REGISTRATION: usize = 18;
    pub(super) const UNREGISTERED: usize = 19;
    pub(super) const ROOMS: usize = 20;
    pub(super) const MEMBERS: usize = 21;
    pub(super) const CONNECTIONS: usize = 22;
    pub(super) const ADDRESSES: usize = 23;
    pub(super) const ANNOUNCE: usize = 25;
    pub(super) const HISTORY: usize = 26;
    pub(super) const LATENCY: usize = 28;
    pub(super) const SEND_BUFFER: usize = 30;
    pub(super) const TURN: usize = 31;
    pub(in crate::plan) const FAULTS: usize = 32;
    pub(in crate::plan) const PACE: usize = 35;
    pub(in crate::plan) const SOCIETY: usize = 37;
    pub(in crate::plan) const PERSONAS: usize = 40;
    pub(super) const PASSWORD: usize = PERSONAS + super::MAX_CLIENTS;
    pub(super) const WORDS: usize = PASSWORD + 1;
    pub(super) const PROXIES: usize = WORDS + 1;
    pub(super) const BANS: usize = PROXIES + 1;
    pub(in crate::plan) const STORE: usize = BANS + 1;
    pub(super) const REPLAY: usize = STORE + 1;
    pub(super) const STORE_SPEED: usize = REPLAY + 1;
    pub(super) const STORE_FAULTS: usize = STORE_SPEED + 1;
}

/// The most clients there are: each has a persona in the header.
pub(crate) const MAX_CLIENTS: usize = 24;

/// The password of every server that has one.
pub(crate) const PASSWORD: &str = "open sesame";

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

impl Options {
    /// How many there are who may connect: clients first, strangers behind them.
    #[must_use]
    pub fn everybody(&self) -> usize {
        self.clients + self.strangers
    }

    pub(super) fn from_tape(tape: &Tape) -> Self {
        let draw = |at: usize, bytes: usize| Draws::new(&tape.header()[at..at + bytes]);
        let clients = clients(&mut draw(at::CLIENTS, 2));
        let strangers = *draw(at::STRANGERS, 1).pick(&[0, 0, 5, 20, 60, 90]);
        let (addresses, per_address) = addresses(&mut draw(at::ADDRESSES, 2));
        let turn = &mut draw(at::TURN, 1);
        let (events, ragged, secure) = (*turn.pick(&[1, 32, 16, 8, 4, 2, 3]), turn.one_in(2), turn.one_in(4));
        let limits = Config { turn: turn_limit(turn), ..config(&draw, clients) };
        Self {
            config: Config { max_connections_per_address: per_address, ..limits },
            clients,
            strangers,
            latency: latency(&mut draw(at::LATENCY, 2)),
            send_buffer: *draw(at::SEND_BUFFER, 1).pick(&[1 << 16, 1 << 20, 4_096, 1_024, 256, 64, 16, 1]),
            turn: events,
            ragged,
            secure,
            addresses,
            storage: Storage::from_tape(&mut draw(at::STORE_SPEED, 1), &mut draw(at::STORE_FAULTS, 1)),
            proxied: draw(at::PROXIES, 1).below(4) == 3,
            bans: *draw(at::BANS, 1).pick(&[
                Duration::ZERO,
                Duration::ZERO,
                Duration::ZERO,
                S,
                Duration::ZERO,
                10 * S,
                Duration::ZERO,
                60 * S,
            ]),
        }
    }
}

fn clients(draws: &mut Draws<'_>) -> usize {
    match draws.weighted(&[2, 12, 2]) {
        0 => 1 + draws.below(2),
        1 => 3 + draws.below(10),
        _ => 13 + draws.below(MAX_CLIENTS - 12),
    }
}

/// How few addresses there are, and how many connections each may have.
fn addresses(draws: &mut Draws<'_>) -> (usize, usize) {
    let default = Config::default().max_connections_per_address;
    match draws.below(4) {
        0 | 1 => (0, default),
        2 => (1 + draws.below(4), default),
        _ => (1 + draws.below(3), 1 + draws.below(5)),
    }
}

fn config<'a>(draw: &impl Fn(usize, usize) -> Draws<'a>, clients: usize) -> Config {
    let default = Config::default();
    let (backlog, memory) = backlog(&mut draw(at::BACKLOG, 2), &default);
    let (registration_timeout, idle_timeout) = patience(&mut draw(at::REGISTRATION, 1), &default);
    let small = |at: usize, default: usize, most: usize| {
        let draws = &mut draw(at, 1);
        if draws.below(4) < 3 { default } else { 1 + draws.below(most) }
    };
    let (store, held) = storage::mode(&mut draw(at::STORE, 1));
    let (name, motd) = words(&mut draw(at::WORDS, 1));
    Config {
        name,
        motd,
        password: (draw(at::PASSWORD, 1).below(8) == 7).then(|| Password::new(PASSWORD)),
        bans: Addresses::default(),
        proxies: Addresses::default(),
        lobby: (draw(at::LOBBY, 1).below(5) < 4).then(|| String::from("#lobby")),
        flood: flood(&mut draw(at::FLOOD, 2)),
        backlog,
        stall: *draw(at::STALL, 1).pick(&[
            default.stall,
            S,
            3 * S,
            500 * MS,
            default.stall,
            S,
            250 * MS,
            Duration::ZERO,
        ]),
        memory,
        registration_timeout,
        idle_timeout,
        rooms_per_user: small(at::ROOMS, default.rooms_per_user, 3),
        room_rate: room_rate(&mut draw(at::ROOMS, 1)),
        members_per_room: small(at::MEMBERS, default.members_per_room, clients),
        max_connections: small(at::CONNECTIONS, default.max_connections, clients),
        connect_rate: connect_rate(&mut draw(at::CONNECT_RATE, 1)),
        max_unregistered: small(at::UNREGISTERED, default.max_unregistered, 6),
        announce_limit: match draw(at::ANNOUNCE, 1).below(16) {
            low @ 8.. => [1, 2, 3, 5, 7, 12, 20, 0][low - 8],
            _ => default.announce_limit,
        },
        history: history(&mut draw(at::HISTORY, 2)),
        store,
        held,
        turn: default.turn,
        replay: *draw(at::REPLAY, 1).pick(&[0, 3, 20, 1, 20, 0, 500]),
        report_messages: true,
        max_connections_per_address: default.max_connections_per_address,
    }
}

/// What the server calls itself, and its message of the day.
fn words(draws: &mut Draws<'_>) -> (Option<String>, Vec<String>) {
    let motd: &[&str] = match draws.below(8) {
        0..=3 => return (None, Vec::new()),
        4 => &[],
        5 => &["Be kind."],
        6 => &["", "\u{1b}[31mRed", ""],
        _ => &["Rules:", " 1. \t Be kind.", " 2. Have fun."],
    };
    (Some("The Cave".into()), motd.iter().map(|&line| line.into()).collect())
}

fn flood(draws: &mut Draws<'_>) -> Option<FloodLimit> {
    match draws.weighted(&[8, 4, 3]) {
        0 => None,
        1 => Config::default().flood,
        _ => Some(FloodLimit {
            lines: 1 + draws.below(5) as u32,
            per: *draws.pick(&[S, 4 * S, 200 * MS, 30 * S]),
        }),
    }
}

/// How long somebody silent is borne with, without a nickname and with one: then long enough for the end of a run.
fn patience(draws: &mut Draws<'_>, default: &Config) -> (Duration, Duration) {
    let registration = default.registration_timeout;
    let registration = *draws.pick(&[registration, 5 * S, S, registration, 250 * MS, Duration::ZERO]);
    let idle = default.idle_timeout;
    (registration, *draws.pick(&[idle, idle, idle, 10 * S, idle, idle, 40 * S, idle]))
}

/// How fast an address may connect: at least twice within a minute, as at the end of a run.
fn connect_rate(draws: &mut Draws<'_>) -> Option<ConnectLimit> {
    match draws.weighted(&[3, 2, 3]) {
        0 => Config::default().connect_rate,
        1 => None,
        _ => Some(ConnectLimit {
            connections: 2 + draws.below(5) as u32,
            per: *draws.pick(&[10 * S, S, 60 * S]),
        }),
    }
}

/// How fast rooms may be made, in worlds where a user may be in few or in as many as usual.
fn room_rate(draws: &mut Draws<'_>) -> Option<RoomLimit> {
    // The first byte says in how many.
    draws.byte();
    match draws.weighted(&[3, 2, 3]) {
        0 => Config::default().room_rate,
        1 => None,
        _ => Some(RoomLimit { rooms: 1 + draws.below(3) as u32, per: *draws.pick(&[10 * S, S, 60 * S]) }),
    }
}

/// What one turn may make.
fn turn_limit(draws: &mut Draws<'_>) -> TurnLimit {
    match draws.below(4) {
        0 | 1 => TurnLimit::default(),
        _ => TurnLimit {
            text: *draws.pick(&[5_000, 1_000, 300, 0]),
            copies: *draws.pick(&[20_000, 3_000, 500, 0]),
        },
    }
}

/// What one reader may owe, and all together: never less.
fn backlog(draws: &mut Draws<'_>, default: &Config) -> (usize, usize) {
    let tiny = draws.weighted(&[3, 5]) == 1;
    let backlog = if tiny {
        *draws.pick(&[1 << 14, 4_096, 1_024, 512, 200]) + draws.below(100)
    } else {
        default.backlog
    };
    let memory = match draws.weighted(&[4, 2, 2, 1]) {
        0 => default.memory,
        1 => backlog,
        2 => backlog * 2,
        _ => backlog + 20_000,
    };
    (backlog, memory)
}

fn history(draws: &mut Draws<'_>) -> Option<HistoryLimits> {
    match draws.weighted(&[4, 7, 5]) {
        0 => None,
        1 => Some(HistoryLimits::default()),
        _ => Some(HistoryLimits {
            events_per_room: draws.below(20),
            bytes_per_room: draws.below(3_000),
            bytes: draws.below(8_000),
        }),
    }
}

fn latency(draws: &mut Draws<'_>) -> (Duration, Duration) {
    match draws.weighted(&[3, 5, 4, 3, 1]) {
        0 => (Duration::ZERO, Duration::ZERO),
        1 => (MS, MS * (2 + draws.below(80) as u32)),
        2 => (Duration::ZERO, Duration::from_micros(200)),
        // Always the same: what is sent at a deadline's distance arrives right at it.
        3 => (10 * MS, 10 * MS),
        _ => (100 * MS, MS * (200 + draws.below(800) as u32)),
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            config,
            clients,
            strangers,
            latency: (least, most),
            send_buffer,
            ragged,
            secure,
            turn,
            addresses,
            proxied,
            bans,
            storage,
        } = self;
        let cut = if *ragged { "ragged" } else { "whole" };
        writeln!(
            f,
            "{clients} clients and {strangers} strangers on {} addresses, latency {least:?} to {most:?}",
            Or(*addresses, "loopback")
        )?;
        let transports = if *secure { "some with handshakes" } else { "plain" };
        let proxied = if *proxied { ", some through proxies" } else { "" };
        writeln!(f, "transports {transports}{proxied}")?;
        let password = if config.password.is_some() { "a" } else { "no" };
        let (named, motd) = (if config.name.is_some() { "a" } else { "no" }, config.motd.len());
        write!(f, "{password} password, {named} name, {motd} lines of message, ")?;
        match bans.is_zero() {
            true => writeln!(f, "no bans")?,
            false => writeln!(f, "bans that change every {bans:?}")?,
        }
        let TurnLimit { text, copies } = config.turn;
        write!(f, "send buffer {send_buffer}, reads and writes {cut}, turns of at most {turn} events, ")?;
        writeln!(f, "{} bytes of text and {} of copies", Or(text, "any"), Or(copies, "any"))?;
        let Config {
            lobby, flood, backlog, stall, memory, history, registration_timeout, idle_timeout, ..
        } = config;
        let lobby = lobby.as_deref().unwrap_or("none");
        write!(f, "lobby {lobby}, flood ")?;
        match flood {
            None => f.write_str("off")?,
            Some(FloodLimit { lines, per }) => write!(f, "{lines} lines in {per:?}")?,
        }
        writeln!(f, ", registration timeout {registration_timeout:?}, idle timeout {idle_timeout:?}")?;
        match config.connect_rate {
            None => writeln!(f, "connections of an address at any rate")?,
            Some(ConnectLimit { connections, per }) => {
                writeln!(f, "{connections} connections of an address in {per:?}")?;
            }
        }
        match config.room_rate {
            None => writeln!(f, "new rooms at any rate")?,
            Some(RoomLimit { rooms, per }) => writeln!(f, "{rooms} new rooms of a user in {per:?}")?,
        }
        let (backlog, memory) = (Or(*backlog, "any"), Or(*memory, "any"));
        writeln!(f, "backlog {backlog}, stall {stall:?}, memory {memory}")?;
        writeln!(
            f,
            "rooms per user {}, members per room {}, announce limit {}, connections {}, per address {}, \
             unregistered {}",
            Or(config.rooms_per_user, "any"),
            Or(config.members_per_room, "any"),
            Or(config.announce_limit, "any"),
            Or(config.max_connections, "any"),
            Or(config.max_connections_per_address, "any"),
            Or(config.max_unregistered, "any"),
        )?;
        match history {
            None => f.write_str("history none")?,
            Some(HistoryLimits { events_per_room, bytes_per_room, bytes }) => {
                write!(
                    f,
                    "history {events_per_room} events and {bytes_per_room} bytes a room, {bytes} bytes in all"
                )?;
            }
        }
        write!(f, ", replay {}", config.replay)?;
        match config.store {
            None => f.write_str(", no store"),
            Some(mode) => {
                write!(f, "\nstore {mode:?}, at most {} bytes held back, {storage}", Or(config.held, "any"))
            }
        }
    }
}

/// A number, or what its absence is called.
struct Or(usize, &'static str);

impl fmt::Display for Or {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str(self.1),
            number => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::Engine;

    use super::*;

    #[test]
    fn every_world_can_be_served_and_features_are_often_off() {
        let all: Vec<_> = (0..400).map(|seed| Options::from_tape(&Tape::from_seed(seed))).collect();
        for options in &all {
            assert!(
                Engine::new(options.config.clone()).is_ok() && options.config.report_messages,
                "{options}"
            );
            assert!(
                (1..=MAX_CLIENTS).contains(&options.clients) && (1..=32).contains(&options.turn),
                "{options}"
            );
            assert!(options.latency.0 <= options.latency.1 && options.send_buffer > 0, "{options}");
        }
        let often = |what: fn(&Options) -> bool| {
            let count = all.iter().filter(|options| what(options)).count();
            assert!((20..380).contains(&count), "{count} of 400");
        };
        often(|options| options.config.history.is_none());
        often(|options| options.config.flood.is_none());
        often(|options| options.config.lobby.is_none());
        often(|options| options.config.backlog < 1_000);
        often(|options| options.config.memory < 1 << 14);
        often(|options| options.config.max_connections > 0);
        often(|options| options.addresses > 0);
        often(|options| options.strangers > 64);
        often(|options| options.ragged);
        often(|options| options.secure);
        often(|options| options.proxied);
        often(|options| options.config.password.is_some());
        often(|options| !options.config.motd.is_empty());
        often(|options| !options.bans.is_zero());
        often(|options| options.clients >= 13);
        often(|options| options.config.store.is_some());
        often(|options| options.config.held < 2_000);
    }

    #[test]
    fn the_empty_tape_is_the_simplest_world() {
        let options = Options::from_tape(&Tape::from_bytes(&[]));
        let config =
            Config { report_messages: true, flood: None, history: None, replay: 0, ..Config::default() };
        assert_eq!((options.clients, options.strangers, options.turn, options.ragged), (1, 0, 1, false));
        assert_eq!(options.config, config);
    }
}
