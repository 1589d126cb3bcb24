//! Settings of which each is one of a few words.

use chat_core::StoreMode;
use clap::ValueEnum;
use tracing::Level;

/// When what is said is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistoryMode {
    /// Once it is stored.
    Safe,
    /// At once.
    Fast,
}

/// What a store has done once it has stored something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistorySync {
    /// The system has it.
    Normal,
    /// The disk has it.
    Full,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// An object of JSON, for programs.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<HistoryMode> for StoreMode {
    fn from(mode: HistoryMode) -> Self {
        match mode {
            HistoryMode::Safe => Self::StoreFirst,
            HistoryMode::Fast => Self::ShowFirst,
        }
    }
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
