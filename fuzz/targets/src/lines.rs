//! What a peer sends, cut in any way: what reaches terminals is lines of the documented forms, and does not depend on
//! the cuts.
//!
//! Framing has no door of its own, and needs none: what it makes of bytes is said in a room, where somebody hears it.
//! A line that comes whole and one that comes byte by byte take different ways through it.

use std::net::{IpAddr, Ipv4Addr};
use std::slice;

use chat_core::{Config, Event};

use crate::adapter::Adapter;

/// Who hears: one in the lobby, and one in another room as well. The speaker comes behind them.
const LISTENERS: [(&str, &str); 2] = [("ann", ""), ("bob", "/join #b\n")];
const SPEAKER: usize = LISTENERS.len();

/// What the last of them asks in the end, so that what is kept is seen, too.
const QUESTIONS: &[u8] = b"/rooms\n/who\n/topic\n/history 1000\n/join #lobby\n/who\n/topic\n/history 1000\n";

/// What a tilde stands for, so that few bytes make long lines: 64 of them are the longest there is.
const FILLER: [u8; 64] = [b'x'; 64];
/// Bytes of input that are enough.
const ENOUGH: usize = 20_000;

/// Input that is sent in turns of its own has so many bytes and ends of lines at most, so that no answer is so long that
/// it is given in parts: what follows then waits for its reader.
const SHORT: usize = 1_500;
const FEW: usize = 100;

/// How input comes.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// In chunks of so many bytes.
    chunk: usize,
    /// In turns of its own for each chunk, or all in one.
    turns: bool,
}

/// Sends `data` behind its first two bytes as one connection's input. The first byte says whether the speaker has a
/// nickname beforehand (an odd one: yes), the second how large chunks are. A tilde stands for 64 bytes.
///
/// Only lines of the documented forms reach anybody, and to everybody the same ones, however the input is cut.
///
/// # Panics
/// Where that is not so.
pub fn lines(data: &[u8]) {
    let Some((&[how, size], rest)) = data.split_first_chunk() else { return };
    let named = how & 1 == 1;
    let input = filled(rest);
    let run = |chunk, turns| heard(&input, named, Cut { chunk, turns });
    let whole = run(usize::MAX, false);
    let size = 1 + usize::from(size);
    for chunk in [1, size] {
        assert_eq!(run(chunk, false), whole, "chunks of {chunk} bytes change what is heard");
    }
    // Whether a refused nickname ends the connection, what else waits in its turn decides.
    let ends = input.iter().filter(|byte| matches!(byte, b'\n' | b'\0')).count();
    if named && input.len() <= SHORT && ends <= FEW {
        assert_eq!(run(size, true), whole, "turns of {size} bytes change what is heard");
    }
}

fn filled(bytes: &[u8]) -> Vec<u8> {
    let mut input = Vec::new();
    for byte in bytes {
        input.extend_from_slice(if *byte == b'~' { &FILLER } else { slice::from_ref(byte) });
    }
    input.truncate(ENOUGH);
    input
}

/// What everybody hears.
fn heard(input: &[u8], named: bool, cut: Cut) -> Vec<String> {
    let mut adapter = Adapter::new(unlimited(), SPEAKER + 1);
    for (peer, (nick, more)) in LISTENERS.iter().enumerate() {
        enter(&mut adapter, peer, format!("{nick}\n{more}").as_bytes());
    }
    enter(&mut adapter, SPEAKER, if named { b"speaker\n" } else { b"" });
    for chunk in input.chunks(cut.chunk) {
        adapter.event(SPEAKER, Event::Received(chunk));
        if cut.turns {
            adapter.settle();
        }
    }
    adapter.event(SPEAKER, Event::PeerFinished);
    adapter.settle();
    adapter.event(SPEAKER - 1, Event::Received(QUESTIONS));
    adapter.settle();
    adapter.engine.check();
    adapter.heard.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

/// Somebody comes, and says this at once.
fn enter(adapter: &mut Adapter, peer: usize, bytes: &[u8]) {
    adapter.connect(peer, IpAddr::V4(Ipv4Addr::LOCALHOST));
    adapter.event(peer, Event::Opened);
    adapter.event(peer, Event::Received(bytes));
    adapter.settle();
}

fn unlimited() -> Config {
    let quick = Config { flood: None, backlog: 0, memory: 0, ..Config::default() };
    Config { rooms_per_user: 0, report_messages: true, ..quick }
}
