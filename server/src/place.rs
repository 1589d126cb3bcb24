//! Where history is kept, as a setting.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::Error;

/// The value of `--history`.
///
/// Any text is one, and [`check`](Self::check) says what is wrong with it: the parsers of flags and files would show it,
/// with the password that may be in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing is kept.
    None,
    /// The last events of each room, while the server runs.
    Memory,
    /// In a store.
    Url(String),
}

/// How the URLs of stores begin.
const SCHEMES: [&str; 6] =
    ["sqlite:", "postgres://", "postgresql://", "redis://", "rediss://", "redis+unix://"];
/// The file in the data folder.
const FILE: &str = "history.db";

impl FromStr for Place {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "none" | "none:" => Self::None,
            "memory" | "memory:" => Self::Memory,
            url => Self::Url(String::from(url)),
        })
    }
}

impl Place {
    /// The default: a file in the folder of the server's own files.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self::Url(format!("sqlite:{}", folder.join(FILE).display()))
    }

    /// The URL of the store, if there is one.
    pub(crate) fn url(&self) -> Option<&str> {
        match self {
            Self::None | Self::Memory => None,
            Self::Url(url) => Some(url),
        }
    }

    /// The setting as it is written, for other people's eyes.
    pub(crate) fn shown(text: &str) -> String {
        let Ok(place) = Self::from_str(text);
        if place.url().is_some() { format!("{place:?}") } else { text.into() }
    }

    /// Whether there may be such a store.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let known = |url: &str| {
            SCHEMES.iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        };
        match self.url() {
            Some(url) if !known(url) => Err(Error::HistoryPlace),
            _ => Ok(()),
        }
    }
}

/// The same place, for other people's eyes.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::None => "none".into(),
            Self::Memory => "memory".into(),
            Self::Url(url) => chat_store::shown(url),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stores_that_there_are_may_be_named() {
        for good in [
            "none",
            "memory",
            "memory:",
            "sqlite:x",
            "postgres://h/d",
            "postgresql://h/d",
            "redis://h",
            "rediss://h",
        ] {
            assert!(Place::from_str(good).unwrap().check().is_ok(), "{good}");
        }
        for bad in ["", "disk", "sqlite:", "postgres:h", "mysql://ann:s3cret@h/d"] {
            let error = Place::from_str(bad).unwrap().check().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
    #[test]
    fn settings_are_shown_as_they_are_written() {
        for (text, shown) in [
            ("none", "none"),
            ("memory:", "memory:"),
            ("sqlite:a", "sqlite:a"),
            ("redis://:s3cret@h", "redis://:***@h"),
            ("redis://:s3c@ret@h", "redis://***"),
        ] {
            assert_eq!(Place::shown(text), shown);
        }
    }
}
