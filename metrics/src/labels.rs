//! The names of ends, for the label `reason`. Operators' queries have them: none may change.

use chat_core::{Cause, Reason};

/// All of them: each is shown from the start, since a rate over what was not there before is wrong.
pub(crate) const ENDS: [&str; 26] = [
    "quit",
    "end_of_input",
    "end_of_input_timeout",
    "handshake_timeout",
    "plaintext_refused",
    "unforwarded",
    "transport_garbled",
    "registration_timeout",
    "idle",
    "password_refused",
    "nicknames_refused",
    "http",
    "server_full",
    "address_full",
    "banned",
    "connecting_too_fast",
    "too_many_unregistered",
    "too_slow",
    "out_of_memory",
    "shutting_down",
    "linger_timeout",
    "closed",
    "reset",
    "timed_out",
    "failed",
    "panicked",
];

/// The name of an end: why the engine closed the connection, or if it did not, how that was lost.
pub(crate) fn end(reason: Option<Reason>, cause: Cause) -> &'static str {
    match reason {
        Some(reason) => of_reason(reason),
        None => match cause {
            Cause::Closed => "closed",
            Cause::Reset => "reset",
            Cause::TimedOut => "timed_out",
            Cause::Failed => "failed",
            Cause::Panicked => "panicked",
        },
    }
}

fn of_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Quit => "quit",
        Reason::EndOfInput => "end_of_input",
        Reason::EndOfInputTimeout => "end_of_input_timeout",
        Reason::HandshakeTimeout => "handshake_timeout",
        Reason::PlaintextRefused => "plaintext_refused",
        Reason::Unforwarded => "unforwarded",
        Reason::TransportGarbled => "transport_garbled",
        Reason::RegistrationTimeout => "registration_timeout",
        Reason::Idle => "idle",
        Reason::PasswordRefused => "password_refused",
        Reason::NicknamesRefused => "nicknames_refused",
        Reason::Http => "http",
        Reason::ServerFull => "server_full",
        Reason::AddressFull => "address_full",
        Reason::Banned => "banned",
        Reason::ConnectingTooFast => "connecting_too_fast",
        Reason::TooManyUnregistered => "too_many_unregistered",
        Reason::TooSlow => "too_slow",
        Reason::OutOfMemory => "out_of_memory",
        Reason::ShuttingDown => "shutting_down",
        Reason::LingerTimeout => "linger_timeout",
    }
}
