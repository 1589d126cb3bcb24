//! Bringing the write-ahead log into the file, beside the writer: it waits for the disk.
//!
//! A checkpoint from here never stops the writer. But under load it never reaches the log's end either, and so the log
//! would never begin anew: when it has become long, the writer brings in the little that is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::explain;
use crate::OpenError;

/// Bytes that are stored or moved between two checkpoints.
const EVERY: usize = 2 << 20;
/// Bytes of the log above which the writer does the rest: enough for a minute of a busy server.
pub(super) const MAX_LOG: i64 = 64 << 20;

/// The thread.
pub(super) struct Checkpoints {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    is_long: Arc<AtomicBool>,
    written: usize,
}

impl Checkpoints {
    pub(super) fn start(connection: Connection, max_log: i64) -> Result<Self, OpenError> {
        // One request at most waits: it covers all that was written until it is served.
        let (wake, woken) = sync_channel(1);
        let is_long = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&is_long);
        let page = connection
            .pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))
            .map_err(|error| OpenError::from(explain(&error)))?;
        let work = move || {
            for () in woken {
                match checkpoint(&connection) {
                    Ok(frames) => tell.store(frames * page > max_log, Ordering::Relaxed),
                    Err(error) => tracing::debug!(%error, "the log was not brought into the file"),
                }
            }
        };
        let thread = thread::Builder::new().name("checkpoint".into()).spawn(work).map_err(OpenError::new)?;
        Ok(Self { wake: Some(wake), thread: Some(thread), is_long, written: 0 })
    }

    /// Brings in what is in the log, soon.
    pub(super) fn begin(&self) {
        if let Some(wake) = &self.wake {
            let _ = wake.try_send(());
        }
    }

    /// So many bytes were written with this connection.
    pub(super) fn wrote(&mut self, bytes: usize, connection: &Connection) {
        self.written += bytes;
        if self.written < EVERY {
            return;
        }
        self.written = 0;
        if self.is_long.swap(false, Ordering::Relaxed) {
            // If it fails, the next one may not.
            let _ = checkpoint(connection);
        } else if let Some(wake) = &self.wake {
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns the length of the log, in pages.
fn checkpoint(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
}
