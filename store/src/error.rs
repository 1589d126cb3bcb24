//! What can go wrong with a store, each in one line.

use std::fmt;

/// Why a store did not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It could not just now; what it said.
    Failed(String),
    /// Another server has taken the history over: this process cannot store anything in it ever again.
    Lost,
    /// Something in what is to be stored never can be, however often that is tried.
    Refused {
        /// The key of its room, if that is known.
        room: Option<String>,
        /// What the store said.
        reason: String,
    },
}

impl StoreError {
    /// It could not just now, and this is what it says.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self::Failed(one_line(reason))
    }

    /// What is to be stored never can be: an event of the room of this key, if that is known.
    pub fn refused(room: Option<&str>, reason: impl fmt::Display) -> Self {
        Self::Refused { room: room.map(str::to_owned), reason: one_line(reason) }
    }

    /// An event is to be stored, and there is another one with its number.
    pub(crate) fn different(key: &str, seq: u64) -> Self {
        let reason = format_args!(
            "{key} has something else as number {seq}: does another server write to this history?"
        );
        Self::refused(Some(key), reason)
    }

    /// What this server began with, or found, is not there any more.
    pub(crate) fn gone() -> Self {
        Self::new(
            "the history of this server is gone: somebody has emptied the store; put it back, or start the server again to \
            begin a new one",
        )
    }
}

/// In one line, whatever a library says.
fn one_line(reason: impl fmt::Display) -> String {
    reason.to_string().replace(['\n', '\r'], " ")
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) | Self::Refused { reason, .. } => f.write_str(reason),
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
        Self(one_line(reason))
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
