//! The thread that stores.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use chat_core::{Batch, LookUpError, RoomRecord, StoreAnswer};

use super::chores::Chores;
use super::reader::look_up_twice;
use super::{Command, End, PATIENCE, Progress, Question};
use crate::{Retention, Store, StoreError};

/// Events of one transaction, beside those of its last batch: a bound for how long one takes.
const MAX_EVENTS: usize = 4_096;
/// How long to wait after the first failure, and at most after many: less than a server that starts waits for this one.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(1);
/// How long to say nothing of a failure that goes on.
const AGAIN: Duration = Duration::from_secs(60);
/// How long nothing has to come until something else is done.
const IDLE: Duration = Duration::from_millis(5);

pub(super) struct Writer {
    store: Box<dyn Store>,
    chores: Chores,
    answer: Arc<dyn Fn(StoreAnswer) + Send + Sync>,
    commands: Receiver<Command>,
    progress: Arc<Progress>,
    batches: VecDeque<Batch>,
    look_ups: VecDeque<Question>,
    /// The number of the last batch that is stored, and of the last one that came.
    stored: u64,
    newest: u64,
    /// Set when it is to end: when to give up.
    end: Option<Instant>,
}

impl Writer {
    pub(super) fn new(
        store: Box<dyn Store>,
        retention: Retention,
        answer: Arc<dyn Fn(StoreAnswer) + Send + Sync>,
        commands: Receiver<Command>,
        progress: Arc<Progress>,
    ) -> Self {
        let chores = Chores::new(retention, store.renewal(), Instant::now());
        Self {
            store,
            chores,
            answer,
            commands,
            progress,
            batches: VecDeque::new(),
            look_ups: VecDeque::new(),
            stored: 0,
            newest: 0,
            end: None,
        }
    }

    /// Works until it is told to stop, or has lost the history.
    pub(super) fn run(mut self) -> End {
        loop {
            if self.chores.has_lost {
                return self.lose();
            }
            while let Ok(command) = self.commands.try_recv() {
                self.take(command);
            }
            if self.batches.is_empty() && self.look_ups.is_empty() {
                if self.end.is_some() {
                    return End::Stored;
                }
                self.wait();
                continue;
            }
            if !self.batches.is_empty() {
                if let ControlFlow::Break(end) = self.store_batches() {
                    return end;
                }
                self.chores.step_if_late(self.store.as_mut(), Instant::now());
            }
            self.answer_look_ups();
        }
    }

    /// Nothing can be stored any more.
    fn lose(&self) -> End {
        tracing::error!("another server has taken this history over, and so this one ends");
        End::Lost
    }

    fn take(&mut self, command: Command) {
        if self.end.is_some() {
            return;
        }
        match command {
            Command::Store(batch) => {
                assert!(batch.number > self.newest, "batches come in the order of their numbers");
                self.newest = batch.number;
                self.batches.push_back(batch);
            }
            Command::LookUp(question) => {
                let after = question.look_up.after;
                assert!(after <= self.newest, "a batch comes before what is looked up after it");
                self.look_ups.push_back(question);
            }
            Command::Stop(deadline) => self.end = Some(deadline),
        }
    }

    /// Waits for the next command; while none comes, does what was put off, one step after another.
    fn wait(&mut self) {
        let now = Instant::now();
        let command = match self.chores.due() {
            Some(due) => self.commands.recv_timeout(due.saturating_duration_since(now).max(IDLE)),
            None => self.commands.recv().map_err(RecvTimeoutError::from),
        };
        match command {
            Ok(command) => self.take(command),
            // Whoever could say something is gone.
            Err(RecvTimeoutError::Disconnected) => self.end = Some(now + PATIENCE),
            Err(RecvTimeoutError::Timeout) => self.do_chores(),
        }
    }

    fn do_chores(&mut self) {
        loop {
            let now = Instant::now();
            self.chores.step(self.store.as_mut(), now);
            if self.chores.due().is_none_or(|due| due > now) {
                return;
            }
            if let Ok(command) = self.commands.try_recv() {
                return self.take(command);
            }
        }
    }

    /// Stores what waits in one transaction, however often that takes; breaks if there was no more time for it.
    ///
    /// After a failure, half as many batches are tried: one that cannot be stored does not hold up those before it.
    fn store_batches(&mut self) -> ControlFlow<End> {
        let mut events: Vec<RoomRecord> = Vec::new();
        // Where each batch ends, and its number.
        let mut ends: Vec<(usize, u64)> = Vec::new();
        while events.len() < MAX_EVENTS
            && let Some(batch) = self.batches.pop_front()
        {
            if events.is_empty() {
                events = batch.events;
            } else {
                events.extend(batch.events);
            }
            ends.push((events.len(), batch.number));
        }
        let (mut begin, mut done, mut count) = (0, 0, ends.len());
        let mut delay = FIRST_DELAY;
        let mut complaint = None;
        while done < ends.len() {
            let (end, number) = ends[done + count - 1];
            match self.store.write(&events[begin..end]) {
                Ok(()) => {
                    self.tell_stored(number);
                    (begin, done) = (end, done + count);
                    count = ends.len() - done;
                    delay = FIRST_DELAY;
                    if count > 0 {
                        self.answer_look_ups();
                    }
                }
                Err(StoreError::Lost) => return ControlFlow::Break(self.lose()),
                Err(error) => {
                    complain(&mut complaint, error, Instant::now());
                    self.wait_after_failure(delay)?;
                    count = count.div_ceil(2);
                    delay = (delay * 2).min(LAST_DELAY);
                }
            }
        }
        if complaint.is_some() {
            tracing::info!("history is stored again");
        }
        ControlFlow::Continue(())
    }

    fn tell_stored(&mut self, number: u64) {
        self.chores.wrote(Instant::now());
        self.stored = number;
        // In this order: nobody is told of history that is not stored as far as the engine knows.
        (self.answer)(StoreAnswer::Stored(number));
        self.progress.advance(number);
    }

    /// Waits, and takes what comes meanwhile; breaks if the time is over.
    fn wait_after_failure(&mut self, delay: Duration) -> ControlFlow<End> {
        let again = Instant::now() + delay;
        loop {
            let now = Instant::now();
            if self.end.is_some_and(|end| now >= end) {
                return ControlFlow::Break(End::Unstored);
            }
            self.give_up_look_ups(now);
            let until = self.end.map_or(again, |end| again.min(end));
            if now >= until {
                return ControlFlow::Continue(());
            }
            match self.commands.recv_timeout(until - now) {
                Ok(command) => {
                    self.take(command);
                    if self.end.is_some() {
                        // One more try, at once.
                        return ControlFlow::Continue(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    // Nobody can come and interrupt this.
                    self.end.get_or_insert(now + PATIENCE);
                    thread::park_timeout(until - now);
                }
            }
        }
    }

    /// Whoever waits for a room cannot wait for ever.
    fn give_up_look_ups(&mut self, now: Instant) {
        while let Some(question) = self.look_ups.pop_front_if(|question| question.until <= now) {
            let found = Err(LookUpError::Unavailable);
            (self.answer)(StoreAnswer::Found { id: question.look_up.id, found });
        }
    }

    fn answer_look_ups(&mut self) {
        // The others come after batches that wait.
        while let Some(question) =
            self.look_ups.pop_front_if(|question| question.look_up.after <= self.stored)
        {
            let found = look_up_twice(self.store.as_mut(), &question);
            (self.answer)(StoreAnswer::Found { id: question.look_up.id, found });
        }
    }
}

/// Says why nothing is stored: when the reason is another one, and now and then.
fn complain(last: &mut Option<(StoreError, Instant)>, error: StoreError, now: Instant) {
    let is_known = |(known, at): &(StoreError, Instant)| *known == error && now < *at + AGAIN;
    if !last.as_ref().is_some_and(is_known) {
        tracing::warn!(%error, "history cannot be stored; trying again until it can");
        *last = Some((error, now));
    }
}
