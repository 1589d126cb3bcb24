//! Why a server cannot go on.

use std::error::Error;
use std::fmt;

/// A panic left the chat half-changed. It is not served any more: end the process.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fault;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a panic left the chat half-changed")
    }
}

impl Error for Fault {}
