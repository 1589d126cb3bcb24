//! The chat engine, pure: no sockets, no clock, no threads, no async, no randomness.
//!
//! Connection events and timestamps go in, write and close actions come out:
//!
//! ```
//! use chat_core::{Action, Config, Engine, Event, Mono, Now};
//!
//! let mut engine = Engine::new(Config::default())?;
//! let now = Now { mono: Mono(0), utc: Default::default() };
//! let ann = engine.connect(now, [127, 0, 0, 1].into());
//! engine.handle(now, ann, Event::Opened);
//! engine.handle(now, ann, Event::Received(b"ann\n"));
//! while let Some(action) = engine.poll_action() {
//!     if let Action::Write { conn, bytes } = action {
//!         assert!(conn == ann && bytes.starts_with(b"* welcome, ann"));
//!         engine.handle(now, conn, Event::Wrote(bytes.len()));
//!     }
//! }
//! # Ok::<(), chat_core::ConfigError>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `addresses` | sets of addresses: who may not connect, who speaks for others |
//! | `framing` | bytes to lines: line ends, limits, telnet |
//! | `flood` | how fast lines, and connections from one address, may come |
//! | `password` | the password of a server: never shown, compared in constant time |
//! | `plain` | the plain dialect: lines to requests, notices to bytes |
//! | `text` | what is valid text, and what a terminal may see of it |
//! | `chat` | users, rooms and the rules among them; commands to notices |
//! | `store` | what is asked of a history store, and what it answers |
//! | `outbox` | who gets what: turns, shared segments, queues |
//! | `engine` | the connections, and the way from an event to actions |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod action;
mod addresses;
mod chat;
mod config;
mod engine;
mod event;
mod flood;
mod framing;
mod keys;
mod outbox;
mod password;
mod plain;
mod store;
mod text;
mod time;

pub use action::{Action, Close, Reason, Report};
pub use addresses::Addresses;
pub use chat::{Kind, Traffic, room_key};
pub use config::{
    Config, ConfigError, ConnectLimit, FloodLimit, HistoryLimits, RoomLimit, StoreMode, TurnLimit,
};
pub use engine::{Attempt, Census, ConnState, Engine, Footprint, RoomState, Stage, State, Timer};
pub use event::{Cause, ConnId, Event, Violation};
pub use password::Password;
pub use store::{Batch, Found, LookUp, LookUpError, Query, RoomRecord, StoreAnswer};
pub use time::{Mono, Now};
