//! Lines that wait to be written, and the thread that writes them.
//!
//! tracing-appender has the like, but bounds lines and not bytes, writes each by itself, and does not say where some
//! are missing.

use std::io::Write;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that may wait: 20,000 lines, about. As many may be in the thread's hands.
const WAITING: usize = 2 << 20;
/// What is kept of the memory of a batch.
const KEPT: usize = 64 << 10;

/// Lines on their way. Whoever has one to add never waits.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Whether the thread has taken lines that are not written yet.
    writing: bool,
    /// Lines that were lost since that was last told.
    untold: u64,
    /// Lines that were ever lost.
    lost: u64,
}

impl State {
    fn lose(&mut self, lines: u64) {
        self.untold += lines;
        self.lost += lines;
    }
}

impl Queue {
    /// Adds a line, or loses it.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + line.len() > WAITING {
            return state.lose(1);
        }
        self.add(state, line);
    }

    /// Adds a line in any case: one that is the last.
    pub(crate) fn push_always(&self, line: &[u8]) {
        self.add(self.lock(), line);
    }

    fn add(&self, mut state: MutexGuard<'_, State>, line: &[u8]) {
        // The thread sleeps only while nothing waits.
        if state.waiting.is_empty() {
            self.changed.notify_all();
        }
        state.waiting.extend_from_slice(line);
    }

    /// How many lines were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Waits until all is written, or for so long.
    pub(crate) fn flush(&self, patience: Duration) {
        let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        let _ = self.changed.wait_timeout_while(self.lock(), patience, busy);
    }

    /// Writes what is added, for ever; after lines were lost, tells `tell_lost` how many once others get through.
    pub(crate) fn write_all_to(&self, mut out: impl Write, mut tell_lost: impl FnMut(u64)) {
        let mut batch = Vec::new();
        loop {
            self.next(&mut batch);
            let written = out.write_all(&batch);
            let lines = batch.iter().filter(|&&byte| byte == b'\n').count() as u64;
            batch.clear();
            batch.shrink_to(KEPT);
            let untold = {
                let mut state = self.lock();
                state.writing = false;
                self.changed.notify_all();
                match written {
                    Ok(()) => mem::take(&mut state.untold),
                    // Not told now: that would be lost, too, and then told, for ever.
                    Err(_) => {
                        state.lose(lines);
                        0
                    }
                }
            };
            if untold > 0 {
                tell_lost(untold);
            }
        }
    }

    /// Waits for the next lines.
    fn next(&self, batch: &mut Vec<u8>) {
        let idle = |state: &mut State| state.waiting.is_empty();
        let state = self.changed.wait_while(self.lock(), idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut state.waiting, batch);
        state.writing = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, BufRead as _, BufReader, pipe};
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// A queue whose lines go to `out`, and what it says of lost ones.
    fn start(out: impl Write + Send + 'static) -> (Arc<Queue>, mpsc::Receiver<u64>) {
        let (queue, (told, tells)) = (Arc::new(Queue::default()), mpsc::channel());
        let of_thread = Arc::clone(&queue);
        thread::spawn(move || of_thread.write_all_to(out, |lost| told.send(lost).unwrap()));
        (queue, tells)
    }

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read_and_what_is_lost_is_told_behind_what_is_not() {
        let (reader, writer) = pipe().unwrap();
        let (queue, tells) = start(writer);
        let line = |number: usize| format!("{number:0>99}\n");
        let mut pushed = 0;
        while queue.lost() < 1_000 {
            queue.push(line(pushed).as_bytes());
            pushed += 1;
        }
        assert!((WAITING / 100..=3 * WAITING / 100).contains(&pushed), "{pushed} lines");
        queue.flush(Duration::from_millis(1));
        queue.push_always(b"last\n");
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        let read: Vec<_> = lines.by_ref().take_while(|line| line != "last").collect();
        assert!(read.iter().enumerate().all(|(number, read)| *read == line(number).trim_end()));
        assert_eq!(read.len(), pushed - 1_000);
        assert_eq!(tells.recv(), Ok(1_000));
        // It goes on, and says it once.
        queue.push(b"more\n");
        assert_eq!(lines.next().as_deref(), Some("more"));
        queue.flush(Duration::from_secs(60));
        assert_eq!(queue.lost(), 1_000);
        assert!(tells.try_recv().is_err());
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told_later() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 <= 2 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (queue, tells) = start(Full(0));
        for _ in 0..3 {
            queue.push(b"a line\n");
            queue.flush(Duration::from_secs(60));
        }
        assert_eq!((tells.recv(), queue.lost()), (Ok(2), 2));
    }
}
