//! The thread that stores.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use chat_core::{Batch, RoomRecord, StoreAnswer};

use super::barred::Barred;
use super::chores::Chores;
use super::{Command, End, PATIENCE, Progress};
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

/// Batches of one transaction.
#[derive(Default)]
pub(super) struct Group {
    /// Of all of them, in order; without what is refused.
    pub(super) events: Vec<RoomRecord>,
    /// Where each batch ends, and its number.
    pub(super) ends: Vec<(usize, u64)>,
    /// What is refused of which batch, in order.
    pub(super) refused: VecDeque<(u64, Vec<String>)>,
}

pub(super) struct Writer {
    pub(super) store: Box<dyn Store>,
    chores: Chores,
    answer: Arc<dyn Fn(StoreAnswer) + Send + Sync>,
    commands: Receiver<Command>,
    progress: Arc<Progress>,
    batches: VecDeque<Batch>,
    pub(super) barred: Barred,
    /// The number of the last batch that came.
    newest: u64,
    /// When it was last said that something is refused, and how much was since then.
    pub(super) refusals: (Option<Instant>, u64),
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
            barred: Barred::default(),
            newest: 0,
            refusals: (None, 0),
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
            if self.batches.is_empty() {
                if self.end.is_some() {
                    return End::Stored;
                }
                self.wait();
                continue;
            }
            if let ControlFlow::Break(end) = self.store_batches() {
                return end;
            }
            if self.store.is_pressed() {
                self.chores.catch_up(self.store.as_mut(), Instant::now());
            }
            self.chores.step_if_late(self.store.as_mut(), Instant::now());
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
            Command::Asked { key, after } => {
                assert!(after <= self.newest, "a batch comes before what is looked up after it");
                self.barred.asked(key, after);
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
        let mut group = self.gather();
        let mut count = group.ends.len();
        let mut delay = FIRST_DELAY;
        let mut complaint = None;
        while !group.ends.is_empty() {
            count = count.min(group.ends.len());
            let stored = match self.store.write(&group.events[..group.ends[count - 1].0]) {
                Err(StoreError::Refused { room, reason }) => self.refuse(&mut group, count, room, reason),
                stored => stored.map(|()| true),
            };
            match stored {
                Ok(false) => {}
                Ok(true) => {
                    let (end, number) = group.ends[count - 1];
                    group.events.drain(..end);
                    group.ends.drain(..count);
                    group.ends.iter_mut().for_each(|(after, _)| *after -= end);
                    self.tell_stored(number, &mut group.refused);
                    self.chores.make_room(self.store.as_mut(), end);
                    count = group.ends.len();
                    delay = FIRST_DELAY;
                }
                Err(StoreError::Lost) => return ControlFlow::Break(self.lose()),
                Err(error) => {
                    complain(&mut complaint, error, Instant::now());
                    // It may be the place that there is not.
                    self.chores.make_room(self.store.as_mut(), MAX_EVENTS);
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

    /// Batches that wait, as many as one transaction takes, without what is barred.
    fn gather(&mut self) -> Group {
        let mut group = Group::default();
        while group.events.len() < MAX_EVENTS
            && let Some(mut batch) = self.batches.pop_front()
        {
            let refused = self.barred.take_out(&mut batch);
            if !refused.is_empty() {
                group.refused.push_back((batch.number, refused));
            }
            if group.events.is_empty() {
                group.events = batch.events;
            } else {
                group.events.extend(batch.events);
            }
            group.ends.push((group.events.len(), batch.number));
        }
        group
    }
    fn tell_stored(&mut self, number: u64, refused: &mut VecDeque<(u64, Vec<String>)>) {
        self.chores.wrote(Instant::now());
        while let Some((batch, rooms)) = refused.pop_front_if(|&mut (batch, _)| batch <= number) {
            (self.answer)(StoreAnswer::Refused { batch, rooms });
        }
        self.barred.done(number);
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
}

/// Says why nothing is stored: when the reason is another one, and now and then.
fn complain(last: &mut Option<(StoreError, Instant)>, error: StoreError, now: Instant) {
    let is_known = |(known, at): &(StoreError, Instant)| *known == error && now < *at + AGAIN;
    if !last.as_ref().is_some_and(is_known) {
        tracing::warn!(%error, "history cannot be stored; trying again until it can");
        *last = Some((error, now));
    }
}
