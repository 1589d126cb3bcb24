//! The shipping adapters in turmoil's network.

pub mod client;
pub mod host;
mod kernel;
mod oracle;
pub mod plan;
mod random;
pub mod record;
pub mod rng;
pub mod trace;

pub use client::{Client, End, Step, Transcript};
pub use host::Adapter;
pub use plan::{Fault, HOSTS, Outcome, Plan};
pub use rng::Rng;
pub use trace::Trace;
