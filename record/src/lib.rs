//! The flight recorder: what a real server's engine was told and what it answered, compactly in a file; and the
//! same again, from the file.
//!
//! A recording is the engine's configuration and then one entry after the other: every event with its time,
//! and for every action as much as proves that another engine does the same: a hash of each piece of output, who
//! it was written to, who was closed and why. What was said is in the events, once.
//!
//! | file | what it holds |
//! |---|---|
//! | `format` | how a file begins, and its entries |
//! | `config` | the engine's configuration, as it is stored |
//! | `store` | what a history store answered |
//! | `recorder` | [`Recorder`], the driver's observer: from events and actions to entries |
//! | `file` | [`open`](Recorder::open)'s file, which is one server's |
//! | `output` | the thread that writes it |
//! | `replay` | [`Replay`]: from a file to an engine that does the same |
//!
//! Invariants:
//! - recording never changes what the server does, and never waits for a disk: what cannot be kept ends the
//!   recording, with a line in the log;
//! - an event is recorded after the engine has handled it, so that the engine can say which bytes of it are
//!   nobody's business: those of passwords.

mod config;
mod file;
mod format;
mod output;
mod recorder;
mod replay;
mod store;

pub use recorder::Recorder;
pub use replay::{Differs, Replay, Unreadable};
