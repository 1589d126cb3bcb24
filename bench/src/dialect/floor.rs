//! The bare floor's: see [`crate::floor`].

use super::{Heard, Role, line};

/// What the floor answers to whoever joins.
pub(crate) const OK: &[u8] = b"ok";

pub(super) fn hello(room: usize, role: Role) -> Vec<u8> {
    match role {
        Role::Listener => format!("+{room}\n"),
        Role::Speaker => format!("-{room}\n"),
        Role::Member => format!("={room}\n"),
    }
    .into_bytes()
}

pub(super) fn next(input: &[u8]) -> Option<(usize, Heard<'_>)> {
    let (taken, line) = line(input)?;
    Some((taken, if line == OK { Heard::Other(line) } else { Heard::Said(line) }))
}
