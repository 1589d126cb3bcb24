//! What every server binary shares: command line, listening sockets, logging, signals, exit codes.
//!
//! A binary calls [`start`], wraps the listeners for its runtime, drives the engine to its end, and leaves
//! through [`finish`]. Nothing here knows a runtime.
//!
//! | file | what it holds |
//! |---|---|
//! | `args` | the flags, and the engine configuration they amount to |
//! | `file` | the configuration file |
//! | `settings` | the settings in force: from flags, environment, file and defaults |
//! | `value` | how a size, a time or a flood limit is written in a flag |
//! | `choice` | settings of which each is one of a few words |
//! | `text_file` | files that settings name: a password, a message of the day |
//! | `place`, `history` | where history is stored, and that it is until the end |
//! | `transfer` | `export` and `import` |
//! | `bans` | the file of bans |
//! | `descriptors` | how many connections the machine allows |
//! | `log` | the log, which nobody waits for |
//! | `socket` | listening sockets, and what is set on accepted ones |
//! | `systemd` | sockets that a service manager hands over, and what it is told |
//! | `tls` | which ports are secured, and with what |
//! | `signals` | Ctrl-C, twice if need be; SIGHUP |

mod args;
mod bans;
mod choice;
mod descriptors;
mod file;
mod history;
mod log;
mod place;
mod settings;
mod signals;
mod socket;
mod systemd;
mod text_file;
mod tls;
mod transfer;
mod value;

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::time::SystemTime;

use chat_core::{Addresses, Config, ConfigError, Engine};
use chat_driver::{Fault, Observer};
use chat_metrics::{Endpoint, Surroundings};
use chat_record::Recorder;
use chat_tls::{Acceptor, Security};
use chrono::{DateTime, Utc};
use tracing::info;

use crate::args::Args;
use crate::descriptors::Descriptors;
use crate::file::File;
pub use crate::history::{History, Running};
use crate::settings::Settings;
pub use crate::signals::Signals;
pub use crate::socket::{send, tune};

/// The exit code of a configuration that makes no sense, as clap and most programs have it.
const EXIT_USAGE: u8 = 2;
/// The exit code of a server that could not start.
const EXIT_START: u8 = 1;
/// The exit code of a server whose history another one has taken over: `EX_TEMPFAIL` of sysexits.h.
const EXIT_LOST: u8 = 75;
/// The exit code of a server whose engine broke: `EX_SOFTWARE` of sysexits.h, which a supervisor restarts.
const EXIT_FAULT: u8 = 70;

/// A server about to run.
pub struct Setup {
    /// The engine, configured.
    pub engine: Engine,
    /// The flight recorder and the metrics, if they are wanted.
    pub observer: Option<Box<dyn Observer>>,
    /// The store of its history, open.
    pub history: History,
    /// What serves the metrics, if they are wanted, once it has the driver's handle.
    pub metrics: Option<Endpoint>,
    /// Bound, listening and non-blocking, and what each of them takes.
    pub listeners: Vec<(TcpListener, Security)>,
    /// Who connects in the name of others.
    pub proxies: Arc<Addresses>,
    /// Held back from now on, until [`Signals::shut_down`] says whom they concern.
    pub signals: Signals,
}

/// Reads the command line, the environment and the configuration file, opens the log and the sockets.
///
/// `--help`, `--version`, `--check-config`, `export` and `import` end the process here.
pub fn start() -> Result<Setup, Error> {
    let settings = Settings::read(&env::args_os().collect::<Vec<_>>())?;
    if let Some(command) = &settings.args.command {
        transfer::run(&settings.args, command).map_err(|error| settings.locate(error))?;
        process::exit(0);
    }
    let (engine, config) = settings.engine(Descriptors::raise()?)?;
    let args = &settings.args;
    settings.check_tls()?;
    if args.check_config {
        io::stdout().write_all(settings.to_toml(&config)?.as_bytes())?;
        process::exit(0);
    }
    log::init(args)?;
    let acceptor = tls::acceptor(args)?;
    let signals = Signals::hold_back(acceptor.clone(), args.bans.clone())?;
    args.password_file.iter().for_each(|path| text_file::warn_if_public(path, "password"));
    let history = History::open(args)?;
    let listeners = listeners(args, acceptor.clone())?;
    let mut observers: Vec<_> = recorder(args, &config)?.into_iter().collect();
    let metrics = metrics(args, acceptor, &mut observers)?;
    let proxies = Arc::new(config.proxies);
    history.tell();
    for (listener, security) in &listeners {
        info!(addr = %listener.local_addr()?, tls = tls::mode(security), "listening");
    }
    systemd::notify_ready();
    let observer = match observers.len() {
        // Each call of the engine asks whether there is an observer: for none, nothing else is done.
        0 | 1 => observers.pop(),
        _ => Some(Box::new(observers) as Box<dyn Observer>),
    };
    Ok(Setup { engine, observer, history, metrics, listeners, proxies, signals })
}

/// What `--check-config` would print of this file, given no flags, on a machine that allows so many file descriptors.
///
/// A pure function, for whoever wants to try a configuration without a server: no other file is opened, so whether a
/// certificate can be used is not looked at.
///
/// # Errors
/// What is wrong with the file, and where.
pub fn check_config(path: &Path, bytes: &[u8], descriptors: u64) -> Result<String, Error> {
    let settings = Settings::new(&[OsString::from("chat")], Some(File::parse(path, bytes)?))?;
    let (_, config) = settings.engine_without_files(Descriptors::of(descriptors))?;
    settings.to_toml(&config)
}

/// All listening sockets, and what each of them takes.
fn listeners(args: &Args, acceptor: Option<Arc<Acceptor>>) -> Result<Vec<(TcpListener, Security)>, Error> {
    let open = match acceptor.clone() {
        None => Security::Plain,
        Some(acceptor) if args.require_tls => Security::Required(acceptor),
        Some(acceptor) => Security::Either(acceptor),
    };
    let mut sockets = systemd::sockets()?;
    if sockets.is_empty() {
        sockets = socket::listen_all(&args.listen)?;
    }
    let mut listeners: Vec<_> = sockets.into_iter().map(|listener| (listener, open.clone())).collect();
    if let Some(acceptor) = acceptor {
        let secured = socket::listen_all(&args.tls_listen)?;
        listeners
            .extend(secured.into_iter().map(|listener| (listener, Security::Required(acceptor.clone()))));
    }
    Ok(listeners)
}

/// The flight recorder, if one is wanted. A server that cannot record does not start.
fn recorder(args: &Args, config: &Config) -> Result<Option<Box<dyn Observer>>, Error> {
    let Some(path) = &args.record else { return Ok(None) };
    match Recorder::open(path, args.record_limit.0 as u64, config) {
        Ok(recorder) => Ok(Some(Box::new(recorder))),
        Err(error) => Err(Error::Record { path: path.clone(), error }),
    }
}

/// The metrics, if they are wanted: one more observer, and what serves its numbers.
fn metrics(
    args: &Args,
    acceptor: Option<Arc<Acceptor>>,
    observers: &mut Vec<Box<dyn Observer>>,
) -> Result<Option<Endpoint>, Error> {
    let Some(addr) = args.metrics else { return Ok(None) };
    let listener = socket::listen(addr).map_err(|error| Error::Listen { addr, error })?;
    info!(addr = %listener.local_addr()?, "metrics");
    let surroundings = move || Surroundings {
        log_lines_lost: log::lost_lines(),
        certificate_days: acceptor.as_ref().map(|acceptor| acceptor.days_left(SystemTime::now())),
    };
    let (meter, endpoint) = chat_metrics::metrics(listener, surroundings);
    observers.push(Box::new(meter));
    Ok(Some(endpoint))
}

/// Says how it ended: in the log if all went well, in one line on stderr if not.
pub fn finish(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => {
            info!("stopped");
            log::finish();
            ExitCode::SUCCESS
        }
        Err(error) => {
            log::last_words(&format!("chat: {error}"));
            log::finish();
            ExitCode::from(match error {
                Error::Usage(_)
                | Error::File { .. }
                | Error::Config(_)
                | Error::Descriptors { .. }
                | Error::FewDescriptors { .. }
                | Error::TextFile { .. }
                | Error::HistoryPlace
                | Error::TlsSettings { .. }
                | Error::Tls(_) => EXIT_USAGE,
                Error::Fault(_) => EXIT_FAULT,
                Error::HistoryLost { .. } => EXIT_LOST,
                _ => EXIT_START,
            })
        }
    }
}

/// The wall clock.
#[must_use]
pub fn utc_now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Why a server did not start, or did not last.
#[derive(Debug)]
pub enum Error {
    /// A command line, or an environment, that makes no sense.
    Usage(String),
    /// A line of the configuration file that is wrong.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A file that a setting names, and that cannot be read as text.
    TextFile {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Limits that contradict each other.
    Config(ConfigError),
    /// More connections asked for than the machine allows; both in file descriptors but the first.
    Descriptors {
        /// The connections asked for.
        connections: usize,
        /// What these need.
        needed: u64,
        /// What there is.
        limit: u64,
    },
    /// A limit on file descriptors that leaves none for connections.
    FewDescriptors {
        /// What is needed at least.
        needed: u64,
        /// What there is.
        limit: u64,
    },
    /// An address that cannot be listened on.
    Listen {
        /// The address.
        addr: std::net::SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// A file that cannot be recorded to.
    Record {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A history in a store that there is not.
    HistoryPlace,
    /// A history that cannot be stored, or read.
    History {
        /// Where, without a password.
        place: String,
        /// Why.
        error: chat_store::OpenError,
    },
    /// A history that another server has taken over.
    HistoryLost {
        /// Where, without a password.
        place: String,
    },
    /// An export or import that failed, and why.
    Transfer(String),
    /// Settings of TLS that make no sense together.
    TlsSettings {
        /// The one to look at.
        setting: &'static str,
        /// Why.
        what: &'static str,
    },
    /// A certificate or a key that cannot be used.
    Tls(chat_tls::Error),
    /// A certificate for trying it out that cannot be made.
    SelfSigned {
        /// Where.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Something else that the system refused.
    Io(io::Error),
    /// The engine broke.
    Fault(Fault),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(line) => write!(f, "{line} (see --help)"),
            Self::File { path, line, what } => write!(f, "{}:{line}: {what}", path.display()),
            Self::TextFile { path, error, .. } => write!(f, "cannot read {}: {error}", path.display()),
            Self::Config(error) => error.fmt(f),
            Self::Descriptors { connections, needed, limit } => write!(
                f,
                "--max-connections {connections} needs {needed} file descriptors, but the hard limit is {limit}"
            ),
            Self::FewDescriptors { needed, limit } => write!(
                f,
                "the hard limit of {limit} file descriptors is too low to serve anybody: it has to be {needed} at least"
            ),
            Self::Listen { addr, error } => write!(f, "cannot listen on {addr}: {error}"),
            Self::Record { path, error } => write!(f, "cannot record to {}: {error}", path.display()),
            Self::HistoryPlace => {
                f.write_str("history has to be sqlite:PATH, postgres://…, redis://…, memory or none")
            }
            Self::History { place, error } => write!(f, "cannot use the history {place}: {error}"),
            Self::HistoryLost { place } => write!(f, "another server has taken over the history {place}"),
            Self::Transfer(what) => f.write_str(what),
            Self::TlsSettings { what, .. } => f.write_str(what),
            Self::Tls(error) => error.fmt(f),
            Self::SelfSigned { folder, error } => {
                write!(f, "cannot make a certificate in {}: {error}", folder.display())
            }
            Self::Io(error) => error.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<chat_tls::Error> for Error {
    fn from(error: chat_tls::Error) -> Self {
        Self::Tls(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
