//! The thread that looks up, on a store of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chat_core::{Found, LookUpError, Query, StoreAnswer};

use super::{Progress, Question};
use crate::{ReadError, Store};

/// How long it may take to notice the end, when nobody asks anything.
const GLANCE: Duration = Duration::from_millis(100);

pub(super) struct Reader {
    store: Box<dyn Store>,
    answer: Arc<dyn Fn(StoreAnswer) + Send + Sync>,
    questions: Receiver<Question>,
    progress: Arc<Progress>,
    waiting: VecDeque<Question>,
}

impl Reader {
    pub(super) fn new(
        store: Box<dyn Store>,
        answer: Arc<dyn Fn(StoreAnswer) + Send + Sync>,
        questions: Receiver<Question>,
        progress: Arc<Progress>,
    ) -> Self {
        Self { store, answer, questions, progress, waiting: VecDeque::new() }
    }

    pub(super) fn run(mut self) {
        while !self.progress.has_ended() {
            if self.waiting.is_empty() {
                match self.questions.recv_timeout(GLANCE) {
                    Ok(question) => self.waiting.push_back(question),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            self.waiting.extend(self.questions.try_iter());
            // Whoever pages back need not wait for whoever searches.
            let quick = |question: &Question| !matches!(question.look_up.query, Query::Search { .. });
            let next = self.waiting.iter().position(quick).unwrap_or(0);
            if let Some(question) = self.waiting.remove(next) {
                let found = self.look_up(&question);
                (self.answer)(StoreAnswer::Found { id: question.look_up.id, found });
            }
        }
    }

    fn look_up(&mut self, question: &Question) -> Result<Found, LookUpError> {
        if !self.progress.reached(question.look_up.after, question.until) {
            return Err(LookUpError::Unavailable);
        }
        look_up_twice(self.store.as_mut(), question)
    }
}

/// Looks something up, if anybody still waits for it; and once more if that failed: a store whose connection was lost makes
/// another.
pub(super) fn look_up_twice(store: &mut dyn Store, question: &Question) -> Result<Found, LookUpError> {
    let is_late = || question.until <= Instant::now();
    if is_late() {
        return Err(LookUpError::Unavailable);
    }
    let query = &question.look_up.query;
    let found = match store.look_up(query) {
        Err(ReadError::Failed(_)) if !is_late() => store.look_up(query),
        found => found,
    };
    found.map_err(|error| match error {
        ReadError::Unsupported => LookUpError::Unsupported,
        ReadError::Failed(error) => {
            tracing::warn!(%error, "history could not be read");
            LookUpError::Unavailable
        }
    })
}
