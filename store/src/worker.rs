//! Two threads between the engine and a store.
//!
//! The writer stores all batches that wait in one transaction, for ever if need be: what it has said it stored is stored,
//! and it says so in order. Rooms are looked up there, too, after the batches that came before. The reader looks up the
//! rest, on a store of its own, so that no search holds up what is said.

mod chores;
mod reader;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_core::{Batch, LookUp, Query, StoreAnswer};

use self::reader::Reader;
use self::writer::Writer;
use crate::{OpenError, Retention, Store};

/// How long a look-up waits for the batches that came before it, and a room's for a store that fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a worker works with.
pub struct Stores {
    /// Where to store, and to look up rooms.
    pub writer: Box<dyn Store>,
    /// Where to look up the rest; the same history.
    pub reader: Box<dyn Store>,
    /// What is to be forgotten.
    pub retention: Retention,
}

/// Where answers go: to the engine's thread.
pub type Answer = Box<dyn Fn(StoreAnswer) + Send + Sync>;

/// What the writer is told.
enum Command {
    Store(Batch),
    LookUp(LookUp, Instant),
    Stop(Instant),
}

/// For the thread of the engine. Nothing here waits: what is asked and not answered is bounded by the engine.
#[derive(Clone)]
pub struct StoreHandle {
    writer: Sender<Command>,
    reader: Sender<(LookUp, Instant)>,
}

impl StoreHandle {
    /// Has a batch stored. Batches come in the order of their numbers.
    pub fn store(&self, batch: Batch) {
        // After the end there is nobody to answer, either.
        let _ = self.writer.send(Command::Store(batch));
    }

    /// Has something looked up.
    pub fn look_up(&self, look_up: LookUp) {
        let now = Instant::now();
        if matches!(look_up.query, Query::Room { .. }) {
            let _ = self.writer.send(Command::LookUp(look_up, now));
        } else {
            let _ = self.reader.send((look_up, now));
        }
    }
}

/// The two threads.
pub struct Worker {
    writer: Sender<Command>,
    progress: Arc<Progress>,
    done: Receiver<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Starts both. `answer` is called on either of them.
    ///
    /// # Errors
    ///
    /// If there can be no threads.
    pub fn start(stores: Stores, answer: Answer) -> Result<(StoreHandle, Self), OpenError> {
        let answer: Arc<dyn Fn(StoreAnswer) + Send + Sync> = Arc::from(answer);
        let progress = Arc::new(Progress::default());
        let (to_writer, commands) = channel();
        let (to_reader, look_ups) = channel();
        let (finished, done) = channel();
        let writer = Writer::new(
            stores.writer,
            stores.retention,
            Arc::clone(&answer),
            commands,
            Arc::clone(&progress),
        );
        let reader = Reader::new(stores.reader, answer, look_ups, Arc::clone(&progress));
        let run_writer = move || {
            let _ = finished.send(writer.run());
        };
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = thread::Builder::new().name(name.into()).spawn(run);
            thread.map_err(|error| OpenError::new(format_args!("no thread for the store: {error}")))
        };
        let threads =
            vec![start("store", Box::new(run_writer))?, start("look-up", Box::new(move || reader.run()))?];
        let handle = StoreHandle { writer: to_writer.clone(), reader: to_reader };
        Ok((handle, Self { writer: to_writer, progress, done, threads }))
    }

    /// Stores what was handed over before, and ends; says whether all of it is stored. What comes later is nobody's.
    #[must_use]
    pub fn stop(self, deadline: Duration) -> bool {
        let _ = self.writer.send(Command::Stop(Instant::now() + deadline));
        self.progress.end();
        let all = self.done.recv_timeout(deadline);
        if all.is_ok() {
            // The writer has ended, and the reader ends after what it is at: so the files are closed when this returns.
            for thread in self.threads {
                let _ = thread.join();
            }
        }
        // If it is still at something, the process may end without it.
        all.unwrap_or(false)
    }
}

/// How far the writer has come, for the reader.
#[derive(Default)]
struct Progress {
    stored: Mutex<u64>,
    changed: Condvar,
    ended: AtomicBool,
}

impl Progress {
    fn advance(&self, number: u64) {
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner) = number;
        self.changed.notify_all();
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        // Within the lock, or whoever is about to wait would miss it.
        drop(self.stored.lock());
        self.changed.notify_all();
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Waits until the batches up to `number` are stored; says whether they are.
    fn reached(&self, number: u64, deadline: Instant) -> bool {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        let (stored, _) = self
            .changed
            .wait_timeout_while(stored, left, |stored| *stored < number && !self.has_ended())
            .unwrap_or_else(PoisonError::into_inner);
        *stored >= number
    }
}
