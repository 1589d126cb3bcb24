//! The store of a server's history: opened before anybody is let in, and ended after the last has left.

use std::time::Duration;

use chat_core::{Batch, LookUp};
use chat_driver::{Handle, HistoryStore};
use chat_store::{End, Opened, StoreHandle, Worker};
use tracing::{error, info};

use crate::Error;
use crate::args::Args;

/// How long a server that ends waits for what is still to be stored.
const PATIENCE: Duration = Duration::from_secs(5);

/// A history that is open, if there is one to be stored.
pub struct History(Option<Opened>);

/// The same while it is used.
#[must_use = "what is said last would not be stored"]
pub struct Running(Option<(Worker, String)>);

impl History {
    /// Opens what the settings name.
    pub(crate) fn open(args: &Args) -> Result<Self, Error> {
        let place = args.history_place();
        let open = |url| chat_store::open(url, args.history_sync_full(), args.retention());
        let opened = place.url().map(open).transpose();
        Ok(Self(opened.map_err(|error| Error::History { place: format!("{place:?}"), error })?))
    }

    /// Says in the log where it is.
    pub(crate) fn tell(&self) {
        if let Some(Opened { name, .. }) = &self.0 {
            info!(store = name, "history is stored");
        }
    }

    /// Begins to store: what the driver with this handle is to be given, and what is to be ended after it.
    ///
    /// # Errors
    /// If there can be no threads.
    pub fn start(self, driver: Handle) -> Result<(Option<Box<dyn HistoryStore>>, Running), Error> {
        let Some(Opened { stores, name }) = self.0 else { return Ok((None, Running(None))) };
        let ending = driver.clone();
        let answer = Box::new(move |answer| driver.store_answered(answer));
        let started = Worker::start(stores, answer, Box::new(move || ending.shutdown()));
        match started {
            Ok((handle, worker)) => Ok((Some(Box::new(Hook(handle))), Running(Some((worker, name))))),
            Err(error) => Err(Error::History { place: name, error }),
        }
    }
}

impl Running {
    /// Waits until all is stored, but not for ever.
    ///
    /// # Errors
    /// If the server had to end because another one has taken the history over.
    pub fn finish(self) -> Result<(), Error> {
        let Some((worker, place)) = self.0 else { return Ok(()) };
        match worker.stop(PATIENCE) {
            End::Stored => {}
            End::Unstored => error!("the history could not be stored to its end: the last of it is lost"),
            End::Lost => return Err(Error::HistoryLost { place }),
        }
        Ok(())
    }
}

/// The worker, as the driver sees it.
struct Hook(StoreHandle);

impl HistoryStore for Hook {
    fn store(&mut self, batch: Batch) {
        self.0.store(batch);
    }

    fn look_up(&mut self, look_up: LookUp) {
        self.0.look_up(look_up);
    }
}
