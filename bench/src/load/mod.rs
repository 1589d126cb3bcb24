//! The load generator: one thread, many connections, and a check of every byte that comes.
//!
//! | file | what it holds |
//! |---|---|
//! | `text` | what is said, such that a listener can tell what is missing |
//! | `room` | what everybody in a room heard, compared byte by byte |
//! | `client` | one connection |
//! | `crowd` | all of them, joined and in step |
//! | `moves` | members who leave and join again |
//! | `talk` | a window of messages in flight, or a fixed rate |

mod client;
mod crowd;
mod moves;
mod room;
mod talk;
mod text;

pub(crate) use crowd::{Crowd, Size};
pub(crate) use moves::rejoin_loop;
pub(crate) use talk::{at_rate, closed_loop};
