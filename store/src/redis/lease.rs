//! One server at a time writes: a key that it renews, and that expires when it does not.

use std::process;
use std::time::{Duration, SystemTime};

use ::redis::{Cmd, Connection, RedisResult, cmd};

use crate::StoreError;

/// The key; its value is whoever writes.
pub(super) const WRITER: &str = "chat:writer";
/// How long it lasts. Whoever was killed keeps others out for so long.
const LEASE: Duration = Duration::from_secs(5);
/// How long a server that starts waits for the lease of one that was killed, and how often it looks.
pub(super) const WAIT: Duration = Duration::from_secs(6);
pub(super) const GLANCE: Duration = Duration::from_millis(100);
/// How often it is renewed, if nothing is stored.
pub(super) const RENEWAL: Duration = Duration::from_millis(1_500);

/// Answers whether it has it now.
const HOLD: &str = "
    local writer = redis.call('GET', KEYS[1])
    if writer and writer ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 1";
const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0";

/// A name that no other process has, nor another value in this one.
pub(super) fn name() -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{}-{}", process::id(), now.as_nanos())
}

/// Takes the lease, or renews it.
pub(super) fn hold(name: &str) -> Cmd {
    let mut hold = cmd("EVAL");
    hold.arg(HOLD).arg(1).arg(WRITER).arg(name).arg(u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX));
    hold
}

/// Gives it back.
pub(super) fn release(connection: &mut Connection, name: &str) -> RedisResult<()> {
    cmd("EVAL").arg(RELEASE).arg(1).arg(WRITER).arg(name).exec(connection)
}

pub(super) fn taken() -> StoreError {
    StoreError::new("another server uses this Redis")
}
