//! The chat server in simulated worlds: same tape, same run, to the byte.

pub mod adapters;
pub mod oracle;
pub mod plan;
pub mod run;
pub mod trace;
