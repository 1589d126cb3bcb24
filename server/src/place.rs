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
const SCHEMES: [&str; 5] = ["sqlite:", "postgres://", "postgresql://", "redis://", "redis+unix://"];
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
        match self {
            Self::None => f.write_str("none"),
            Self::Memory => f.write_str("memory"),
            Self::Url(url) => f.write_str(&blanked(url)),
        }
    }
}

/// A URL without its password. What is left is a URL as well.
pub(crate) fn blanked(url: &str) -> String {
    const BLANK: &str = "***";
    let Some((scheme, rest)) = url.split_once("://") else { return String::from(url) };
    if let Some(name) = carelessly_named(rest) {
        return format!("{scheme}://{name}:{BLANK}");
    }
    // A password may have any of these in it, if its owner was careless.
    let (rest, query) = match rest.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or_default();
            let (host, query) =
                host.split_once('?').map_or((host, None), |(host, query)| (host, Some(query)));
            (format!("{name}:{BLANK}@{host}"), query)
        }
        _ => match rest.split_once('?') {
            Some((rest, query)) => (String::from(rest), Some(query)),
            None => (String::from(rest), None),
        },
    };
    let blank = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if key.to_ascii_lowercase().contains("pass") => format!("{key}={BLANK}"),
        _ => String::from(pair),
    };
    let query = query.map(|query| query.split('&').map(blank).collect::<Vec<_>>().join("&"));
    query.into_iter().fold(format!("{scheme}://{rest}"), |url, query| format!("{url}?{query}"))
}

/// Who is named in front of a password, if no host follows it: then what is after the colon is no port.
fn carelessly_named(rest: &str) -> Option<&str> {
    if rest.contains('@') {
        return None;
    }
    let hosts = rest.split(['/', '?']).next().unwrap_or_default();
    let is_plain = |host: &str| {
        // An address may have colons, too, within brackets.
        let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
        after.split_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if hosts.split(',').all(is_plain) {
        return None;
    }
    rest.split_once(':').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_blanked_and_nothing_else() {
        for (url, shown) in [
            ("sqlite:/a@b:c/history.db", "sqlite:/a@b:c/history.db"),
            ("postgres://ann@host/chat", "postgres://ann@host/chat"),
            (
                "postgres://ann:s3c@host:5432/chat?sslmode=disable",
                "postgres://ann:***@host:5432/chat?sslmode=disable",
            ),
            ("postgres://host/chat?password=s3cret&user=ann", "postgres://host/chat?password=***&user=ann"),
            ("redis://:s3:c/r@e?t@host/0", "redis://:***@host/0"),
            ("redis://:s3cret", "redis://:***"),
            ("postgres://ann:s3c/ret?host", "postgres://ann:***"),
            ("postgres://[::1]:5432,host:1/chat", "postgres://[::1]:5432,host:1/chat"),
            ("redis+unix:///run/a:b.sock", "redis+unix:///run/a:b.sock"),
        ] {
            assert_eq!(blanked(url), shown);
            assert_eq!(format!("{:?}", Place::from_str(url).unwrap()), shown);
        }
    }

    #[test]
    fn only_stores_that_there_are_may_be_named() {
        for good in
            ["none", "memory", "memory:", "sqlite:x", "postgres://h/d", "postgresql://h/d", "redis://h"]
        {
            assert!(Place::from_str(good).unwrap().check().is_ok(), "{good}");
        }
        for bad in ["", "disk", "sqlite:", "postgres:h", "mysql://ann:s3cret@h/d"] {
            let error = Place::from_str(bad).unwrap().check().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
