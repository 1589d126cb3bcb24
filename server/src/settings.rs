//! The settings in force: from flags, else the environment, else the file of `--config`, else the defaults.
//!
//! Clap does this ranking: what the file says takes the place of a flag's default.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::slice;

use chat_core::{Config, ConfigError, Engine};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};
use toml::Value;

use crate::Error;
use crate::args::Args;
use crate::descriptors::Descriptors;
use crate::file::{Entry, File};
use crate::place::Place;
use crate::tls;

/// The settings in force, and where each of them comes from.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The settings.
    pub(crate) args: Args,
    matches: ArgMatches,
    file: Option<File>,
}

impl Settings {
    /// Reads all there is: the command line (the program's name first), the environment, and the file if there is one.
    ///
    /// `--help` and `--version` end the process here.
    pub(crate) fn read(command_line: &[OsString]) -> Result<Self, Error> {
        let settings = Self::new(command_line, None)?;
        match &settings.args.config {
            Some(path) => Self::new(command_line, Some(File::read(path)?)),
            None => Ok(settings),
        }
    }

    /// As [`read`](Self::read), with this file or none, whatever `--config` says.
    pub(crate) fn new(command_line: &[OsString], file: Option<File>) -> Result<Self, Error> {
        let entries = file.as_ref().map(File::entries).unwrap_or_default();
        let command = entries.iter().fold(Args::command(), |command, Entry { id, values, .. }| {
            command.mut_arg(id, |arg| arg.default_values(values))
        });
        let matches = command.try_get_matches_from(command_line).map_err(usage)?;
        let args = Args::from_arg_matches(&matches).map_err(usage)?;
        Ok(Self { args, matches, file })
    }

    /// The engine with so many file descriptors, and its configuration.
    pub(crate) fn engine(&self, descriptors: Descriptors) -> Result<(Engine, Config), Error> {
        let config = self.args.engine_config(descriptors).and_then(|config| self.args.read_files(config));
        self.engine_of(config)
    }

    /// The same without a look at the files that settings name.
    pub(crate) fn engine_without_files(&self, descriptors: Descriptors) -> Result<(Engine, Config), Error> {
        self.engine_of(self.args.engine_config(descriptors))
    }

    fn engine_of(&self, config: Result<Config, Error>) -> Result<(Engine, Config), Error> {
        let config = config.map_err(|error| self.locate(error))?;
        let engine = Engine::new(config.clone()).map_err(|error| self.locate(error.into()))?;
        Ok((engine, config))
    }

    /// Whether the settings of TLS make sense together, and the files that they name can be used.
    pub(crate) fn check_tls(&self) -> Result<(), Error> {
        tls::check(&self.args).map_err(|error| self.locate(error))
    }

    /// Says on which line of the file an error is, if it is there.
    pub(crate) fn locate(&self, error: Error) -> Error {
        let suspects: &[&str] = match &error {
            Error::TextFile { setting, .. } => slice::from_ref(setting),
            Error::Config(ConfigError::Name) => &["name"],
            Error::Config(ConfigError::Motd) => &["motd"],
            Error::Config(ConfigError::Password) => &["password_file"],
            Error::Config(ConfigError::Lobby(_)) => &["lobby"],
            Error::Config(ConfigError::Flood) => &["flood"],
            Error::Config(ConfigError::ConnectRate) => &["connect_rate"],
            Error::Config(ConfigError::RoomRate) => &["room_rate"],
            Error::Config(ConfigError::MemoryBelowBacklog) => &["memory", "backlog"],
            Error::HistoryPlace => &["history"],
            Error::Descriptors { .. } => &["max_connections"],
            Error::TlsSettings { setting, .. } => slice::from_ref(setting),
            Error::Tls(chat_tls::Error::File { path, .. }) if self.args.tls_key.as_ref() == Some(path) => {
                &["tls_key"]
            }
            Error::Tls(_) => &["tls_cert"],
            _ => &[],
        };
        match suspects.iter().find_map(|id| self.in_file(id)) {
            Some((file, line)) => Error::File { path: file.path().to_owned(), line, what: error.to_string() },
            None => error,
        }
    }

    /// The file and the line that a setting comes from, if it does.
    fn in_file(&self, id: &str) -> Option<(&File, usize)> {
        let file = self.file.as_ref()?;
        let entry = file.entries().iter().find(|entry| entry.id == id)?;
        (self.matches.value_source(id) == Some(ValueSource::DefaultValue)).then_some((file, entry.line))
    }

    /// All settings as a file that `--config` reads back, with where each comes from. `config` is what they amount to.
    ///
    /// Fails on a value that is not UTF-8, which no such file can hold.
    pub(crate) fn to_toml(&self, config: &Config) -> Result<String, Error> {
        let mut text = String::new();
        for arg in Args::settings() {
            let line = match self.matches.get_raw(arg.get_id().as_str()) {
                // There may be a password in it, which is not printed.
                Some(values) if arg.get_id() == "history" => {
                    let shown = |url: &OsStr| OsString::from(Place::shown(&url.to_string_lossy()));
                    let values: Vec<_> = values.map(shown).collect();
                    format!("{} = {}", name(&arg), toml(&arg, values.iter().map(OsString::as_os_str))?)
                }
                Some(values) => format!("{} = {}", name(&arg), toml(&arg, values)?),
                // What the system allows differs from machine to machine: it is told, and not set.
                None if arg.get_id() == "max_connections" => {
                    format!("# {} = {}", name(&arg), config.max_connections)
                }
                None => format!("# {} =", name(&arg)),
            };
            writeln!(text, "{line:<40} # {}", self.source(&arg)).expect("a string takes all");
        }
        Ok(text)
    }

    /// Where a setting comes from.
    fn source(&self, arg: &Arg) -> String {
        let id = arg.get_id().as_str();
        match (self.matches.value_source(id), self.in_file(id)) {
            (Some(ValueSource::CommandLine), _) => format!("--{}", name(arg)),
            (Some(ValueSource::EnvVariable), _) => arg.get_env().unwrap_or_default().display().to_string(),
            // A comment cannot hold a control character, and a path can.
            (_, Some((file, line))) => format!("{}:{line}", file.path().display().to_string().escape_debug()),
            (Some(_), None) => String::from("default"),
            (None, None) => String::from("not set"),
        }
    }
}

/// What is wrong with a command line, or the environment, is said in one line, like all else.
fn usage(error: clap::Error) -> Error {
    if !error.use_stderr() {
        error.exit();
    }
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    Error::Usage(line.strip_prefix("error: ").unwrap_or(line).to_owned())
}

/// The name of a setting: the flag without its dashes.
fn name(arg: &Arg) -> &str {
    arg.get_long().expect("every setting is a long flag")
}

/// Values as TOML: an array if the flag can be repeated.
fn toml<'a>(arg: &Arg, values: impl Iterator<Item = &'a OsStr>) -> Result<String, Error> {
    let quoted = |value: &OsStr| {
        let text = value.to_str();
        text.map(quoted).ok_or_else(|| Error::Usage(format!("--{} {value:?} is not UTF-8", name(arg))))
    };
    let values = values.map(quoted).collect::<Result<Vec<_>, _>>()?.join(", ");
    Ok(if matches!(arg.get_action(), ArgAction::Append) { format!("[{values}]") } else { values })
}

/// A value as TOML: bare if it is written as TOML writes a number, else a string.
fn quoted(text: &str) -> String {
    let boolean = text == "true" || text == "false";
    let integer = text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
    let float = text.parse::<f64>().is_ok_and(|number| number.is_finite() && format!("{number:?}") == text);
    if boolean || integer || float { String::from(text) } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Descriptors of a machine for tests.
    const DESCRIPTORS: u64 = 20_000;

    const EXAMPLE: &str = include_str!("../../chat.example.toml");

    /// Lines that a large terminal shows at once.
    const SCREEN: usize = 64;

    fn settings(flags: &[&str], text: &str) -> Result<Settings, Error> {
        let command_line: Vec<_> = ["chat"].iter().chain(flags).map(OsString::from).collect();
        Settings::new(&command_line, Some(File::parse(Path::new("chat.toml"), text.as_bytes())?))
    }

    fn printed(settings: &Settings) -> String {
        settings.to_toml(&settings.engine(Descriptors::of(DESCRIPTORS)).unwrap().1).unwrap()
    }

    #[test]
    fn the_example_has_every_setting_at_its_default() {
        assert_eq!(settings(&[], EXAMPLE).unwrap().args, settings(&[], "").unwrap().args);
        for arg in Args::settings() {
            let unset = if arg.get_default_values().is_empty() { "# " } else { "" };
            let start = format!("{unset}{} = ", name(&arg));
            assert_eq!(EXAMPLE.lines().filter(|line| line.starts_with(&start)).count(), 1, "{start}");
        }
        assert!(EXAMPLE.lines().count() <= SCREEN);
    }

    #[test]
    fn what_the_example_leaves_unset_can_be_set() {
        let text = EXAMPLE.replace("# max-connections = ", "max-connections = ");
        let args = settings(&[], &text.replace("# record = ", "record = ")).unwrap().args;
        assert_ne!(args, settings(&[], &text).unwrap().args);
        assert_ne!(args, settings(&[], EXAMPLE).unwrap().args);
        assert!(args.engine_config(Descriptors::of(DESCRIPTORS)).is_ok());
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let text = "listen = [1, 2]\nstall = 5\nmemory = '64m'\nmax-connections = 7";
        let both = settings(&["--listen", "3", "--stall", "6"], text).unwrap();
        let flags = ["--listen", "3", "--stall", "6", "--memory", "64m", "--max-connections", "7"];
        assert_eq!(both.args, settings(&flags, "").unwrap().args);
    }

    #[test]
    fn what_is_printed_reads_back() {
        let flags = [
            ["--listen", "127.0.0.1:1,[::1]:2"],
            ["--listen", ":3"],
            ["--lobby", "none"],
            ["--flood", "1/0.5"],
            ["--stall", "0.25"],
            ["--memory", "64m"],
            ["--backlog", "007"],
            ["--log-level", "warn"],
            ["--history", "sqlite:/a@b:c"],
            ["--history-keep-bytes", "1g"],
            ["--record", "a \"quoted\" \\ path\nof # two lines"],
        ];
        for flags in [&[], flags.as_flattened()] {
            let first = settings(flags, "").unwrap();
            let second = settings(&[], &printed(&first)).unwrap();
            assert_eq!(second.args, first.args);
            let values = |text: &str| text.parse::<toml::Table>().unwrap();
            assert_eq!(values(&printed(&second)), values(&printed(&first)));
        }
    }

    #[test]
    fn what_is_printed_says_where_it_comes_from() {
        let text = printed(&settings(&["--stall", "6"], "\nstall = 5\nlisten = 1").unwrap());
        let line = |key| {
            text.lines().find(|line| line.contains(key)).unwrap().split_whitespace().collect::<Vec<_>>()
        };
        assert_eq!(line("stall"), ["stall", "=", "6", "#", "--stall"]);
        assert_eq!(line("listen"), ["listen", "=", "[1]", "#", "chat.toml:3"]);
        assert_eq!(line("flood"), ["flood", "=", "\"20/4\"", "#", "default"]);
        assert_eq!(line("max-connections ")[..4], ["#", "max-connections", "=", "19896"]);
        assert_eq!(line("record "), ["#", "record", "=", "#", "not", "set"]);
    }

    #[test]
    fn a_password_in_a_url_is_shown_nowhere() {
        let url = "postgres://ann:s3cret@localhost/chat";
        let text = printed(&settings(&["--history", url], "").unwrap());
        assert!(text.contains("\nhistory = \"postgres://ann:***@localhost/chat\""), "{text}");
        let text = printed(&settings(&[], &format!("history = '{url}'")).unwrap());
        assert!(!text.contains("s3cret"), "{text}");
        let refused = settings(&["--history", "mysql://ann:s3cret@localhost"], "")
            .unwrap()
            .engine(Descriptors::of(DESCRIPTORS));
        assert!(!refused.err().unwrap().to_string().contains("s3cret"));
    }

    #[test]
    fn a_contradiction_is_told_with_its_line() {
        let refusal = |flags, text| {
            settings(flags, text).unwrap().engine(Descriptors::of(DESCRIPTORS)).err().unwrap().to_string()
        };
        for (text, line) in [
            ("stall = 5\nlobby = 'lobby'", 2),
            ("flood = '0/1'", 1),
            ("connect-rate = '0/1'", 1),
            ("backlog = '1m'\nmemory = '1k'", 2),
            ("\n\nbacklog = '1g'", 3),
            ("max-connections = 20_000", 1),
            ("\nhistory = 'disk'", 2),
        ] {
            let refusal = refusal(&[], text);
            assert!(refusal.starts_with(&format!("chat.toml:{line}: ")), "{refusal}");
        }
        // The flag is wrong, and not what the file says.
        let refusal = refusal(&["--lobby", "lobby"], "lobby = '#lobby'");
        assert!(!refusal.contains("chat.toml"), "{refusal}");
    }
}
