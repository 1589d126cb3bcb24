//! A connection to a server that remembers.

use std::time::Duration;

use ::redis::{Client, Connection, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd};

use super::{ROOMS, events_key, room_key};
use crate::StoreError;
use crate::url::take_option;

/// How long to wait for a connection, and for an answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// The version of the keys. A new one needs a step that makes the older keys its own, here.
const FORMAT: u32 = 1;
/// The option in a URL that is ours.
const VOLATILE: &str = "allow-volatile";

/// What is asked of a server.
#[derive(Clone, Copy)]
pub(super) struct Demands {
    pub(super) allow_volatile: bool,
    pub(super) sync_full: bool,
    /// Whether it is only read.
    pub(super) reads: bool,
    /// Whether this is the first connection. What can only be warned about is said once.
    pub(super) is_first: bool,
}

/// Takes our option out of a URL.
pub(super) fn options(url: &str) -> (String, Demands) {
    let (url, volatile) = take_option(url, VOLATILE);
    let allow_volatile = volatile.iter().any(|value| value == "yes");
    (url, Demands { allow_volatile, sync_full: false, reads: false, is_first: true })
}

pub(super) fn connect(client: &Client, demands: Demands) -> Result<Connection, StoreError> {
    let open = || {
        let connection = client.get_connection_with_timeout(CONNECT)?;
        connection.set_read_timeout(Some(ANSWER))?;
        connection.set_write_timeout(Some(ANSWER))?;
        Ok(connection)
    };
    let mut connection = open().map_err(|error: RedisError| explain(&error))?;
    if !demands.reads {
        check_memory(&mut connection, demands)?;
    }
    if !demands.reads && demands.is_first {
        check_role(&mut connection)?;
        check_rights(&mut connection).map_err(|error| explain(&error))?;
    }
    check_format(&mut connection, demands)?;
    Ok(connection)
}

/// Whether the server still knows tomorrow what it is told.
fn check_memory(connection: &mut Connection, demands: Demands) -> Result<(), StoreError> {
    let persistence = info(connection, "persistence");
    let appends = match &persistence {
        Ok(said) => said.lines().any(|line| line.trim_end() == "aof_enabled:1"),
        Err(error)
            if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) && demands.allow_volatile =>
        {
            false
        }
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {
            return Err(StoreError::new(
                "this user may not ask with INFO whether the server remembers what it is told: give it +info in its ACL (or take \
                either, with ?allow-volatile=yes at the end of the URL)",
            ));
        }
        Err(error) => return Err(explain(error)),
    };
    if !appends && !demands.allow_volatile {
        return Err(StoreError::new(
            "this server forgets everything when it ends: set `appendonly yes` in its configuration (or take that, with \
            ?allow-volatile=yes at the end of the URL)",
        ));
    }
    // Who may not ask is told as if it were the worst.
    let asked: RedisResult<Vec<String>> = cmd("CONFIG").arg("GET").arg("appendfsync").query(connection);
    let policy = asked.ok().and_then(|answer| answer.get(1).cloned()).unwrap_or_else(|| "unknown".into());
    if demands.sync_full && (policy != "always" || !appends) {
        return Err(StoreError::new(format_args!(
            "this server's `appendfsync` is {policy}: to survive the end of power, it has to be `always`"
        )));
    }
    if demands.is_first && appends && policy != "always" {
        tracing::warn!(
            appendfsync = policy,
            "appendfsync is not `always`: the last second of what was shown is lost if the machine or Redis crashes"
        );
    }
    let memory = info(connection, "memory").unwrap_or_default();
    let value = |name: &str| memory.lines().find_map(|line| line.trim_end().strip_prefix(name));
    let evicts = value("maxmemory_policy:").is_some_and(|policy| policy.starts_with("allkeys"));
    if demands.is_first && evicts && value("maxmemory:") != Some("0") {
        tracing::warn!("this server gives up keys when its memory is full: rooms may lose their history");
    }
    Ok(())
}

fn info(connection: &mut Connection, section: &str) -> RedisResult<String> {
    cmd("INFO").arg(section).query(connection)
}

/// Whether it may be written to.
fn check_role(connection: &mut Connection) -> Result<(), StoreError> {
    // Whoever may not ask finds out all the same.
    let replication = info(connection, "replication").unwrap_or_default();
    if replication.lines().any(|line| line.trim_end() == "role:slave") {
        return Err(StoreError::new(
            "this server is a replica, and may only be read: name the one it follows",
        ));
    }
    Ok(())
}

/// Does all that a server does once, with keys that no room has, so that a right that is missing is missed at the start.
fn check_rights(connection: &mut Connection) -> RedisResult<()> {
    let (stream, hash) = (events_key(""), room_key(""));
    let mut tried = |command: &str, arguments: &[&str]| -> RedisResult<()> {
        cmd(command).arg(arguments).query::<Value>(connection).map(drop)
    };
    // Left by one that was killed here.
    tried("DEL", &[&stream, &hash])?;
    tried("XADD", &[&stream, "1-0", "at", "0", "kind", "", "nick", "", "text", ""])?;
    tried("XINFO", &["STREAM", &stream])?;
    tried("XRANGE", &[&stream, "-", "+", "COUNT", "1"])?;
    tried("XREVRANGE", &[&stream, "+", "-", "COUNT", "1"])?;
    tried("XTRIM", &[&stream, "MINID", "=", "2-0"])?;
    tried("EXISTS", &[&stream])?;
    tried("HSET", &[&hash, "seq", "1"])?;
    tried("HINCRBY", &[&hash, "bytes", "1"])?;
    tried("HGET", &[&hash, "seq"])?;
    tried("HMGET", &[&hash, "seq", "bytes"])?;
    tried("HDEL", &[&hash, "topic"])?;
    tried("ZADD", &[ROOMS, "XX", "0", ""])?;
    tried("ZRANGEBYLEX", &[ROOMS, "(", "+", "LIMIT", "0", "1"])?;
    tried("MULTI", &[])?;
    tried("EXEC", &[])?;
    tried("DEL", &[&stream, &hash])
}

fn check_format(connection: &mut Connection, demands: Demands) -> Result<(), StoreError> {
    let may_begin = !demands.reads && (demands.is_first || demands.allow_volatile);
    let mut ask = || {
        if may_begin {
            cmd("SET").arg("chat:format").arg(FORMAT).arg("NX").exec(connection)?;
        }
        cmd("GET").arg("chat:format").query::<Option<u32>>(connection)
    };
    match ask().map_err(|error| explain(&error))? {
        Some(format) if format > FORMAT => Err(StoreError::new(format_args!(
            "it was written by a newer version (its format is {format}, and this version knows {FORMAT})"
        ))),
        Some(_) => Ok(()),
        None if demands.reads => Err(StoreError::new("it has no history")),
        None => Err(StoreError::gone()),
    }
}

/// What Redis means, in a line for an operator.
pub(super) fn explain(error: &RedisError) -> StoreError {
    let reason = format_args!("Redis: {error}");
    // Somebody has put something else where a room's events belong; a script says so in its own words.
    let is_refusal = error.to_string().contains("WRONGTYPE");
    if is_refusal { StoreError::refused(None, reason) } else { StoreError::new(reason) }
}
