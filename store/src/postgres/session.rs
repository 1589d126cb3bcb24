//! A connection, and what it has prepared.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ::postgres::error::SqlState;
use ::postgres::types::ToSql;
use ::postgres::{Client, Config, Error, NoTls, Row, Statement};

use super::schema;
use crate::StoreError;

/// How long to wait for a connection, and for a server that is gone without a word.
const CONNECT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(10);
/// The same from this side: how long nothing comes until it is asked whether anybody is there, how often, and how long until
/// it is asked again.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVES: u32 = 3;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// How long all of it may take until a connection can be used, and how many of those that take longer there may be.
const START: Duration = Duration::from_secs(25);
const STARTING: usize = 8;
/// What a connection that only reads is told: no question may take longer than whoever asks waits.
const READING: &str = "
    SET default_transaction_read_only = on;
    SET statement_timeout = '5s';
    -- Plans depend on which words are common.
    SET plan_cache_mode = force_custom_plan;
    -- See `search`.
    SET enable_seqscan = off;
";
/// What one that writes is told before it has the lock: so a server notices that whoever has it is gone without a word.
const NOTICING: &str = "
    SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '25s';
";
/// And when it has made the tables: a write that takes longer never ends.
const WRITING: &str = "SET statement_timeout = '60s';";
/// The lock that a server holds while it writes: "chat" as a number.
const LOCK: &str = "SET lock_timeout = '10s'; SELECT pg_advisory_lock(1667784052); SET lock_timeout = 0;";

/// What a connection is for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Write { sync_full: bool },
    Read,
}

/// An open connection.
pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// Whether it is of no use for other questions.
    pub(super) is_spoilt: bool,
}

impl Session {
    pub(super) fn start(config: &Config, purpose: Purpose) -> Result<Self, StoreError> {
        let mut config = config.clone();
        config.connect_timeout(CONNECT).tcp_user_timeout(SILENCE).application_name("chat");
        config.keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVES);
        let mut client = within_time(move || {
            let mut client = config.connect(NoTls).map_err(|error| explain(&error))?;
            prepare(&mut client, purpose)?;
            Ok(client)
        })?;
        match purpose {
            Purpose::Write { .. } => {
                schema::migrate(&mut client)?;
                client.batch_execute(WRITING).map_err(|error| explain(&error))?;
            }
            Purpose::Read => schema::check(&mut client)?,
        }
        Ok(Self { client, statements: HashMap::new(), is_spoilt: false })
    }

    pub(super) fn query(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let statement = match self.statements.get(sql) {
            Some(statement) => statement,
            None => {
                let statement = self.client.prepare(sql)?;
                self.statements.entry(sql).or_insert(statement)
            }
        };
        self.client.query(statement, params)
    }

    pub(super) fn execute(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<(), Error> {
        self.query(sql, params).map(drop)
    }
}

/// Makes a connection, but waits no longer than that may take: a server that stands still accepts it, and says nothing.
fn within_time(
    make: impl FnOnce() -> Result<Client, StoreError> + Send + 'static,
) -> Result<Client, StoreError> {
    static MAKING: AtomicUsize = AtomicUsize::new(0);
    if MAKING.load(Ordering::Relaxed) >= STARTING {
        return Err(StoreError::new("PostgreSQL does not answer"));
    }
    let (to, made) = mpsc::channel();
    let thread = thread::Builder::new().name("connect".into()).spawn(move || {
        MAKING.fetch_add(1, Ordering::Relaxed);
        let done = make();
        MAKING.fetch_sub(1, Ordering::Relaxed);
        // If nobody waits any longer, the connection ends here, and with it its lock.
        let _ = to.send(done);
    });
    thread.map_err(|error| StoreError::new(format_args!("no thread to connect: {error}")))?;
    made.recv_timeout(START).unwrap_or_else(|_| Err(StoreError::new("PostgreSQL does not answer")))
}

fn prepare(client: &mut Client, purpose: Purpose) -> Result<(), StoreError> {
    // Compiling a plan takes longer than any of these questions. Notices are for people.
    run(client, "SET jit = off; SET client_min_messages = warning;")?;
    let encoding = show(client, "SHOW server_encoding")?;
    if encoding != "UTF8" {
        return Err(StoreError::new(format_args!(
            "the encoding of this database is {encoding}, and it has to be UTF8 (CREATE DATABASE … ENCODING 'UTF8' \
            TEMPLATE template0)"
        )));
    }
    let Purpose::Write { sync_full } = purpose else { return run(client, READING) };
    run(client, NOTICING)?;
    let fsync = show(client, "SHOW fsync")?;
    if fsync == "off" && sync_full {
        return Err(StoreError::new("fsync is off: to survive the end of power, it has to be on"));
    }
    // Whoever has asked for more than that gets more.
    match (&*show(client, "SHOW synchronous_commit")?, sync_full) {
        ("off" | "local", true) => run(client, "SET synchronous_commit = on;")?,
        // What is said to be stored survives a crash of PostgreSQL.
        ("off", false) => run(client, "SET synchronous_commit = local;")?,
        _ => {}
    }
    if fsync == "off" {
        tracing::warn!("fsync is off: a crash of the machine may damage the database");
    }
    run(client, LOCK)
}

fn run(client: &mut Client, sql: &str) -> Result<(), StoreError> {
    client.batch_execute(sql).map_err(|error| match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
            StoreError::new("another server uses this database")
        }
        _ => explain(&error),
    })
}

fn show(client: &mut Client, sql: &str) -> Result<String, StoreError> {
    Ok(client.query_one(sql, &[]).map_err(|error| explain(&error))?.get(0))
}

/// What PostgreSQL means, in a line for an operator.
pub(super) fn explain(error: &Error) -> StoreError {
    if let Some(said) = error.as_db_error() {
        return StoreError::new(format_args!("PostgreSQL says: {} ({})", said.message(), said.code().code()));
    }
    match std::error::Error::source(error) {
        Some(source) => StoreError::new(format_args!("PostgreSQL: {error}: {source}")),
        None => StoreError::new(format_args!("PostgreSQL: {error}")),
    }
}
