//! Two threads between the engine and a store.
//!
//! The writer stores all batches that wait in one transaction, for ever if need be: what it has said it stored is stored,
//! and it says so in order. What never can be stored it refuses, room by room, and stores the rest. The reader looks up, on a
//! store of its own, so that no question holds up what is said; each behind the batches that came before it.

mod barred;
mod chores;
mod clock;
mod reader;
mod refusing;
mod waiting;
mod writer;

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_core::{Batch, LookUp, Query, StoreAnswer};

use self::reader::Reader;
use self::writer::Writer;
use crate::{OpenError, Retention, Store};

/// How long whoever asked waits for an answer, as the engine has it; and the same for a search.
const PATIENCE: Duration = Duration::from_secs(5);
const SEARCH_PATIENCE: Duration = Duration::from_secs(1);

/// The exit code of a server that broke, as when its engine does.
const EXIT_FAULT: i32 = 70;

/// What a worker works with.
pub struct Stores {
    /// Where to store.
    pub writer: Box<dyn Store>,
    /// Where to look up; the same history.
    pub reader: Box<dyn Store>,
    /// What is to be forgotten.
    pub retention: Retention,
}

/// Where answers go: to the engine's thread.
pub type Answer = Box<dyn Fn(StoreAnswer) + Send + Sync>;

/// Told once when another server has taken the history over. Nothing more is stored then: whoever is told ends the server.
pub type Lost = Box<dyn FnOnce() + Send>;

/// What the writer is told.
enum Command {
    Store(Batch),
    /// The reader is asked how far the room of this key has come, behind this batch.
    Asked {
        key: String,
        after: u64,
    },
    Stop(Instant),
}

/// A look-up, and until when anybody waits for its answer.
struct Question {
    look_up: LookUp,
    until: Instant,
}

/// For the thread of the engine. Nothing here waits: what is asked and not answered is bounded by the engine.
#[derive(Clone)]
pub struct StoreHandle {
    writer: Sender<Command>,
    reader: Sender<Question>,
}

impl StoreHandle {
    /// Has a batch stored. Batches come in the order of their numbers.
    pub fn store(&self, batch: Batch) {
        // After the end there is nobody to answer, either.
        let _ = self.writer.send(Command::Store(batch));
    }

    /// Has something looked up.
    pub fn look_up(&self, look_up: LookUp) {
        if let Query::Room { key, .. } = &look_up.query {
            let _ = self.writer.send(Command::Asked { key: key.clone(), after: look_up.after });
        }
        let is_search = matches!(look_up.query, Query::Search { .. });
        let until = Instant::now() + if is_search { SEARCH_PATIENCE } else { PATIENCE };
        let _ = self.reader.send(Question { look_up, until });
    }
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All that was handed over is stored.
    Stored,
    /// There was not enough time for some of it.
    Unstored,
    /// Another server has taken the history over.
    Lost,
}

/// The two threads.
pub struct Worker {
    writer: Sender<Command>,
    progress: Arc<Progress>,
    done: Receiver<End>,
    /// Closed when the reader has ended.
    read: Receiver<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Starts both. `answer` is called on either of them.
    ///
    /// # Errors
    ///
    /// If there can be no threads.
    pub fn start(stores: Stores, answer: Answer, lost: Lost) -> Result<(StoreHandle, Self), OpenError> {
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
            let _alarm = Alarm;
            let end = writer.run();
            if end == End::Lost {
                lost();
            }
            let _ = finished.send(end);
        };
        let (reads, read) = channel();
        let run_reader = move || {
            let _alarm = Alarm;
            reader.run();
            drop(reads);
        };
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = thread::Builder::new().name(name.into()).spawn(run);
            thread.map_err(|error| OpenError::new(format_args!("no thread for the store: {error}")))
        };
        let threads = vec![start("store", Box::new(run_writer))?, start("look-up", Box::new(run_reader))?];
        let handle = StoreHandle { writer: to_writer.clone(), reader: to_reader };
        Ok((handle, Self { writer: to_writer, progress, done, read, threads }))
    }

    /// Stores what was handed over before, and ends; says how. What comes later is nobody's.
    #[must_use]
    pub fn stop(self, deadline: Duration) -> End {
        let until = Instant::now() + deadline;
        let _ = self.writer.send(Command::Stop(until));
        self.progress.end();
        let all = self.done.recv_timeout(deadline);
        let left = until.saturating_duration_since(Instant::now());
        let has_read = self.read.recv_timeout(left) == Err(RecvTimeoutError::Disconnected);
        if all.is_ok() && has_read {
            // So the files are closed when this returns.
            for thread in self.threads {
                let _ = thread.join();
            }
        }
        // If it is still at something, the process may end without it.
        all.unwrap_or(End::Unstored)
    }
}

/// Ends the process if its thread panics: a server that can store nothing any more had better be started again.
struct Alarm;

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("a thread of the history broke: the server ends");
            process::exit(EXIT_FAULT);
        }
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

    /// The number of the last batch that is stored.
    fn stored(&self) -> u64 {
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the batches up to `number` are stored, but no longer than that.
    fn wait_for(&self, number: u64, until: Instant) {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until.saturating_duration_since(Instant::now());
        let is_behind = |stored: &mut u64| *stored < number && !self.has_ended();
        drop(self.changed.wait_timeout_while(stored, left, is_behind));
    }
}
