//! IRC (<https://modern.ircdocs.horse>), as clients speak it.

use std::io::Write as _;

use super::{Heard, line};
use crate::Result;

pub(super) fn hello(name: &str) -> Vec<u8> {
    format!("NICK {name}\r\nUSER {name} 0 * :{name}\r\n").into_bytes()
}

/// What a client answers: to the welcome, that it joins its room. Not every server hears that any earlier.
pub(super) fn reply(line: &[u8], room: usize) -> Option<Vec<u8>> {
    (command(line) == Some(b"001")).then(|| format!("JOIN #r{room}\r\n").into_bytes())
}

/// Whether the names of all who are in the room have been told: that is the last thing that comes with a join.
pub(super) fn is_joined(line: &[u8]) -> bool {
    command(line) == Some(b"366")
}

pub(super) fn say(room: usize, text: &[u8], out: &mut Vec<u8>) {
    write!(out, "PRIVMSG #r{room} :").expect("a Vec takes everything");
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn next(input: &[u8]) -> Result<Option<(usize, Heard<'_>)>> {
    let Some((taken, line)) = line(input) else { return Ok(None) };
    if line.starts_with(b"ERROR ") {
        return Err(format!("the IRC server says {:?}", String::from_utf8_lossy(line)).into());
    }
    Ok(Some((taken, said(line).map_or(Heard::Other(line), Heard::Said))))
}

/// The text of `:nick!user@host PRIVMSG #room :text`.
fn said(line: &[u8]) -> Option<&[u8]> {
    let source_end = memchr::memchr(b' ', line)?;
    let behind_command = line[source_end + 1..].strip_prefix(b"PRIVMSG #")?;
    let room_end = memchr::memmem::find(behind_command, b" :")?;
    Some(&behind_command[room_end + 2..])
}

/// The second word, behind who says it.
fn command(line: &[u8]) -> Option<&[u8]> {
    line.split(|&byte| byte == b' ').nth(1)
}
