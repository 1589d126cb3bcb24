//! A connection, and what it has prepared.

use std::collections::HashMap;
use std::time::Duration;

use ::postgres::error::SqlState;
use ::postgres::types::ToSql;
use ::postgres::{Client, Config, Error, NoTls, Row, Statement};

use super::schema;
use crate::StoreError;

/// How long to wait for a connection, and for a server that is gone without a word.
const CONNECT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(10);
/// What a connection that only reads is told: no question may take longer than whoever asks waits.
const READING: &str = "
    SET default_transaction_read_only = on;
    SET statement_timeout = '5s';
    -- Plans depend on which words are common.
    SET plan_cache_mode = force_custom_plan;
    -- See `search`.
    SET enable_seqscan = off;
";
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
}

impl Session {
    pub(super) fn start(config: &Config, purpose: Purpose) -> Result<Self, StoreError> {
        let mut config = config.clone();
        config.connect_timeout(CONNECT).tcp_user_timeout(SILENCE).application_name("chat");
        let mut client = config.connect(NoTls).map_err(|error| explain(&error))?;
        let prepare = |client: &mut Client| {
            // Compiling a plan takes longer than any of these questions. Notices are for people.
            client.batch_execute("SET jit = off; SET client_min_messages = warning;")?;
            match purpose {
                Purpose::Write { sync_full } => {
                    if sync_full {
                        client.batch_execute("SET synchronous_commit = on;")?;
                    }
                    client.batch_execute(LOCK)
                }
                Purpose::Read => client.batch_execute(READING),
            }
        };
        prepare(&mut client).map_err(|error| match error.code() {
            Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
                StoreError::new("another server uses this database")
            }
            _ => explain(&error),
        })?;
        match purpose {
            Purpose::Write { .. } => {
                schema::migrate(&mut client)?;
                warn_if_hasty(&mut client).map_err(|error| explain(&error))?;
            }
            Purpose::Read => schema::check(&mut client)?,
        }
        Ok(Self { client, statements: HashMap::new() })
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

fn warn_if_hasty(client: &mut Client) -> Result<(), Error> {
    let setting: String = client.query_one("SHOW synchronous_commit", &[])?.get(0);
    if setting == "off" {
        tracing::warn!("synchronous_commit is off: a crash of PostgreSQL may lose what was shown");
    }
    Ok(())
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
