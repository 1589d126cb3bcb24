//! The thread that looks up, on a store of its own.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chat_core::{Found, LookUpError, StoreAnswer};

use super::waiting::Waiting;
use super::{Progress, Question};
use crate::{ReadError, Store, StoreError};

/// How long it may take to notice the end, when nobody asks anything.
const GLANCE: Duration = Duration::from_millis(100);
/// How long it may take to notice a question that can be answered at once, while others wait for the writer.
const WAIT: Duration = Duration::from_millis(10);

/// How long the log is not told again that look-ups fail.
const QUIET: Duration = Duration::from_secs(10);

pub(super) struct Reader {
    store: Box<dyn Store>,
    answer: Arc<dyn Fn(StoreAnswer) + Send + Sync>,
    questions: Receiver<Question>,
    progress: Arc<Progress>,
    waiting: Waiting,
    failures: Failures,
}

/// Look-ups that failed, told so that users who ask again and again do not fill the log.
#[derive(Default)]
struct Failures {
    untold: u64,
    /// The log has been told, and is not again before then.
    quiet: Option<Instant>,
}

impl Failures {
    fn add(&mut self, error: &StoreError) {
        self.untold += 1;
        let now = Instant::now();
        if self.quiet.is_none_or(|quiet| quiet <= now) {
            tracing::warn!(%error, times = mem::take(&mut self.untold), "history could not be read");
            self.quiet = Some(now + QUIET);
        }
    }
}

impl Reader {
    pub(super) fn new(
        store: Box<dyn Store>,
        answer: Arc<dyn Fn(StoreAnswer) + Send + Sync>,
        questions: Receiver<Question>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            store,
            answer,
            questions,
            progress,
            waiting: Waiting::default(),
            failures: Failures::default(),
        }
    }

    pub(super) fn run(mut self) {
        while !self.progress.has_ended() {
            if self.waiting.first().is_none() {
                match self.questions.recv_timeout(GLANCE) {
                    Ok(question) => self.take_in(question),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            // Before the questions that have come: then whatever came before a batch was stored has its turn with the others.
            let stored = self.progress.stored();
            while let Ok(question) = self.questions.try_recv() {
                self.take_in(question);
            }
            let late = self.waiting.take_late(Instant::now());
            late.iter().for_each(|question| self.refuse(question));
            if let Some(question) = self.waiting.take_next(stored) {
                let found = look_up_twice(self.store.as_mut(), &question, &mut self.failures);
                (self.answer)(StoreAnswer::Found { id: question.look_up.id, found });
            } else if let Some(first) = self.waiting.first() {
                self.progress.wait_for(first, Instant::now() + WAIT);
            }
        }
    }

    /// Has a question wait for its turn, if there is a place for it.
    fn take_in(&mut self, question: Question) {
        if let Some(surplus) = self.waiting.push(question) {
            self.refuse(&surplus);
        }
    }

    fn refuse(&self, question: &Question) {
        (self.answer)(StoreAnswer::Found { id: question.look_up.id, found: Err(LookUpError::Unavailable) });
    }
}

/// Looks something up, if anybody still waits for it; and once more if that failed: a store whose connection was lost makes
/// another.
fn look_up_twice(
    store: &mut dyn Store,
    question: &Question,
    failures: &mut Failures,
) -> Result<Found, LookUpError> {
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
            failures.add(&error);
            LookUpError::Unavailable
        }
    })
}
