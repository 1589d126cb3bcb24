//! What an operator measures of a server: who is there, what passes through, how long a turn and a delivery take.
//!
//! Two halves, and one question between them:
//!
//! ```text
//!  the driver's thread:  Meter, an observer, counts ──── a snapshot ───▶  a thread of its own: Endpoint, HTTP
//!                              ◀──────────── Handle::inspect ────────────
//! ```
//!
//! The meter's numbers are plain ones, since nobody else reads them: for each scrape it is asked for a copy, which it
//! gives at the end of a turn, with what the engine says of itself at that moment. An answer in time is also what
//! `/healthz` takes for health.
//!
//! | file | what it holds |
//! |---|---|
//! | `meter` | what is counted, as the driver's observer |
//! | `writes` | writes on their way to the kernel |
//! | `histogram` | durations by size |
//! | `snapshot` | a copy of all numbers, as text for Prometheus |
//! | `labels` | the names of ends |
//! | `endpoint` | the listening socket and its clients |
//! | `http` | requests and answers |

mod endpoint;
mod histogram;
mod http;
mod labels;
mod meter;
mod snapshot;
mod writes;

use std::net::TcpListener;
use std::sync::mpsc;

pub use endpoint::Endpoint;
pub use meter::Meter;

/// Descriptors that an [`Endpoint`] holds at most: its socket's, its clients', and of one more until the oldest has gone.
pub const DESCRIPTORS: usize = endpoint::CLIENTS + 2;

/// What is to be told of the server around the driver, at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Surroundings {
    /// Lines that the log has lost.
    pub log_lines_lost: u64,
    /// Days until the certificate expires, less than 0 after that; none, if there is no certificate.
    pub certificate_days: Option<f64>,
}

/// Both halves, for one driver: its observer, and what serves the numbers on `listener`, which does not block, with those
/// that `surroundings` tells.
#[must_use]
pub fn metrics(
    listener: TcpListener,
    surroundings: impl Fn() -> Surroundings + Send + 'static,
) -> (Meter, Endpoint) {
    // One answer at most is under way: whoever is asked again before it was taken need not answer again.
    let (sender, receiver) = mpsc::sync_channel(1);
    (Meter::new(sender), Endpoint::new(listener, receiver, Box::new(surroundings)))
}
