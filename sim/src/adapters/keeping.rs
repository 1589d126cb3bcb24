//! The server's history store: made of data, as in the world of links, and asked through the driver.

use std::time::Duration;

use chat_core::{Action, Batch, LookUp, StoreMode};
use chat_driver::HistoryStore;
use tokio::time::sleep;

use super::ground::{Ground, now};
use crate::oracle::{Promise, event_line};
use crate::store::Store;

/// The driver's end of it.
pub(super) struct Keeper(pub(super) Ground);

impl HistoryStore for Keeper {
    fn store(&mut self, batch: Batch) {
        self.ask(&Action::Store(batch));
    }

    fn look_up(&mut self, look_up: LookUp) {
        self.ask(&Action::LookUp(look_up));
    }
}

impl Keeper {
    fn ask(&mut self, action: &Action) {
        if let Some(store) = &mut *self.0.store.borrow_mut() {
            store.take(nanos(now()), action);
        }
        self.0.asked.notify_one();
    }
}

/// Says what the store has to say, when it has, for as long as the server runs.
pub(super) async fn answer(ground: Ground) {
    loop {
        let next = ground.store.borrow().as_ref().and_then(Store::next_at);
        let left = next.map(|at| Duration::from_nanos(at).saturating_sub(now()));
        match left {
            None => ground.asked.notified().await,
            Some(left) if !left.is_zero() => {
                tokio::select! {
                    biased;
                    () = ground.asked.notified() => {}
                    () = sleep(left) => {}
                }
            }
            Some(_) => {
                let answers = ground.store.borrow_mut().as_mut().map(|store| store.answers(nanos(now())));
                if let Some(handle) = &*ground.handle.borrow() {
                    answers.into_iter().flatten().for_each(|answer| handle.store_answered(answer));
                }
                // The driver has its turn between two answers.
                tokio::task::yield_now().await;
            }
        }
    }
}

impl Ground {
    /// What clients have seen is stored, unless it may be shown first.
    pub(super) fn check_store(&self) {
        let store = self.store.borrow();
        let Some(store) = &*store else { return };
        if let Some(wrong) = store.wrong() {
            self.accuse(Promise::Kept, wrong);
        }
        if self.config.store != Some(StoreMode::StoreFirst) {
            return;
        }
        for seen in &*self.transcripts.borrow() {
            let received = String::from_utf8_lossy(&seen.received);
            let lines = received.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let lost = |line: &&str| event_line(line).is_some_and(|event| !store.has(&event));
            if let Some(lost) = lines.into_iter().find(lost) {
                self.accuse(Promise::Kept, format!("a client has seen what is not stored: {lost:?}"));
            }
        }
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
