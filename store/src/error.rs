//! What can go wrong with a store, each in one line.

use std::fmt;

/// Why a store did not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It could not just now; what it said.
    Failed(String),
    /// Another server has taken the history over: this process cannot store anything in it ever again.
    Lost,
}

impl StoreError {
    /// It could not just now, and this is what it says.
    pub fn new(reason: impl fmt::Display) -> Self {
        // One line, whatever a library says.
        Self::Failed(reason.to_string().replace(['\n', '\r'], " "))
    }

    /// An event is to be stored, and there is another one with its number.
    pub(crate) fn different(room: &str, seq: u64) -> Self {
        Self::new(format_args!(
            "{room} has something else as number {seq}: does another server write to this history?"
        ))
    }

    /// What this server began with, or found, is not there any more.
    pub(crate) fn gone() -> Self {
        Self::new(
            "the history of this server is gone: somebody has emptied the store; put it back, or start the server again to \
            begin a new one",
        )
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => f.write_str(reason),
            Self::Lost => f.write_str("another server has taken this history over"),
        }
    }
}
impl std::error::Error for StoreError {}

/// Why nothing was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// This store cannot do that.
    Unsupported,
    /// It could not just now.
    Failed(StoreError),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("this store cannot do that"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

/// Why a store cannot be used at all; never with a password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError(pub String);

impl OpenError {
    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        Self(StoreError::new(reason).to_string())
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}
