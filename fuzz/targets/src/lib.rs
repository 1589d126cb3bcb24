//! What the fuzzer runs: each target takes any bytes, and panics where a promise is broken.
//!
//! The fuzzer's programs call these functions, and so does a test, with the seeds.
//!
//! | file | what it holds |
//! |---|---|
//! | `lines` | what peers send, cut in any way, and what reaches a terminal |
//! | `engine` | any order of events, as a tape of bytes |
//! | `config` | the configuration file |
//! | `adapter` | what stands between a target and the engine: sockets made of data, which check what they are told |
//! | `store` | a history store that answers as the tape likes |
//! | `phrases` | what a tape can say with one byte |
//! | `terminal` | what may reach a terminal |

mod adapter;
mod config;
mod engine;
mod lines;
mod phrases;
mod store;
mod terminal;

pub use config::config;
pub use engine::engine;
pub use lines::lines;
