//! The configuration file: TOML, with the flags' own names as keys and what a flag would take as values.

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, CommandFactory};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Error;
use crate::args::Args;
use crate::text_file::{self, NoText};

/// A configuration file. Its keys are known, and its values are good, each by itself.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    entries: Vec<Entry>,
}

/// What a file says about one setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The flag, as [`Arg::get_id`] names it.
    pub(crate) id: String,
    /// Its values, as a flag takes them.
    pub(crate) values: Vec<String>,
    /// The line that it begins on, from 1.
    pub(crate) line: usize,
}

/// What is wrong with a file, and at which byte.
struct Wrong {
    at: usize,
    what: String,
}

impl File {
    /// Reads it, and checks everything in it, be it in force or not.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path)
            .map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))?;
        Self::parse(path, &bytes)
    }

    /// As [`read`](Self::read), with what it holds.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |line, what| Error::File { path: path.to_owned(), line, what };
        let text = text_file::decode(bytes).map_err(|NoText { line, what }| refuse(line, what.into()))?;
        let entries = entries(&text).map_err(|Wrong { at, what }| refuse(line(&text, at), what))?;
        Ok(Self { path: path.to_owned(), entries })
    }

    /// What it says, from top to bottom.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The line of a byte, from 1.
fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count()
}

fn entries(text: &str) -> Result<Vec<Entry>, Wrong> {
    let table = DeTable::parse(text).map_err(|error| Wrong {
        at: error.span().map_or(0, |span| span.start),
        what: error.message().trim_end().replace('\n', ", "),
    })?;
    let mut pairs: Vec<_> = table.get_ref().iter().collect();
    // From top to bottom, so that the first thing wrong is the one that is told.
    pairs.sort_unstable_by_key(|(key, _)| key.span().start);
    let settings = Args::settings();
    pairs
        .into_iter()
        .map(|(key, value)| {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            let arg = settings.iter().find(|arg| arg.get_long() == Some(name));
            let arg = arg.ok_or_else(|| Wrong { at, what: unknown(name) })?;
            let values = values(arg, name, value, at)?;
            Ok(Entry { id: arg.get_id().to_string(), values, line: line(text, at) })
        })
        .collect()
}

/// What to say of a key that is none: clap knows which one it resembles.
fn unknown(key: &str) -> String {
    let error = Args::command().no_binary_name(true).try_get_matches_from([format!("--{key}")]).err();
    match error.as_ref().and_then(|error| error.get(ContextKind::SuggestedArg)) {
        Some(ContextValue::String(flag)) => {
            format!("unknown key {key:?}; did you mean {:?}?", flag.trim_start_matches('-'))
        }
        _ => format!("unknown key {key:?}"),
    }
}

/// The values of a setting, as a flag takes them. `at` is where its key is.
fn values(arg: &Arg, key: &str, value: &Spanned<DeValue<'_>>, at: usize) -> Result<Vec<String>, Wrong> {
    let Some(items) = value.get_ref().as_array() else {
        return Ok(vec![checked(arg, key, value.get_ref(), at)?]);
    };
    if !matches!(arg.get_action(), ArgAction::Append) {
        return Err(Wrong { at, what: format!("{key} is one value, not an array") });
    }
    if items.is_empty() {
        return Err(Wrong { at, what: format!("{key} needs at least one value") });
    }
    items.iter().map(|item| checked(arg, key, item.get_ref(), item.span().start)).collect()
}

/// One value, as a flag takes it, found good by the flag's own parser.
fn checked(arg: &Arg, key: &str, value: &DeValue<'_>, at: usize) -> Result<String, Wrong> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        _ => return Err(Wrong { at, what: format!("{key} cannot be of type {}", value.type_str()) }),
    };
    let command = Command::new("file").no_binary_name(true).arg(arg.clone());
    match command.try_get_matches_from([format!("--{key}={text}")]) {
        Ok(_) => Ok(text),
        Err(error) => Err(Wrong { at, what: format!("{key} = {text:?}: {}", cause(&error)) }),
    }
}

/// Why a value is not good, without the name of the flag.
fn cause(error: &clap::Error) -> String {
    match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(cause), _) => cause.to_string(),
        (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
            format!("use one of {}", valid.join(", "))
        }
        _ => String::from("a value is needed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &[u8]) -> String {
        File::parse(Path::new("chat.toml"), text).expect_err("something is wrong").to_string()
    }

    #[test]
    fn values_are_what_a_flag_takes() {
        let text = "listen = [\":8080\", 8081]\n\n# A comment.\nstall = 0.5\nmemory = 1_000\nlobby = '#x'\n";
        let file = File::parse(Path::new("chat.toml"), text.as_bytes()).unwrap();
        let entry = |id: &str, values: &[&str], line| Entry {
            id: String::from(id),
            values: values.iter().map(|&value| String::from(value)).collect(),
            line,
        };
        let expected = [
            entry("listen", &[":8080", "8081"], 1),
            entry("stall", &["0.5"], 4),
            entry("memory", &["1000"], 5),
            entry("lobby", &["#x"], 6),
        ];
        assert_eq!(file.entries(), expected);
    }

    #[test]
    fn the_first_wrong_line_is_told() {
        let wrong = [
            ("\nlisen = 8080", r#"2: unknown key "lisen"; did you mean "listen"?"#),
            ("max_connections = 5", r#"1: unknown key "max_connections"; did you mean "max-connections"?"#),
            ("stall = 5\nconfig = 'x'", r#"2: unknown key "config""#),
            ("help = 1", r#"1: unknown key "help""#),
            ("\n[limits]\nstall = 5", r#"2: unknown key "limits""#),
            (
                "stall = 5\nmemory = '1 ton'\nlobbi = 1",
                r#"2: memory = "1 ton": use bytes, such as 65536, 64k, 1m or 1g"#,
            ),
            (
                "listen = [\n  8080,\n  'nowhere',\n]",
                r#"3: listen = "nowhere": use IP:PORT, [IPV6]:PORT, or PORT alone"#,
            ),
            ("history-mode = 'slow'", r#"1: history-mode = "slow": use one of safe, fast"#),
            ("rooms-per-user = -1", r#"1: rooms-per-user = "-1": invalid digit found in string"#),
            ("record = ''", r#"1: record = "": a value is needed"#),
            ("flood = true", r#"1: flood = "true": use LINES/SECONDS, such as 20/4, or off"#),
            ("flood.lines = 20", "1: flood cannot be of type table"),
            ("stall = [5]", "1: stall is one value, not an array"),
            ("listen = []", "1: listen needs at least one value"),
            ("listen = [[8080]]", "1: listen cannot be of type array"),
        ];
        for (text, what) in wrong {
            assert_eq!(refusal(text.as_bytes()), format!("chat.toml:{what}"), "{text}");
        }
        assert_eq!(refusal(b"stall = 5\nlobby = '#\xff'"), "chat.toml:2: this is not UTF-8");
    }

    #[test]
    fn what_is_not_toml_is_told_in_one_line() {
        for (text, line) in [
            ("stall = 5\nstall = 6", 2),
            ("stall = 5\n\nmemory =\nlobby = '#x'", 3),
            ("lobby = #lobby\nstall = 5", 1),
            ("stall = 5\nlobby = '#x\nflood = 'off'", 2),
            ("listen = [8080,\n8081\nstall = 5\n", 3),
            ("stall 5", 1),
        ] {
            let refusal = refusal(text.as_bytes());
            assert!(refusal.starts_with(&format!("chat.toml:{line}: ")), "{text}: {refusal}");
            assert!(!refusal.contains('\n'), "{refusal}");
        }
    }
}
