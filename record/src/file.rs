//! The file of a recording, and the thread that writes it: the server never waits for a disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::mem;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::warn;

/// What is recorded is written this much later at the latest: what a server that is killed may lose of it.
const DELAY: Duration = Duration::from_millis(50);
/// What may wait for the disk. When more does, the recording ends, and not the server.
const WAITING: usize = 64 << 20;

/// What is kept of the memory of a batch: more than 50 ms come to, mostly.
const KEPT: usize = 1 << 20;

/// A file that is written behind the caller's back. Dropping it writes what is left.
#[derive(Debug)]
pub(crate) struct Output {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

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
}

impl Output {
    /// Writes `file`, which errors call `path`.
    pub(crate) fn new(file: File, path: &Path) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (theirs, path) = (Arc::clone(&shared), path.to_owned());
        let thread =
            thread::Builder::new().name("record".into()).spawn(move || write(file, &path, &theirs))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes all of `bytes`, or leaves them and says why.
    pub(crate) fn take(&self, bytes: &mut Vec<u8>) -> Result<(), Refused> {
        let mut waiting = self.shared.lock();
        if waiting.failed {
            return Err(Refused::Failed);
        }
        if waiting.bytes.len() + bytes.len() > WAITING {
            return Err(Refused::Slow);
        }
        // The thread sleeps only while nothing waits.
        if waiting.bytes.is_empty() {
            self.shared.changed.notify_one();
        }
        waiting.bytes.append(bytes);
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It has said in the log what went wrong, if anything did.
            let _ = thread.join();
        }
    }
}

/// What the thread does.
fn write(mut file: File, path: &Path, shared: &Shared) {
    let mut batch = Vec::new();
    loop {
        let mut waiting = shared.lock();
        while waiting.bytes.is_empty() && !waiting.closed {
            waiting = shared.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.closed {
            // More comes with it, so that a busy server costs few writes.
            let closed = |waiting: &mut Waiting| !waiting.closed;
            let (later, _) = shared
                .changed
                .wait_timeout_while(waiting, DELAY, closed)
                .unwrap_or_else(PoisonError::into_inner);
            waiting = later;
        }
        if waiting.bytes.is_empty() {
            return;
        }
        mem::swap(&mut waiting.bytes, &mut batch);
        drop(waiting);
        if let Err(error) = file.write_all(&batch) {
            warn!(%error, file = %path.display(), "the recording ends: it cannot be written");
            let mut waiting = shared.lock();
            (waiting.failed, waiting.bytes) = (true, Vec::new());
            return;
        }
        batch.clear();
        batch.shrink_to(KEPT);
    }
}

/// Makes the file, for its owner only. One that is there already is kept as `FILE.old`.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => fs::rename(path, old(path))?,
        Ok(found) => return Err(io::Error::new(ErrorKind::AlreadyExists, kind(found.file_type()))),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Where an earlier recording is kept.
fn old(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".old");
    name.into()
}

fn kind(found: fs::FileType) -> &'static str {
    match found {
        found if found.is_dir() => "it is a directory",
        found if found.is_symlink() => "it is a symbolic link",
        found if found.is_fifo() => "it is a pipe",
        _ => "it is no ordinary file",
    }
}
