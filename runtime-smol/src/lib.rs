//! The chat server on smol: what the driver needs of a runtime, and nothing else.
//!
//! | file | what it holds |
//! |---|---|
//! | `clock` | [`SmolClock`]: time and the timer |
//! | `listener` | [`SmolListener`]: TCP connections |
//! | `io` | [`Io`]: a smol stream as the driver's |
//! | `reactor` | [`Reactor`]: who can go on |

mod clock;
mod io;
mod listener;
mod reactor;

pub use clock::SmolClock;
pub use io::{Io, Socket};
pub use listener::SmolListener;
pub use reactor::{Connection, Reactor, Registry};
