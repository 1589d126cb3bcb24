//! A listener that backs off: a machine without free descriptors answers at once, for as long as it likes.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use chat_core::Mono;

use crate::log;
use crate::transport::Listener;

/// The first wait after a failure: short, since descriptors are often freed soon.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait: whoever connects while things are bad waits this long at most once they are good.
const BACKOFF_LAST: Duration = Duration::from_secs(1);

/// How long the log is not told again: with few descriptors left, attempts fail and succeed by turns.
const QUIET: Duration = Duration::from_secs(60);

/// What an attempt to accept came to.
pub(crate) enum Accept<S> {
    /// A connection, and its peer.
    New(S, SocketAddr),
    /// That one was gone before it was accepted; try the next.
    Missed,
    /// Nobody is waiting, or it is no time to ask. The listener or the clock wakes the driver.
    Idle,
}

/// One listener, and its patience.
pub(crate) struct Acceptor<L> {
    listener: L,
    /// When to try again after a failure.
    retry: Option<Mono>,
    /// The wait that the last failure led to; none since the last success.
    wait: Option<Duration>,
    /// Failures that the log does not tell of, and until when it need not.
    untold: u64,
    quiet: Mono,
}

impl<L: Listener> Acceptor<L> {
    pub(crate) fn new(listener: L) -> Self {
        Self { listener, retry: None, wait: None, untold: 0, quiet: Mono(0) }
    }

    /// When to try again after a failure; none while the listener itself will wake the driver.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.retry
    }

    pub(crate) fn accept(&mut self, now: Mono, cx: &mut Context<'_>) -> Accept<L::Stream> {
        if self.retry.is_some_and(|retry| now < retry) {
            return Accept::Idle;
        }
        self.retry = None;
        match self.listener.poll_accept(cx) {
            Poll::Pending => Accept::Idle,
            Poll::Ready(Ok((stream, peer))) => {
                self.wait = None;
                Accept::New(stream, peer)
            }
            Poll::Ready(Err(error)) if concerns_one_peer(&error) => Accept::Missed,
            Poll::Ready(Err(error)) => {
                self.back_off(now, &error);
                Accept::Idle
            }
        }
    }

    fn back_off(&mut self, now: Mono, error: &io::Error) {
        self.untold += 1;
        if self.quiet <= now {
            log::accept_failed(error, mem::take(&mut self.untold));
            self.quiet = now.after(QUIET);
        }
        let wait = self.wait.map_or(BACKOFF_FIRST, |wait| (wait * 2).min(BACKOFF_LAST));
        self.wait = Some(wait);
        self.retry = Some(now.after(wait));
    }
}

/// Whether the failure is that of the connection at the head of the queue, and took it out of the queue.
fn concerns_one_peer(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use crate::transport::{Incoming, Stream};

    use super::*;

    /// Fails and succeeds by turns, as it goes with the last descriptor.
    struct Failing(usize);

    struct Nobody;

    impl Listener for Failing {
        type Stream = Nobody;

        fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(Nobody, SocketAddr)>> {
            self.0 += 1;
            Poll::Ready(match self.0 % 2 {
                0 => Ok((Nobody, ([127, 0, 0, 1], 1).into())),
                _ => Err(ErrorKind::Other.into()),
            })
        }
    }

    impl Stream for Nobody {
        fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<Incoming>> {
            Poll::Pending
        }

        fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn take_error(&self) -> io::Result<Option<io::Error>> {
            Ok(None)
        }
    }

    #[test]
    fn failures_are_told_once_a_minute() {
        let mut acceptor = Acceptor::new(Failing(0));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut untold = Vec::new();
        let mut now = Mono(0);
        // Every tenth of a second, for a minute and a bit.
        for _ in 0..602 {
            acceptor.accept(now, &mut cx);
            untold.push(acceptor.untold);
            now = now.after(BACKOFF_FIRST);
        }
        assert_eq!(untold.iter().max(), Some(&299));
        let told = untold.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert_eq!((untold[0], told, untold[601]), (0, 1, 0));
    }
}
