//! The chat server on tokio: what the driver needs of a runtime, and nothing else.
//!
//! | file | what it holds |
//! |---|---|
//! | `clock` | [`TokioClock`]: time and the timer |
//! | `listener` | [`TokioListener`]: TCP connections |
//! | `io` | [`Io`]: a tokio stream as the driver's |

mod clock;
mod io;
mod listener;

pub use clock::TokioClock;
pub use io::{Io, Socket};
pub use listener::TokioListener;
