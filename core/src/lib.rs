//! The chat engine, pure: no sockets, no clock, no threads, no async, no randomness.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod action;
mod chat;
mod config;
mod engine;
mod event;
mod flood;
mod framing;
mod outbox;
mod plain;
mod text;
mod time;

pub use action::{Action, Close, Reason, Report, RoomRecord};
pub use config::{Config, ConfigError, FloodLimit, HistoryLimits};
pub use engine::{Engine, Footprint, Timer};
pub use event::{Cause, ConnId, Event};
pub use time::{Mono, Now};
