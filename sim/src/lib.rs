//! The chat server in a simulated network, under simulated time: same plan, same run, to the byte.
//!
//! What runs is what ships: `chat_driver::Driver` over the `Io` of `runtime-tokio` or `runtime-smol`, and
//! tokio's clock. Only what lies below is turmoil's: sockets, links, time.
//!
//! | file | what it holds |
//! |---|---|
//! | `plan` | [`Plan`]: a whole run as data, and its execution |
//! | `random` | [`Plan::random`]: a plan out of a seed |
//! | `rng` | [`Rng`]: the one source of chance |
//! | `host` | the server's machine: the shipping adapter over turmoil's sockets |
//! | `kernel` | what turmoil's sockets lack: time-outs of silent peers, short reads and writes |
//! | `client` | [`Client`]: a script, and the [`Transcript`] of what came back |
//! | `record` | [`Record`]: the rooms' own sequences, as the server logs them |
//! | `trace` | [`Trace`]: everything that was seen anywhere, in order, with its time |
//! | `oracle` | [`Outcome::check`]: what must be true of every run |
//!
//! Invariants:
//! - nothing here reads a clock, an address or a hash order that could differ from run to run;
//! - all choices of a random plan come from its seed, through [`Rng`] and turmoil's own generator;
//! - links do not heal from a [`Fault::Partition`]: turmoil never sends again what it lost, as TCP would.
//!   A glitch that heals is [`Fault::Hold`] and [`Fault::Release`].

mod client;
mod host;
mod kernel;
mod oracle;
mod plan;
mod random;
mod record;
mod rng;
mod trace;

pub use client::{Client, End, Step, Transcript};
pub use host::Adapter;
pub use plan::{Fault, HOSTS, Outcome, Plan};
pub use record::Record;
pub use rng::Rng;
pub use trace::Trace;
