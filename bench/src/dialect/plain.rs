//! The plain dialect of this server.

use super::{Heard, line};

pub(super) fn hello(name: &str, room: usize) -> Vec<u8> {
    format!("{name}\n/join #r{room}\n").into_bytes()
}

pub(super) fn next(input: &[u8]) -> Option<(usize, Heard<'_>)> {
    let (taken, line) = line(input)?;
    Some((taken, said(line).map_or(Heard::Other(line), Heard::Said)))
}

/// The text of `[HH:MM:SS] #room <nick> text`.
fn said(line: &[u8]) -> Option<&[u8]> {
    let behind_stamp = line.strip_prefix(b"[")?.get(10..)?;
    let room_end = memchr::memchr(b' ', behind_stamp)?;
    let behind_room = behind_stamp[room_end + 1..].strip_prefix(b"<")?;
    let nick_end = memchr::memmem::find(behind_room, b"> ")?;
    Some(&behind_room[nick_end + 2..])
}
