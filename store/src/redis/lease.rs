//! One server at a time writes: a key that it renews, and that expires when it does not; and another key that stays, see
//! [`crate::owner`].

use std::time::Duration;

use ::redis::{Cmd, Connection, RedisResult, cmd};

use crate::StoreError;

/// The key that expires; its value is whoever writes.
pub(super) const WRITER: &str = "chat:writer";
/// The key that stays; its value is whoever wrote last.
pub(super) const OWNER: &str = "chat:owner";
/// How long it lasts. Whoever was killed keeps others out for so long.
const LEASE: Duration = Duration::from_secs(5);
/// How long a server that starts waits for the lease of one that was killed, and how often it looks.
pub(super) const WAIT: Duration = Duration::from_secs(6);
pub(super) const GLANCE: Duration = Duration::from_millis(100);
/// How often it is renewed, if nothing is stored.
pub(super) const RENEWAL: Duration = Duration::from_millis(1_500);

/// Takes the lease, or renews it, which works when memory is full, too. Answers [`HELD`], [`TAKEN`] or [`GONE`].
const HOLD: &str = "
    local writer, owner = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
    if writer and writer ~= ARGV[1] then return 0 end
    if owner ~= ARGV[1] then
        if owner and ARGV[3] == '0' then return 0 end
        if not owner and ARGV[4] == '0' then return 2 end
        redis.call('SET', KEYS[2], ARGV[1])
    end
    if writer then redis.call('PEXPIRE', KEYS[1], ARGV[2])
    else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
    return 1";
const HELD: usize = 1;
const TAKEN: usize = 0;
/// Whoever comes next need not wait.
const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0";

/// Whoever writes.
#[derive(Clone)]
pub(super) struct Writer {
    pub(super) name: String,
    /// Whether it has held the lease before.
    pub(super) has_begun: bool,
    /// Whether the server may forget everything.
    pub(super) is_volatile: bool,
}

/// Takes the lease, or renews it.
pub(super) fn hold(writer: &Writer) -> Cmd {
    let mut hold = cmd("EVAL");
    hold.arg(HOLD).arg(2).arg(WRITER).arg(OWNER).arg(&writer.name);
    hold.arg(u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX));
    hold.arg(u8::from(!writer.has_begun)).arg(u8::from(!writer.has_begun || writer.is_volatile));
    hold
}

/// What the answer means to whoever held it before.
pub(super) fn judge(answer: Option<&usize>) -> Result<(), StoreError> {
    match answer {
        Some(&HELD) => Ok(()),
        Some(&TAKEN) => Err(StoreError::Lost),
        _ => Err(StoreError::gone()),
    }
}

/// Gives it back.
pub(super) fn release(connection: &mut Connection, name: &str) -> RedisResult<()> {
    cmd("EVAL").arg(RELEASE).arg(1).arg(WRITER).arg(name).exec(connection)
}

/// Whether anybody has ever written.
pub(super) fn has_owner(connection: &mut Connection) -> RedisResult<bool> {
    cmd("EXISTS").arg(OWNER).query(connection)
}
