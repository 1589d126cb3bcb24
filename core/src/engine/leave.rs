//! Why users leave, as the others in the room are told.

use core::fmt;

use crate::action::Reason;
use crate::event::Cause;

/// Why a user left everything: what the others in the room are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaveReason {
    /// The transport failed.
    Lost(Cause),
    /// The engine closed it.
    Closed(Reason),
}

impl From<Cause> for LeaveReason {
    fn from(cause: Cause) -> Self {
        Self::Lost(cause)
    }
}

impl From<Reason> for LeaveReason {
    fn from(reason: Reason) -> Self {
        Self::Closed(reason)
    }
}

impl fmt::Display for LeaveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(cause) => cause.fmt(f),
            Self::Closed(reason) => reason.fmt(f),
        }
    }
}
