//! The flags, and the engine configuration they amount to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chat_core::{Addresses, Config, HistoryLimits};
use chat_store::{Retention, Total};
use clap::{Arg, ArgAction, CommandFactory, Parser, Subcommand};

use crate::choice::{HistoryMode, HistorySync, LogFormat, LogLevel};
use crate::descriptors::{self, Descriptors};
use crate::place::Place;
use crate::value::{ConnectRate, Flood, Listen, Lobby, Network, RoomRate, Seconds, Share, Size};
use crate::{Error, bans, text_file};

/// How long a room is stored of which nothing is worth keeping: until whoever made it has surely left, or said something.
const EMPTY_ROOMS: Duration = Duration::from_secs(10 * 60);

/// The port of a server that was not told another.
const DEFAULT_PORT: u16 = 8080;

/// How large a recording may grow, unless said otherwise.
const RECORD_LIMIT: usize = 1 << 30;

/// A chat server for anyone with a terminal: nc HOST 8080
#[derive(Debug, PartialEq, Parser)]
#[command(
    name = "chat",
    version,
    after_help = "A number of 0 means no limit. BYTES may end in k, m or g. History moves by export and import.\n\
                  Every setting has a variable: CHAT_LISTEN (separated by commas), CHAT_LOG_LEVEL, and so on."
)]
pub(crate) struct Args {
    /// IP:PORT, or PORT; repeatable
    #[arg(long, env = "CHAT_LISTEN", hide_env = true, value_name = "ADDR", value_delimiter = ',')]
    #[arg(default_values_t = [Listen::Everywhere(DEFAULT_PORT)])]
    pub(crate) listen: Vec<Listen>,

    /// What the server calls itself in its greeting
    #[arg(long, env = "CHAT_NAME", hide_env = true, value_name = "TEXT", hide_short_help = true)]
    name: Option<String>,

    /// File with what everybody is told on registering
    #[arg(long, env = "CHAT_MOTD", hide_env = true, value_name = "FILE", hide_short_help = true)]
    motd: Option<PathBuf>,

    /// Room that everybody joins, or none
    #[arg(long, env = "CHAT_LOBBY", hide_env = true, value_name = "#NAME")]
    #[arg(default_value_t = Lobby(Config::default().lobby))]
    lobby: Lobby,

    /// Lines at once, and in how long again; or off
    #[arg(long, env = "CHAT_FLOOD", hide_env = true, value_name = "LINES/SECONDS")]
    #[arg(default_value_t = Flood(Config::default().flood))]
    flood: Flood,

    /// What a slow reader may owe for long
    #[arg(long, env = "CHAT_BACKLOG", hide_env = true, value_name = "BYTES")]
    #[arg(default_value_t = Size(Config::default().backlog))]
    backlog: Size,

    /// How long it may owe more than that
    #[arg(long, env = "CHAT_STALL", hide_env = true, value_name = "SECONDS")]
    #[arg(default_value_t = Seconds(Config::default().stall))]
    stall: Seconds,

    /// Unsent output of all readers together
    #[arg(long, env = "CHAT_MEMORY", hide_env = true, value_name = "BYTES")]
    #[arg(default_value_t = Size(Config::default().memory))]
    memory: Size,

    /// Time to choose a nickname
    #[arg(long, env = "CHAT_REGISTRATION_TIMEOUT", hide_env = true, value_name = "SECONDS")]
    #[arg(default_value_t = Seconds(Config::default().registration_timeout))]
    registration_timeout: Seconds,

    /// Silence after which a user has to leave
    #[arg(long, env = "CHAT_IDLE_TIMEOUT", hide_env = true, value_name = "SECONDS", hide_short_help = true)]
    #[arg(default_value_t = Seconds(Config::default().idle_timeout))]
    idle_timeout: Seconds,

    /// Rooms one user may be in
    #[arg(long, env = "CHAT_ROOMS_PER_USER", hide_env = true, value_name = "N")]
    #[arg(default_value_t = Config::default().rooms_per_user)]
    rooms_per_user: usize,

    /// New rooms of one user at once, and in how long again; or off
    #[arg(long, env = "CHAT_ROOM_RATE", hide_env = true, value_name = "N/SECONDS", hide_short_help = true)]
    #[arg(default_value_t = RoomRate(Config::default().room_rate))]
    room_rate: RoomRate,

    /// Members one room may have
    #[arg(long, env = "CHAT_MEMBERS_PER_ROOM", hide_env = true, value_name = "N")]
    #[arg(default_value_t = Config::default().members_per_room)]
    members_per_room: usize,

    /// Connections in all [default: what the system allows]
    #[arg(long, env = "CHAT_MAX_CONNECTIONS", hide_env = true, value_name = "N")]
    max_connections: Option<usize>,

    /// Connections from one address
    #[arg(long, env = "CHAT_MAX_CONNECTIONS_PER_ADDRESS", hide_env = true, value_name = "N")]
    #[arg(default_value_t = Config::default().max_connections_per_address)]
    max_connections_per_address: usize,

    /// Connections from one address at once, and in how long again; or off
    #[arg(
        long,
        env = "CHAT_CONNECT_RATE",
        hide_env = true,
        value_name = "N/SECONDS",
        hide_short_help = true
    )]
    #[arg(default_value_t = ConnectRate(Config::default().connect_rate))]
    connect_rate: ConnectRate,

    /// Connections in all that have no nickname yet
    #[arg(long, env = "CHAT_MAX_UNREGISTERED", hide_env = true, value_name = "N", hide_short_help = true)]
    #[arg(default_value_t = Config::default().max_unregistered)]
    max_unregistered: usize,

    /// File with the password that everybody has to say
    #[arg(long, env = "CHAT_PASSWORD_FILE", hide_env = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) password_file: Option<PathBuf>,

    /// File with addresses and networks that may not connect, one a line; read again on SIGHUP
    #[arg(long, env = "CHAT_BANS", hide_env = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) bans: Option<PathBuf>,

    /// Addresses and networks of proxies: from them, the PROXY protocol is spoken; repeatable
    #[arg(long, env = "CHAT_PROXIES", hide_env = true, value_name = "CIDR", value_delimiter = ',')]
    #[arg(hide_short_help = true)]
    proxies: Vec<Network>,

    /// Members up to which joins are announced
    #[arg(long, env = "CHAT_ANNOUNCE_LIMIT", hide_env = true, value_name = "N")]
    #[arg(default_value_t = Config::default().announce_limit)]
    announce_limit: usize,

    /// sqlite:PATH, postgres://, redis://, memory or none
    ///
    /// If not given: in the data folder, as in sqlite:chat-data/history.db
    #[arg(long, env = "CHAT_HISTORY", hide_env = true, value_name = "URL", global = true)]
    history: Option<Place>,

    /// safe or fast: lines are shown once they are stored, or before
    #[arg(long, env = "CHAT_HISTORY_MODE", hide_env = true, value_name = "MODE", hide_short_help = true)]
    #[arg(value_enum, hide_possible_values = true, default_value_t = HistoryMode::Safe)]
    history_mode: HistoryMode,

    /// normal or full: what is stored survives the end of this program, or of power as well
    #[arg(long, env = "CHAT_HISTORY_SYNC", hide_env = true, value_name = "SYNC", hide_short_help = true)]
    #[arg(value_enum, hide_possible_values = true, default_value_t = HistorySync::Normal)]
    history_sync: HistorySync,

    /// How many of a room's last lines are shown to whoever joins it
    #[arg(long, env = "CHAT_HISTORY_REPLAY", hide_env = true, value_name = "N", hide_short_help = true)]
    #[arg(default_value_t = Config::default().replay)]
    history_replay: usize,

    /// How old what is stored may become
    #[arg(long, env = "CHAT_HISTORY_KEEP_AGE", hide_env = true, value_name = "DAYS", hide_short_help = true)]
    #[arg(default_value_t = 0)]
    history_keep_age: u32,

    /// How many events of a room are stored
    #[arg(long, env = "CHAT_HISTORY_KEEP_EVENTS", hide_env = true, value_name = "N", hide_short_help = true)]
    #[arg(default_value_t = 0)]
    history_keep_events: u64,

    /// How many bytes of a room are stored
    #[arg(
        long,
        env = "CHAT_HISTORY_KEEP_BYTES",
        hide_env = true,
        value_name = "BYTES",
        hide_short_help = true
    )]
    #[arg(default_value_t = Size(0))]
    history_keep_bytes: Size,

    /// How many bytes all rooms together are stored in; auto: a share of the disk
    #[arg(
        long,
        env = "CHAT_HISTORY_KEEP_TOTAL",
        hide_env = true,
        value_name = "BYTES",
        hide_short_help = true
    )]
    #[arg(default_value_t = Share(None))]
    history_keep_total: Share,

    /// error, warn, info, debug or trace
    #[arg(long, env = "CHAT_LOG_LEVEL", hide_env = true, value_name = "LEVEL")]
    #[arg(value_enum, hide_possible_values = true, default_value_t = LogLevel::Info)]
    pub(crate) log_level: LogLevel,

    /// text or json: how a line of the log is written
    #[arg(long, env = "CHAT_LOG_FORMAT", hide_env = true, value_name = "FORMAT", hide_short_help = true)]
    #[arg(value_enum, hide_possible_values = true, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    /// IP:PORT for Prometheus: /metrics, and /healthz
    #[arg(long, env = "CHAT_METRICS", hide_env = true, value_name = "ADDR", hide_short_help = true)]
    pub(crate) metrics: Option<SocketAddr>,

    /// Record all events, and so all that users type, to FILE: for replays, see `sim replay`
    #[arg(long, env = "CHAT_RECORD", hide_env = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) record: Option<PathBuf>,

    /// How large that file may grow
    #[arg(long, env = "CHAT_RECORD_LIMIT", hide_env = true, value_name = "BYTES", hide_short_help = true)]
    #[arg(default_value_t = Size(RECORD_LIMIT))]
    pub(crate) record_limit: Size,

    /// Where the server keeps files of its own
    #[arg(
        long,
        env = "CHAT_DATA",
        hide_env = true,
        value_name = "FOLDER",
        hide_short_help = true,
        global = true
    )]
    #[arg(default_value = "chat-data")]
    pub(crate) data: PathBuf,

    /// Certificate chain, in PEM: all ports take TLS, too
    #[arg(long, env = "CHAT_TLS_CERT", hide_env = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Its private key, in PEM
    #[arg(long, env = "CHAT_TLS_KEY", hide_env = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) tls_key: Option<PathBuf>,

    /// Make a certificate in the data folder, for trying it out
    #[arg(long, env = "CHAT_TLS_SELF_SIGNED", hide_env = true, hide_short_help = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    #[arg(value_name = "BOOL", hide_possible_values = true, action = ArgAction::Set)]
    pub(crate) tls_self_signed: bool,

    /// IP:PORT, or PORT, for TLS only; repeatable
    #[arg(long, env = "CHAT_TLS_LISTEN", hide_env = true, value_name = "ADDR", value_delimiter = ',')]
    #[arg(hide_short_help = true)]
    pub(crate) tls_listen: Vec<Listen>,

    /// Refuse connections without TLS
    #[arg(long, env = "CHAT_REQUIRE_TLS", hide_env = true, hide_short_help = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    #[arg(value_name = "BOOL", hide_possible_values = true, action = ArgAction::Set)]
    pub(crate) require_tls: bool,

    /// Read settings from FILE: TOML, with the names of flags as keys
    #[arg(
        long,
        env = "CHAT_CONFIG",
        hide_env = true,
        value_name = "FILE",
        hide_short_help = true,
        global = true
    )]
    pub(crate) config: Option<PathBuf>,

    /// Print the configuration that would be in force, or what is wrong with it, and exit
    #[arg(long, hide_short_help = true)]
    pub(crate) check_config: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub(crate) enum Command {
    /// Write the stored history to stdout, as JSON, an event or a room a line
    #[command(hide = true)]
    Export {
        /// Only of this room
        #[arg(long, value_name = "#ROOM")]
        room: Option<String>,
    },
    /// Store what an export wrote; what is there already stays as it is
    #[command(hide = true)]
    Import {
        /// What an export wrote; if not given, stdin
        file: Option<PathBuf>,
    },
}

/// The flags that are about configuration itself, and so cannot stand in a file.
const NO_SETTINGS: [&str; 2] = ["config", "check_config"];

impl Args {
    /// The flags that a file can hold as well, in their order.
    pub(crate) fn settings() -> Vec<Arg> {
        let command = Self::command();
        let all = command.get_arguments();
        all.filter(|arg| !NO_SETTINGS.contains(&arg.get_id().as_str())).cloned().collect()
    }

    /// What the engine is to be with so many file descriptors, but for what stands in other files.
    pub(crate) fn engine_config(&self, descriptors: Descriptors) -> Result<Config, Error> {
        let place = self.history_place();
        place.check()?;
        Ok(Config {
            name: self.name.clone(),
            motd: Vec::new(),
            lobby: self.lobby.0.clone(),
            flood: self.flood.0,
            backlog: self.backlog.0,
            stall: self.stall.0,
            memory: self.memory.0,
            registration_timeout: self.registration_timeout.0,
            idle_timeout: self.idle_timeout.0,
            rooms_per_user: self.rooms_per_user,
            room_rate: self.room_rate.0,
            members_per_room: self.members_per_room,
            max_connections: descriptors.max_connections(self.max_connections, self.descriptors())?,
            max_connections_per_address: self.max_connections_per_address,
            connect_rate: self.connect_rate.0,
            password: None,
            bans: Addresses::default(),
            proxies: self.proxies.iter().map(|network| network.range()).collect(),
            max_unregistered: self.max_unregistered,
            announce_limit: self.announce_limit,
            history: (place != Place::None).then(HistoryLimits::default),
            store: place.url().map(|_| self.history_mode.into()),
            held: Config::default().held,
            turn: Config::default().turn,
            replay: self.history_replay,
            report_messages: self.log_level >= LogLevel::Debug,
        })
    }

    /// The descriptors that the settings ask for, connections apart.
    fn descriptors(&self) -> u64 {
        let listeners =
            self.listen.iter().chain(&self.tls_listen).map(|listen| listen.sockets()).sum::<u64>();
        let store = self.history_place().url().map_or(0, |_| descriptors::STORE);
        let metrics = self.metrics.map_or(0, |_| descriptors::METRICS);
        let recording = self.record.as_ref().map_or(0, |_| descriptors::RECORDING);
        listeners + store + metrics + recording
    }

    /// Where history is kept.
    pub(crate) fn history_place(&self) -> Place {
        self.history.clone().unwrap_or_else(|| Place::in_folder(&self.data))
    }

    /// Whether what is stored has to survive the end of power.
    pub(crate) fn history_sync_full(&self) -> bool {
        self.history_sync == HistorySync::Full
    }

    /// What is to be forgotten of it.
    pub(crate) fn retention(&self) -> Retention {
        const DAY: u64 = 24 * 60 * 60;
        let some = |number: u64| (number > 0).then_some(number);
        Retention {
            age: some(self.history_keep_age.into()).map(|days| Duration::from_secs(days * DAY)),
            events: some(self.history_keep_events),
            bytes: some(self.history_keep_bytes.0 as u64),
            total: self
                .history_keep_total
                .0
                .map_or(Some(Total::Share), |Size(bytes)| some(bytes as u64).map(Total::Bytes)),
            empty_rooms: Some(EMPTY_ROOMS),
        }
    }

    /// The same, with what stands in the files that settings name.
    pub(crate) fn read_files(&self, config: Config) -> Result<Config, Error> {
        Ok(Config {
            motd: self.motd.as_deref().map_or(Ok(Vec::new()), text_file::motd)?,
            password: self.password_file.as_deref().map(text_file::password).transpose()?,
            bans: self.bans.as_deref().map_or(Ok(Addresses::default()), bans::read)?,
            ..config
        })
    }
}

#[cfg(test)]
mod tests {
    use chat_core::StoreMode;

    use super::*;

    /// Lines of a terminal nobody has enlarged.
    const SCREEN: usize = 24;

    #[test]
    fn the_defaults_are_those_of_the_engine() {
        let args = Args::parse_from(["chat"]);
        let store = Some(StoreMode::StoreFirst);
        let expected = Config { max_connections: 903, store, ..Config::default() };
        assert_eq!(args.engine_config(Descriptors::of(1_000)).unwrap(), expected);
    }

    #[test]
    fn help_fits_one_screen() {
        Args::command().debug_assert();
        let help = Args::command().render_help().to_string();
        assert!(help.lines().count() <= SCREEN, "{help}");
    }
}
