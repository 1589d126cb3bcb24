//! What guards against two servers that write to one history.
//!
//! A server holds a lock of the store's while it runs, so that another one does not start. But locks are lost without a
//! word: sessions end, leases run out in a process that stands still, files are deleted. So the name of whoever writes
//! stands in the history itself, too. A server that starts writes its own there, every transaction of a server makes sure
//! that it still stands there, and a server that writes nothing looks now and then.

use std::process;
use std::time::{Duration, SystemTime};

/// How often a server looks whether the history is still its own, when it stores nothing.
pub(crate) const GLANCE: Duration = Duration::from_secs(1);

/// A name that no other process has, nor another store in this one.
pub(crate) fn name() -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{}-{}", process::id(), now.as_nanos())
}
