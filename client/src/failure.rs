//! How a session can fail, and the exit status that tells so.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::args::Address;

/// Why the client did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No address of the host accepted a connection.
    Connect(Address, io::Error),
    /// A room was asked for in a pipe, but no nickname to join it with.
    RoomWithoutNick,
    /// The server answered the nickname or the room with this line.
    Refused(String),
    /// The server did not confirm this name in time.
    Unconfirmed(String),
    /// The server ended the connection, or it broke, before all input was sent.
    Unsent(Option<io::Error>),
    /// The connection broke while reading.
    Lost(io::Error),
    /// What was received could not be written.
    Output(io::Error),
    /// The terminal could not be set up or drawn on.
    Terminal(io::Error),
    /// The user did not wait for the server to close.
    Left,
    /// A signal asked for the end: the process is to end by it.
    Ended(i32),
}

impl Failure {
    /// The exit status, as `--help` promises it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Connect(..) => 1,
            Self::RoomWithoutNick => 2,
            Self::Refused(_) | Self::Unconfirmed(_) => 3,
            Self::Unsent(_)
            | Self::Lost(_)
            | Self::Output(_)
            | Self::Terminal(_)
            | Self::Left
            | Self::Ended(_) => 4,
        })
    }

    /// Whether nothing is to be said: someone who closes our stdout (`| head -1`) has seen enough, and a signal says
    /// enough.
    pub(crate) fn is_quiet(&self) -> bool {
        match self {
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Ended(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(address, error) => write!(f, "cannot connect to {address}: {error}"),
            Self::RoomWithoutNick => f.write_str("--room needs --nick when there is no terminal"),
            Self::Refused(line) => write!(f, "refused: {line}"),
            Self::Unconfirmed(name) => write!(f, "the server did not confirm {name}"),
            Self::Unsent(None) => f.write_str("the server closed before all input was sent"),
            Self::Unsent(Some(error)) => write!(f, "not all input was sent: {error}"),
            Self::Lost(error) => write!(f, "the connection broke: {error}"),
            Self::Output(error) => write!(f, "cannot write the output: {error}"),
            Self::Terminal(error) => write!(f, "cannot use the terminal: {error}"),
            Self::Left => f.write_str("left before the server closed the connection"),
            Self::Ended(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}
