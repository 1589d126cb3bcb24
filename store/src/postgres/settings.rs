//! What a session is told at its start, and asked: whatever operators have set for their roles and databases, the questions
//! here mean the same.

use ::postgres::Client;

use super::session::{Purpose, explain};
use crate::StoreError;

/// No limit that was set for a role ends a session, or a statement. Which of these there are depends on the version.
const UNLIMITED: &str = "
    SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN (
        'statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout',
        'idle_in_transaction_session_timeout')";
/// Strings are UTF-8, and a statement sees what was stored when it begins. Compiling a
/// plan takes longer than any of the questions here. Notices are for people.
const USUAL: &str = "
    SET client_encoding = 'UTF8';
    SET standard_conforming_strings = on;
    SET default_transaction_isolation = 'read committed';
    SET jit = off;
    SET client_min_messages = warning;
";
/// What a session that only reads is told: no question may take longer than whoever asks waits.
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
pub(super) const WRITING: &str = "SET statement_timeout = '60s';";

/// Tells and asks a new session what its purpose takes, but for what only the tables know.
pub(super) fn apply(client: &mut Client, purpose: &Purpose) -> Result<(), StoreError> {
    client.simple_query(UNLIMITED).map_err(|error| explain(&error))?;
    run(client, USUAL)?;
    let encoding = show(client, "SHOW server_encoding")?;
    if encoding != "UTF8" {
        return Err(StoreError::new(format_args!(
            "the encoding of this database is {encoding}, and it has to be UTF8 (CREATE DATABASE … ENCODING 'UTF8' \
            TEMPLATE template0)"
        )));
    }
    match purpose {
        Purpose::Read => run(client, READING),
        Purpose::Write(writer) => {
            run(client, NOTICING)?;
            survive(client, writer.sync_full)?;
            if show(client, "SHOW transaction_read_only")? == "on" {
                return Err(StoreError::new(
                    "this database may only be read just now: it is a standby, or `default_transaction_read_only` is on",
                ));
            }
            Ok(())
        }
    }
}

/// What is said to be stored survives a crash.
fn survive(client: &mut Client, sync_full: bool) -> Result<(), StoreError> {
    let fsync = show(client, "SHOW fsync")?;
    if fsync == "off" && sync_full {
        return Err(StoreError::new("fsync is off: to survive the end of power, it has to be on"));
    }
    // Whoever has asked for more than that gets more.
    match (&*show(client, "SHOW synchronous_commit")?, sync_full) {
        ("off" | "local", true) => run(client, "SET synchronous_commit = on;")?,
        ("off", false) => run(client, "SET synchronous_commit = local;")?,
        _ => {}
    }
    if fsync == "off" {
        tracing::warn!("fsync is off: a crash of the machine may damage the database");
    }
    Ok(())
}

pub(super) fn run(client: &mut Client, sql: &str) -> Result<(), StoreError> {
    client.batch_execute(sql).map_err(|error| explain(&error))
}

fn show(client: &mut Client, sql: &str) -> Result<String, StoreError> {
    let shown = client.query_one(sql, &[]).and_then(|row| row.try_get(0));
    shown.map_err(|error| explain(&error))
}
