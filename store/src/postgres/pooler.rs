//! Poolers that give each transaction another session of PostgreSQL's, such as PgBouncer with `pool_mode = transaction`.
//!
//! With these, a lock stays with a session that somebody else has next, and what was prepared in one is unknown to the
//! other. A server would start, and store nothing. So it looks, before it takes its lock.

use ::postgres::{Client, SimpleQueryMessage};

use super::session::explain;
use crate::StoreError;

/// How often a session is asked who it is: a pooler that takes turns shows itself.
const TURNS: usize = 3;

/// Makes sure that a session is one until its end. A second one, which has another beside it, is made for that.
pub(super) fn refuse(
    client: &mut Client,
    connect: impl FnOnce() -> Result<Client, StoreError>,
) -> Result<(), StoreError> {
    let own = backend(client)?;
    let mut beside = connect()?;
    // A transaction keeps what it has: with a pooler, perhaps the session that was just used for the other.
    beside.batch_execute("BEGIN").map_err(|error| explain(&error))?;
    let mut is_pooled = backend(&mut beside)? == own;
    for _ in 0..TURNS {
        is_pooled = is_pooled || backend(client)? != own;
    }
    if !is_pooled {
        return Ok(());
    }
    Err(StoreError::new(
        "a pooler stands between this server and PostgreSQL, and gives each transaction another session: the lock that \
        keeps a second server away needs a session of its own (PgBouncer: pool_mode = session, for this database alone if \
        need be, or connect to PostgreSQL itself)",
    ))
}

/// Which process of PostgreSQL answers.
fn backend(client: &mut Client) -> Result<String, StoreError> {
    // Nothing is prepared for that.
    let answer = client.simple_query("SELECT pg_backend_pid()").map_err(|error| explain(&error))?;
    let pid = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    pid.map(String::from).ok_or_else(|| StoreError::new("PostgreSQL does not say which session this is"))
}
