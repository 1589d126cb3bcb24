//! The chat server in simulated worlds: same tape, same run, to the byte.

pub mod adapters;
mod confusables;
pub mod corpus;
pub mod metamorphic;
pub mod oracle;
pub mod plan;
pub mod planted;
pub mod recording;
pub mod run;
mod seen;
pub mod shrink;
mod store;
pub mod tape;
pub mod tier;
pub mod trace;
pub mod transcript;
pub mod world;
