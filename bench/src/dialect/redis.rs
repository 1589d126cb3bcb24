//! Redis pub/sub (<https://redis.io/docs/latest/develop/reference/protocol-spec/>) in RESP2, except for members: only
//! RESP3 lets those who have subscribed publish.

use std::io::Write as _;
use std::str;

use super::{Heard, Role, line};
use crate::Result;

pub(super) fn hello(room: usize, role: Role) -> Vec<u8> {
    match role {
        Role::Listener => format!("SUBSCRIBE r{room}\r\n"),
        Role::Member => format!("HELLO 3\r\nSUBSCRIBE r{room}\r\n"),
        Role::Speaker => "PING\r\n".into(),
    }
    .into_bytes()
}

pub(super) fn say(room: usize, text: &[u8], out: &mut Vec<u8>) {
    let room = format!("r{room}");
    write!(out, "*3\r\n$7\r\nPUBLISH\r\n${}\r\n{room}\r\n${}\r\n", room.len(), text.len())
        .expect("a Vec takes everything");
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn next(input: &[u8]) -> Result<Option<(usize, Heard<'_>)>> {
    let Some((taken, head)) = line(input) else { return Ok(None) };
    match head {
        // What is pushed has three parts, in RESP2 and in RESP3.
        b"*3" | b">3" => push(input, taken),
        [b'-', ..] => Err(format!("Redis says {:?}", String::from_utf8_lossy(head)).into()),
        // Numbers, and the map that answers HELLO, line by line.
        _ => Ok(Some((taken, Heard::Other(head)))),
    }
}

/// `message`, the channel and the text; or `subscribe`, the channel and a number.
fn push(input: &[u8], start: usize) -> Result<Option<(usize, Heard<'_>)>> {
    let Some((at, kind)) = bulk(input, start)? else { return Ok(None) };
    let Some((at, _channel)) = bulk(input, at)? else { return Ok(None) };
    if kind == b"message" {
        let Some((at, text)) = bulk(input, at)? else { return Ok(None) };
        return Ok(Some((at, Heard::Said(text))));
    }
    Ok(line(&input[at..]).map(|(taken, _number)| (at + taken, Heard::Other(kind))))
}

/// A bulk string that begins at `start`, and where what follows it begins.
fn bulk(input: &[u8], start: usize) -> Result<Option<(usize, &[u8])>> {
    let Some((taken, head)) = line(&input[start..]) else { return Ok(None) };
    let length = head.strip_prefix(b"$").ok_or("Redis sends no bulk string")?;
    let length: usize = str::from_utf8(length)?.parse()?;
    let begin = start + taken;
    Ok(input.get(begin..begin + length + 2).map(|bulk| (begin + length + 2, &bulk[..length])))
}
