//! Drives the chat engine over any listener, stream and clock. It knows no runtime and no chat rules.
//!
//! One future, [`Driver`], owns everything: the engine, the listeners and the connections. There are no tasks
//! per connection, so an idle one costs its socket, a slot in a `Vec` and one small waker, and nothing needs
//! a lock but the list of those that woke.
//!
//! | file | what it holds |
//! |---|---|
//! | `transport` | what a runtime supplies: [`Clock`], [`Listener`], [`Stream`] |
//! | `driver` | the turn: accept, read, let time pass, drain, sleep |
//! | `driver/actions` | carrying out what the engine wants |
//! | `fault` | why it cannot go on |
//! | `link` | one connection: reading, writing, closing |
//! | `ready` | who can go on: wakers, the queue behind them, and the [`Handle`] |
//! | `accept` | a listener that backs off when the machine is out of descriptors |
//! | `observe` | the engine with an [`Observer`]: a flight recorder, or a test's oracle |
//! | `store` | what is asked of a [`HistoryStore`] |
//! | `watch` | paused connections, looked at now and then for a reset |
//! | `log` | what the operator reads |
//! | `refusals` | strangers who are refused, summed up for the log |
//!
//! Invariants:
//! - a connection is reported `Disconnected` exactly once, and after that nothing is reported of it;
//! - at most one chunk is kept for each connection, and input is in one buffer shared by all;
//! - nothing loops without a bound: each poll is one turn, then the reactor has its chance.

mod accept;
mod driver;
mod fault;
mod link;
mod log;
mod observe;
mod ready;
mod refusals;
mod store;
mod transport;
mod watch;

pub use driver::Driver;
pub use fault::Fault;
pub use observe::{Input, Observer};
pub use ready::Handle;
pub use store::HistoryStore;
pub use transport::{Clock, Incoming, Listener, Stream};
