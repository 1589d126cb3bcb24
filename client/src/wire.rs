//! The connection: opening it, and reading lines from a server that is not trusted.

use std::io::{self, BufRead, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use crate::args::Address;
use crate::failure::Failure;

/// How long one address may take to answer before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sixteen times what the server accepts in a line: longer ones come from no honest server,
/// and are passed on in pieces of this size.
const MAX_LINE: u64 = 64 * 1024;

/// Connects to the first address of the host that answers.
pub(crate) fn connect(address: &Address) -> Result<TcpStream, Failure> {
    open(address).map_err(|error| Failure::Connect(address.clone(), error))
}

fn open(address: &Address) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, CONNECT_TIMEOUT) {
            Ok(stream) => return prepare(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    // Someone who only listens would otherwise never learn that the server is gone.
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// The next line with its end, or a piece of one that is too long; `None` at the end.
pub(crate) fn read_line(server: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    server.take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

/// A received line as text that no terminal takes for a command: no line end,
/// no control characters except TAB.
pub(crate) fn to_text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line)
        .chars()
        .map(|c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// Whether a terminal could obey this character instead of showing it:
/// a control character, a line separator, or one that reorders the text around it.
pub(crate) fn is_unsafe(c: char) -> bool {
    let reorders = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}') || reorders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends_and_the_last_may_have_none() {
        let mut server: &[u8] = b"one\r\ntwo\n\nthree";
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut server).expect("a slice can be read") {
            lines.push(line);
        }
        assert_eq!(lines, [&b"one\r\n"[..], b"two\n", b"\n", b"three"]);
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let endless = vec![b'x'; 3 * MAX_LINE as usize];
        let mut server = &endless[..];
        let piece = read_line(&mut server).expect("a slice can be read").expect("it is not at its end");
        assert_eq!(piece.len() as u64, MAX_LINE);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(to_text(b"* \x1b[2Jgone\x07\n"), "* \u{FFFD}[2Jgone\u{FFFD}");
        assert_eq!(to_text(b"a\rb\tc\r\n"), "a\u{FFFD}b\tc");
        assert_eq!(
            to_text("\u{9b}31m \u{202e}txt.exe\u{2028}".as_bytes()),
            "\u{FFFD}31m \u{FFFD}txt.exe\u{FFFD}"
        );
        assert_eq!(to_text(b"\xff\xfe ok"), "\u{FFFD}\u{FFFD} ok");
        assert_eq!(to_text("grüße, 你好 👋🏽".as_bytes()), "grüße, 你好 👋🏽");
    }
}
