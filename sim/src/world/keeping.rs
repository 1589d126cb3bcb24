//! The server's history store: it is asked, answers in its own time, and outlives the server.

use chat_core::{Action, StoreMode};
use chat_driver::{Input, Observer as _};

use super::World;
use crate::oracle::{Promise, event_line};
use crate::seen::Seen;

impl World<'_> {
    /// When the store has something to say to a server that hears it.
    pub(super) fn store_deadline(&self) -> Option<u64> {
        self.server.as_ref()?;
        Some(self.store.as_ref()?.next_at()?.max(self.asleep_until))
    }

    /// Whether it has something to say now.
    pub(super) fn store_speaks(&self) -> bool {
        self.store_deadline().is_some_and(|at| at <= self.now)
    }

    pub(super) fn ask_store(&mut self, action: &Action) {
        if let Some(store) = &mut self.store {
            store.take(self.now, action);
        }
    }

    /// The engine hears what the store has to say.
    pub(super) fn hear_store(&mut self) {
        let now = self.clocks();
        let Some(store) = &mut self.store else { return };
        for answer in store.answers(self.now) {
            self.turns_at_once = 0;
            self.note(&Seen::answered(&answer, &mut String::new()));
            let server = self.server();
            server.engine.store_answered(now, answer.clone());
            server.oracle.handled(now, Input::StoreAnswered(&answer), &server.engine);
        }
    }

    /// What anybody has seen is stored, unless it may be shown first.
    pub(super) fn check_store(&mut self) {
        let Some(store) = &self.store else { return };
        if let Some(wrong) = store.wrong() {
            let how = wrong.to_owned();
            return self.accuse(Promise::Kept, how);
        }
        if self.plan.options.config.store != Some(StoreMode::StoreFirst) {
            return;
        }
        let is_lost = |line: &&str| event_line(line).is_some_and(|event| !store.has(&event));
        let lost = self.links.iter().find_map(|link| {
            let received = String::from_utf8_lossy(&link.written[..link.received]);
            received
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
                .find(is_lost)
                .map(str::to_owned)
        });
        if let Some(lost) = lost {
            self.accuse(Promise::Kept, format!("a client has seen what is not stored: {lost:?}"));
        }
    }
}
