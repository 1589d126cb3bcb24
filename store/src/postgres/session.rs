//! A connection, and what it has prepared.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ::postgres::types::ToSql;
use ::postgres::{Client, Config, Error, Row, Statement};

use super::tls::Tls;
use super::{owner, pooler, schema, settings};
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
/// How long the end may wait for the server.
const FAREWELL: Duration = Duration::from_secs(1);
/// What a connection is for.
#[derive(Clone)]
pub(super) enum Purpose {
    Write(Writer),
    Read,
}

/// Who writes.
#[derive(Clone)]
pub(super) struct Writer {
    /// Its name in the history.
    pub(super) name: String,
    /// Whether what is stored has to survive the end of power.
    pub(super) sync_full: bool,
    /// Whether it has had a session before.
    pub(super) has_begun: bool,
}

/// An open connection.
pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// Whether it is of no use for other questions.
    pub(super) is_spoilt: bool,
}

impl Session {
    pub(super) fn start(config: &Config, tls: &Tls, purpose: &Purpose) -> Result<Self, StoreError> {
        let mut config = config.clone();
        config.connect_timeout(CONNECT).tcp_user_timeout(SILENCE).application_name("chat");
        config.keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVES);
        let (tls, purpose) = (tls.clone(), purpose.clone());
        let client = within_time(move || {
            let mut client = connect(&config, &tls)?;
            settings::apply(&mut client, &purpose)?;
            match &purpose {
                Purpose::Write(writer) => {
                    if !writer.has_begun {
                        pooler::refuse(&mut client, || connect(&config, &tls))?;
                    }
                    owner::take(&mut client, writer)?;
                    settings::run(&mut client, settings::WRITING)?;
                }
                Purpose::Read => schema::check(&mut client)?,
            }
            Ok(client)
        })?;
        Ok(Self { client, statements: HashMap::new(), is_spoilt: false })
    }

    /// Whether the history is that of the server with this name.
    pub(super) fn is_owned_by(&mut self, name: &str) -> Result<Result<(), StoreError>, Error> {
        let rows = self.query(owner::KNOWN, &[])?;
        let known: Option<String> = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(owner::judge(known.as_deref(), name))
    }

    /// Whether it is that of any server.
    pub(super) fn has_owner(&mut self) -> Result<bool, Error> {
        Ok(!self.query(owner::KNOWN, &[])?.is_empty())
    }

    /// Says that this server has ended, if that can be said in no time.
    pub(super) fn leave(mut self, name: String) {
        let (to, left) = mpsc::channel();
        let leave = thread::Builder::new().name("leave".into()).spawn(move || {
            let _ = owner::leave(&mut self.client, &name);
            drop(self);
            let _ = to.send(());
        });
        if leave.is_ok() {
            // If nobody answers, the next one waits a little longer.
            let _ = left.recv_timeout(FAREWELL);
        }
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

fn connect(config: &Config, tls: &Tls) -> Result<Client, StoreError> {
    tls.connect(config).map_err(|error| explain(&error))
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

/// What PostgreSQL means, in a line for an operator.
pub(super) fn explain(error: &Error) -> StoreError {
    if let Some(said) = error.as_db_error() {
        let code = said.code().code();
        let reason = format_args!("PostgreSQL says: {} ({code})", said.message());
        return if is_refusal(error) { StoreError::refused(None, reason) } else { StoreError::new(reason) };
    }
    match std::error::Error::source(error) {
        Some(source) => StoreError::new(format_args!("PostgreSQL: {error}: {source}")),
        None => StoreError::new(format_args!("PostgreSQL: {error}")),
    }
}

/// Whether it is about what was asked, and will be the same the next time: data that cannot be, or too much of it.
pub(super) fn is_refusal(error: &Error) -> bool {
    error.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.code().starts_with(class)))
}
