//! Time and the timer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use chat_core::{Mono, Now};
use chat_driver::Clock;
use chrono::{DateTime, Utc};
use tokio::time::{Instant, Sleep, sleep_until};

/// Monotonic time is tokio's, from zero at the start; the wall clock is given, so that a simulation can give
/// its own.
pub struct TokioClock<W> {
    start: Instant,
    wall: W,
    sleep: Pin<Box<Sleep>>,
}

impl<W: Fn() -> DateTime<Utc>> TokioClock<W> {
    /// Starts at zero. Must be called within the runtime.
    pub fn new(wall: W) -> Self {
        let start = Instant::now();
        Self { start, wall, sleep: Box::pin(sleep_until(start)) }
    }
}

impl<W: Fn() -> DateTime<Utc> + Unpin> Clock for TokioClock<W> {
    fn now(&self) -> Now {
        Now { mono: Mono::default().after(self.start.elapsed()), utc: (self.wall)() }
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Mono) -> Poll<()> {
        let deadline = self.start + Duration::from_nanos(deadline.0);
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }
}
