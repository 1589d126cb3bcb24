//! Carrying out what the engine wants: writes, closes, and what is for the store.

use std::mem;

use chat_core::{Action, Cause, Close, Event, Now, Report};

use super::{Driver, WRITES};
use crate::fault::Fault;
use crate::link::Next;
use crate::log;
use crate::observe::Observed;
use crate::store::HistoryStore;
use crate::transport::{Clock, Listener};

impl<C: Clock, L: Listener> Driver<C, L> {
    /// Tells the engine what the store has said, and writes what was waiting for that before anything more is read. Those
    /// who hear it and go on at once are then read together with those who have spoken meanwhile. Otherwise a crowd falls
    /// into two halves that take turns for ever, one being stored while the other is read: twice as many commits, and
    /// twice as many writes to each member.
    pub(super) fn hear_store(&mut self, now: Now) -> Result<(), Fault> {
        let mut has_heard = false;
        while let Some(answer) = self.ready.pop_answer() {
            self.storing.hear(&answer, now.mono);
            self.enter(|engine| engine.store_answered(now, answer))?;
            has_heard = true;
        }
        // What is being gathered stays one turn.
        if has_heard && !self.gathering { self.drain(now) } else { Ok(()) }
    }

    /// Carries out all that the engine wants.
    pub(super) fn drain(&mut self, now: Now) -> Result<(), Fault> {
        while let Some(action) = self.enter(Observed::poll_action)? {
            self.carry_out(action, now)?;
        }
        debug_assert!(self.writes.is_empty(), "the engine has more when it says so");
        Ok(())
    }

    /// Writes what was taken from the engine, and tells it how much of that has left.
    fn write(&mut self, now: Now) -> Result<(), Fault> {
        let mut writes = mem::take(&mut self.writes);
        for (conn, bytes) in writes.drain(..) {
            self.step_of(conn, now, |link, step| link.write(step, bytes))?;
        }
        self.writes = writes;
        self.credit(now)
    }

    /// Tells the engine what has been written.
    pub(super) fn credit(&mut self, now: Now) -> Result<(), Fault> {
        let mut written = mem::take(&mut self.written);
        for (conn, count) in written.drain(..) {
            self.enter(|engine| engine.handle(now, conn, Event::Wrote(count)))?;
        }
        self.written = written;
        Ok(())
    }

    fn carry_out(&mut self, action: Action, now: Now) -> Result<(), Fault> {
        if !matches!(action, Action::Write { .. }) {
            self.write(now)?;
        }
        if let Action::Close { conn, reason, .. } = action {
            let link = self.links[conn.slot()].as_ref().filter(|link| link.id == conn);
            self.log.closed(now.mono, link, self.engine.engine(), reason);
        }
        match action {
            Action::Write { conn, bytes } => {
                self.writes.push((conn, bytes));
                // None is left when the engine says that it has no more: that is the end of the turn, for observers, too.
                let waits = self.writes.len() < WRITES && self.engine.engine().has_action();
                if waits { Ok(()) } else { self.write(now) }
            }
            Action::Reading { conn, enabled } => self.step_of(conn, now, |link, _| link.set_reading(enabled)),
            Action::Close { conn, how: Close::AfterFlush, reason } => {
                self.step_of(conn, now, |link, step| link.close_after_flush(step, reason))
            }
            Action::Close { conn, how: Close::Now, reason } => self.step_of(conn, now, |link, _| {
                link.reason.get_or_insert(reason);
                Next::Gone(Cause::Closed)
            }),
            Action::Store(batch) => {
                // Reading and writing may have taken long since `now`.
                self.storing.hand(batch.number, self.clock.now().mono);
                self.store().store(batch);
                Ok(())
            }
            Action::LookUp(look_up) => {
                self.store().look_up(look_up);
                Ok(())
            }
            Action::Report(report) => {
                self.report(&report);
                Ok(())
            }
        }
    }

    fn report(&mut self, report: &Report) {
        if let Report::Registered { conn, nick } = report {
            let link = self.links[conn.slot()].as_mut().filter(|link| link.id == *conn);
            log::registered(*conn, link, self.engine.engine(), nick);
        }
        log::report(report);
    }

    fn store(&mut self) -> &mut dyn HistoryStore {
        self.store.as_deref_mut().expect("an engine that stores has a store")
    }
}
