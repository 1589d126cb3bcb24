//! The log: lines on stderr that the server never waits for, since whoever should read them may not.

mod queue;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tracing::{error, warn};

use crate::args::Args;
use crate::choice::LogFormat;
use crate::log::queue::Queue;

/// How long a server that ends waits for its last lines to be written.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same for a server that is to end at once, and for a panic, which may end it.
const NO_PATIENCE: Duration = Duration::from_millis(100);

/// What waits to be written, once there is a log.
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Logs to stderr from now on, with stamps in UTC to the microsecond; panics, too.
///
/// # Errors
/// If there can be no thread.
pub(crate) fn init(args: &Args) -> io::Result<()> {
    let queue = QUEUE.get_or_init(Queue::default);
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::from(args.log_level))
        .with_target(false)
        .with_writer(|| Entry)
        .log_internal_errors(false);
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    thread::Builder::new().name(String::from("log")).spawn(|| queue.write_all_to(Stderr, tell_lost))?;
    panic::set_hook(Box::new(panicked));
    Ok(())
}

/// Lines that nobody will read: more waited than may, or stderr took none.
pub(crate) fn lost_lines() -> u64 {
    QUEUE.get().map_or(0, Queue::lost)
}

/// The last line before the server ends: as it is, on stderr, behind all that is logged.
pub(crate) fn last_words(line: &str) {
    match QUEUE.get() {
        Some(queue) => queue.push_always(format!("{line}\n").as_bytes()),
        // Nothing is served yet, and nobody but this process waits.
        None => eprintln!("{line}"),
    }
}

/// Waits until all is written, but not for ever.
pub(crate) fn finish() {
    flush(PATIENCE);
}

/// The same for a server that is to end at once.
pub(crate) fn finish_at_once() {
    flush(NO_PATIENCE);
}

fn flush(patience: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.flush(patience);
    }
}

/// Says that lines are missing, once others get through again.
fn tell_lost(lines: u64) {
    warn!(lines, "lines of the log are missing here: they were not read in time");
}

/// What the standard library prints, as a line of the log: printing would wait for whoever reads.
fn panicked(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let location = info.location().map(ToString::to_string);
    let message = info.payload_as_str().unwrap_or("no text");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    error!(thread, location, ?message, backtrace, "panicked");
}

/// A line, as the formatter writes it: with one call.
struct Entry;

impl Write for Entry {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(queue) = QUEUE.get() {
            queue.push(line);
            if thread::panicking() {
                queue.flush(NO_PATIENCE);
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error without the lock of the standard library's, which would be held for as long as a write waits.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        loop {
            match rustix::io::write(&stderr, bytes) {
                // Whoever shares the pipe with us has asked for that.
                Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], None)),
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
