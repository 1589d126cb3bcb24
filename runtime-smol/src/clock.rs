//! Time and the timer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use chat_core::{Mono, Now};
use chat_driver::Clock;
use chrono::{DateTime, Utc};
use smol::Timer;

/// Monotonic time is the system's, from zero at the start; the wall clock is given. smol's timer is bound to
/// real time: a simulation brings a whole clock of its own.
pub struct SmolClock<W> {
    start: Instant,
    wall: W,
    deadline: Instant,
    timer: Timer,
}

impl<W: Fn() -> DateTime<Utc>> SmolClock<W> {
    /// Starts at zero.
    pub fn new(wall: W) -> Self {
        let start = Instant::now();
        Self { start, wall, deadline: start, timer: Timer::at(start) }
    }
}

impl<W: Fn() -> DateTime<Utc> + Unpin> Clock for SmolClock<W> {
    fn now(&self) -> Now {
        Now { mono: Mono::default().after(self.start.elapsed()), utc: (self.wall)() }
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Mono) -> Poll<()> {
        let deadline = self.start + Duration::from_nanos(deadline.0);
        if self.deadline != deadline {
            self.deadline = deadline;
            self.timer.set_at(deadline);
        }
        ready!(Pin::new(&mut self.timer).poll(cx));
        Poll::Ready(())
    }
}
