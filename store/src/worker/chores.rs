//! What is done when nothing else is: forgetting, and what stores put off.

use std::time::{Duration, Instant};

use chrono::Utc;

use super::clock::Clock;
use crate::{Retention, Store, StoreError};

/// How long what was put off waits, so that many small things are done as one: nobody notices when they are.
const GATHER: Duration = Duration::from_secs(5);
/// Time between two rounds through all rooms for what is to be forgotten, and after a failure.
const ROUND: Duration = Duration::from_secs(60);
/// How late something may be on a server that is always busy. Then one step in [`SHARE`] is done nevertheless.
const LATE: Duration = Duration::from_secs(60);
/// With steps of some milliseconds, a twentieth of the time or so.
const SHARE: Duration = Duration::from_millis(100);

/// Events that go in one step, at least.
const STEP: usize = 256;

pub(super) struct Chores {
    retention: Retention,
    /// When something was put off first; none, if nothing is.
    behind: Option<Instant>,
    /// When the round began that is under way, or when the next one begins.
    round: Instant,
    /// Not before this.
    rest: Instant,
    /// Before this, there is nothing to make smaller.
    idle_until: Instant,
    clock: Clock,
    /// How often the store is renewed, and when next.
    renewal: Option<(Duration, Instant)>,
    /// Whether it could not be, the last time.
    is_lapsing: bool,
    /// Whether another server has it.
    pub(super) has_lost: bool,
}

impl Chores {
    pub(super) fn new(retention: Retention, renewal: Option<Duration>, now: Instant) -> Self {
        let renewal = renewal.map(|every| (every, now + every));
        // An earlier process may have left something.
        Self {
            retention,
            behind: Some(now),
            round: now,
            rest: now,
            idle_until: now,
            clock: Clock::new(),
            renewal,
            is_lapsing: false,
            has_lost: false,
        }
    }

    /// Events were stored, which renews the store, too.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.renewed(now);
        self.behind.get_or_insert(now);
    }

    fn renewed(&mut self, now: Instant) {
        if let Some((every, next)) = &mut self.renewal {
            *next = now + *every;
        }
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let renewal = self.renewal.map(|(_, next)| next);
        renewal.into_iter().chain(self.tidying_due()).min()
    }

    fn tidying_due(&self) -> Option<Instant> {
        let round = (!self.retention.is_everything()).then_some(self.round);
        let behind = self.behind.map(|since| since + GATHER);
        let first = [round, behind].into_iter().flatten().min();
        first.map(|due| due.max(self.rest))
    }

    /// One step, if something is due.
    pub(super) fn step(&mut self, store: &mut dyn Store, now: Instant) {
        if self.renewal.is_some_and(|(_, next)| next <= now) {
            self.renew(store, now);
        }
        if self.tidying_due().is_none_or(|due| due > now) {
            return;
        }
        let pruning = !self.retention.is_everything() && self.round <= now;
        let step = if pruning && self.behind.is_none_or(|since| self.round <= since + GATHER) {
            self.prune(store, now).map(drop)
        } else {
            return self.catch_up(store, now);
        };
        self.rest_after_failure(step, now);
    }

    /// One step of what was put off.
    pub(super) fn catch_up(&mut self, store: &mut dyn Store, now: Instant) {
        if self.rest > now {
            return;
        }
        let step = store.catch_up().map(|more| {
            if !more {
                self.behind = None;
            }
        });
        self.rest_after_failure(step, now);
    }

    fn rest_after_failure(&mut self, step: Result<(), StoreError>, now: Instant) {
        if let Err(error) = step {
            // What is urgent fails, too, and says so louder.
            tracing::debug!(%error, "history could not be tidied up");
            self.rest = now + ROUND;
        }
    }

    fn renew(&mut self, store: &mut dyn Store, now: Instant) {
        self.renewed(now);
        let renewed = store.renew();
        self.has_lost |= renewed == Err(StoreError::Lost);
        match &renewed {
            Err(error) if !self.is_lapsing && !self.has_lost => {
                tracing::warn!(%error, "the history does not answer, and another server may take it over meanwhile");
            }
            Ok(()) if self.is_lapsing => tracing::info!("the history answers again"),
            _ => {}
        }
        self.is_lapsing = renewed.is_err();
    }

    /// Forgets some of what is to be forgotten; says whether there may be more.
    fn prune(&mut self, store: &mut dyn Store, now: Instant) -> Result<bool, StoreError> {
        let wall = Utc::now();
        let believed = self.clock.now(wall, now);
        let age = self.retention.age.filter(|_| believed.is_some());
        let more = store.prune(&Retention { age, ..self.retention }, believed.unwrap_or(wall))?;
        if !more {
            self.round = now + ROUND;
        }
        Ok(more)
    }

    /// Forgets what is too much, about as many events as have come, so that no more and more is stored; says whether
    /// anything was done.
    pub(super) fn make_room(&mut self, store: &mut dyn Store, events: usize) -> bool {
        let mut has_done = false;
        for _ in 0..=events / STEP {
            let now = Instant::now();
            if now < self.idle_until || !store.is_over(&self.retention) {
                break;
            }
            match self.prune(store, now) {
                Ok(true) => has_done = true,
                // There is nothing more to forget.
                Ok(false) => self.idle_until = now + ROUND,
                Err(error) => {
                    tracing::debug!(%error, "history could not be made smaller");
                    self.idle_until = now + GATHER;
                }
            }
        }
        has_done
    }

    /// One step, if something has been due for long: for moments in which there are other things to do.
    pub(super) fn step_if_late(&mut self, store: &mut dyn Store, now: Instant) {
        if self.tidying_due().is_some_and(|due| due + LATE <= now) {
            self.step(store, now);
            self.rest = self.rest.max(now + SHARE);
        }
    }
}
