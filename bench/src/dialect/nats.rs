//! NATS (<https://docs.nats.io/reference/reference-protocols/nats-protocol>).

use std::io::Write as _;
use std::str;

use super::{Heard, Role, line};
use crate::Result;

pub(super) fn hello(room: usize, role: Role) -> Vec<u8> {
    let connect = "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n";
    match role {
        Role::Listener | Role::Member => format!("{connect}SUB r{room} 1\r\nPING\r\n"),
        Role::Speaker => format!("{connect}PING\r\n"),
    }
    .into_bytes()
}

pub(super) fn say(room: usize, text: &[u8], out: &mut Vec<u8>) {
    write!(out, "PUB r{room} {}\r\n", text.len()).expect("a Vec takes everything");
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn next(input: &[u8]) -> Result<Option<(usize, Heard<'_>)>> {
    let Some((taken, head)) = line(input) else { return Ok(None) };
    if head.starts_with(b"-ERR") {
        return Err(format!("NATS says {:?}", String::from_utf8_lossy(head)).into());
    }
    if !head.starts_with(b"MSG ") {
        return Ok(Some((taken, Heard::Other(head))));
    }
    let length = head.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    let length: usize = str::from_utf8(length)?.parse()?;
    let message = input.get(taken..taken + length + 2);
    Ok(message.map(|message| (taken + length + 2, Heard::Said(&message[..length]))))
}
