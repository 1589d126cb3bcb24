//! The thread that writes a recording: the server never waits for a disk.

use std::io;
use std::mem;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::error;

/// What is recorded is written this much later at the latest: what a server that is killed may lose of it.
const DELAY: Duration = Duration::from_millis(50);
/// What may wait for the disk. When more does, the recording ends, and not the server.
const WAITING: usize = 64 << 20;
/// What is kept of the memory of a batch: more than 50 ms come to, mostly.
const KEPT: usize = 1 << 20;
/// How long a server that ends waits for its last bytes to be written.
const PATIENCE: Duration = Duration::from_secs(5);

/// A file that is written behind the caller's back. What was taken is written even when this is gone.
#[derive(Debug)]
pub(crate) struct Output(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<Waiting>,
    changed: Condvar,
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Nothing more comes.
    closed: bool,
    /// Nothing more can be written.
    failed: bool,
    /// The thread has ended.
    done: bool,
}

/// Why bytes were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Writing failed; the log says so already.
    Failed,
    /// Too much waits.
    Slow,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

impl Output {
    /// Writes `file`, which errors call `path`.
    pub(crate) fn new(file: impl io::Write + Send + 'static, path: &Path) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (theirs, path) = (Arc::clone(&shared), path.to_owned());
        thread::Builder::new().name("record".into()).spawn(move || {
            write(file, &path, &theirs);
            theirs.change(|waiting| waiting.done = true);
        })?;
        Ok(Self(shared))
    }

    /// Takes all of `bytes`, or leaves them and says why.
    pub(crate) fn take(&self, bytes: &mut Vec<u8>) -> Result<(), Refused> {
        let mut waiting = self.0.lock();
        if waiting.failed {
            return Err(Refused::Failed);
        }
        if waiting.bytes.len() + bytes.len() > WAITING {
            return Err(Refused::Slow);
        }
        // The thread sleeps only while nothing waits.
        if waiting.bytes.is_empty() {
            self.0.changed.notify_all();
        }
        waiting.bytes.append(bytes);
        Ok(())
    }

    /// Waits until all is written, but not for ever.
    pub(crate) fn finish(self) {
        let shared = Arc::clone(&self.0);
        drop(self);
        let _ = shared.changed.wait_timeout_while(shared.lock(), PATIENCE, |waiting| !waiting.done);
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.0.change(|waiting| waiting.closed = true);
    }
}

/// What the thread does.
fn write(mut file: impl io::Write, path: &Path, shared: &Shared) {
    let mut batch = Vec::new();
    while shared.next(&mut batch) {
        if let Err(error) = file.write_all(&batch) {
            error!(%error, file = %path.display(), "the recording ends: it cannot be written");
            return shared.change(|waiting| (waiting.failed, waiting.bytes) = (true, Vec::new()));
        }
        batch.clear();
        batch.shrink_to(KEPT);
    }
}

impl Shared {
    /// Waits for the next batch; false, when none comes any more.
    fn next(&self, batch: &mut Vec<u8>) -> bool {
        let waiting = self.lock();
        let idle = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.closed;
        let waiting = self.changed.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner);
        // More comes with it, so that a busy server costs few writes.
        let open = |waiting: &mut Waiting| !waiting.closed;
        let waited = self.changed.wait_timeout_while(waiting, DELAY, open);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut waiting.bytes, batch);
        !batch.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::io::pipe;

    use super::*;

    #[test]
    fn nobody_waits_for_a_disk_that_hangs() {
        let (mut reader, writer) = pipe().unwrap();
        let output = Output::new(writer, Path::new("hanging")).unwrap();
        let mut taken = 0;
        // More than the pipe takes and less than may wait, then too much.
        let refused = loop {
            let mut bytes = vec![b'x'; 8 << 20];
            match output.take(&mut bytes) {
                Ok(()) => taken += 8 << 20,
                Err(refused) => break refused,
            }
        };
        assert!(refused == Refused::Slow && (WAITING..=2 * WAITING).contains(&taken), "{refused:?}, {taken}");
        drop(output);
        // What was taken is written once that goes on.
        assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), taken as u64);
    }
}
