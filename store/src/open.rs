//! A URL to stores.

use std::path::Path;

use crate::url::{UNCLEAR, is_clear, shown};
use crate::{OpenError, Postgres, Redis, Retention, Sqlite, Store, Stores};

/// An open history.
pub struct Opened {
    /// What a worker needs, or an import.
    pub stores: Stores,
    /// What it is, for the log: never with a password.
    pub name: String,
}

/// Where a history is.
enum Place<'a> {
    Sqlite(&'a Path),
    Postgres,
    Redis,
}

/// Opens `sqlite:PATH`, `postgres://…`, `redis://…`, `rediss://…` or `redis+unix://…`, to write to it. With `sync_full`, what is stored
/// survives the end of power, too, whatever the store's own settings are.
///
/// # Errors
///
/// If the URL is none of these, or the store cannot be used.
pub fn open(url: &str, sync_full: bool, retention: Retention) -> Result<Opened, OpenError> {
    let (writer, reader, name): (Box<dyn Store>, Box<dyn Store>, _) = match place(url)? {
        Place::Sqlite(path) => (
            Box::new(Sqlite::open(path, sync_full)?),
            Box::new(Sqlite::open_to_read(path)?),
            format!("sqlite:{}", path.display()),
        ),
        Place::Postgres => {
            (Box::new(Postgres::open(url, sync_full)?), Box::new(Postgres::open_to_read(url)?), shown(url))
        }
        Place::Redis => {
            (Box::new(Redis::open(url, sync_full)?), Box::new(Redis::open_to_read(url)?), shown(url))
        }
    };
    Ok(Opened { stores: Stores { writer, reader, retention }, name })
}

/// Opens a history only to read it, also while a server uses it: for an export.
///
/// # Errors
///
/// If the URL is none that [`open`] knows, or there is no history.
pub fn open_to_read(url: &str) -> Result<Box<dyn Store>, OpenError> {
    match place(url)? {
        Place::Sqlite(path) => Ok(Box::new(Sqlite::open_to_read(path)?)),
        Place::Postgres => Ok(Box::new(Postgres::open_to_read(url)?)),
        Place::Redis => Ok(Box::new(Redis::open_to_read(url)?)),
    }
}

fn place(url: &str) -> Result<Place<'_>, OpenError> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(Place::Sqlite(Path::new(path))),
        Some(("sqlite", _)) => {
            Err(OpenError::new("sqlite: needs a path behind it, as in sqlite:chat-data/history.db"))
        }
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
            clear(Place::Postgres, "PostgreSQL", url)
        }
        Some(("redis" | "rediss" | "redis+unix", rest)) if rest.starts_with("//") => {
            clear(Place::Redis, "Redis", url)
        }
        // The URL may have a password in it.
        _ => Err(OpenError::new("a history store is sqlite:PATH, postgres://… or redis://…")),
    }
}

/// A URL that means something else to a library than to its author would have the library show a part of the password.
fn clear<'a>(place: Place<'a>, what: &str, url: &str) -> Result<Place<'a>, OpenError> {
    if is_clear(url) { Ok(place) } else { Err(OpenError::new(format_args!("the URL of {what} {UNCLEAR}"))) }
}
