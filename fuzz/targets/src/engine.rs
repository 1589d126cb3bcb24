//! Any order of events: a tape of bytes says what the limits are, and then what happens, one thing after the other.
//!
//! The simulation does what a sound adapter does. Here the adapter is as bad as it may be: it tells of handshakes in
//! mid-conversation, reads on where it should pause, drains late or in part, and forgets deadlines. Only faults that
//! the engine is to panic on are left out: events after the last one, and credit for more than was written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use chat_core::{
    Addresses, Cause, Config, ConnectLimit, Event, FloodLimit, HistoryLimits, Mono, Now, Password, RoomLimit,
    StoreMode, TurnLimit, Violation,
};
use chrono::TimeDelta;

use crate::adapter::Adapter;
use crate::phrases::phrase;

/// Peers at one time.
const PEERS: usize = 8;
/// Bytes of input, and of output to all, that are enough for one tape: more makes it slow, and shows nothing new.
const ENOUGH_INPUT: usize = 1 << 16;
const ENOUGH_OUTPUT: usize = 1 << 20;

/// How much time passes, in milliseconds: to deadlines, just short of them, and for a day.
const TIMES: [u64; 16] = [
    0, 1, 50, 200, 249, 250, 1_000, 1_001, 4_000, 5_000, 10_000, 11_000, 60_000, 120_000, 3_600_000,
    86_400_000,
];

/// Where peers come from: loopback is exempt from limits of addresses; the last two are in one network.
const ADDRESSES: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
];

/// Carries out the tape `data` on an engine, whose books are checked after every event.
///
/// Whatever the order of events, nothing panics and nothing is wedged; every action makes sense to an adapter; only
/// whole lines of the documented forms are written; and when all have left, nothing is left.
///
/// # Panics
/// Where that is not so.
pub fn engine(data: &[u8]) {
    let mut tape = Tape(data);
    let mut adapter = Adapter::new(limits(&mut tape), PEERS);
    let mut said = 0;
    let heard = |adapter: &Adapter| adapter.heard.iter().map(Vec::len).sum::<usize>();
    while !tape.0.is_empty() && said < ENOUGH_INPUT && heard(&adapter) < ENOUGH_OUTPUT {
        said += happen(&mut adapter, &mut tape);
        adapter.engine.check();
    }
    adapter.end();
    adapter.engine.check();
}

/// Bytes that decide everything. At its end, there are zeros.
struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }
}

/// Limits small enough to be met, or none. Zeros make the simplest world.
fn limits(tape: &mut Tape<'_>) -> Config {
    let seconds = Duration::from_secs;
    let backlog = tape.pick(&[0, 1, 100, 1_000, 5_000, 1 << 16]);
    let spare = tape.pick(&[usize::MAX, 0, 100, 1_000, 20_000]);
    let tiny = HistoryLimits { events_per_room: 5, bytes_per_room: 300, bytes: 500 };
    let nothing = HistoryLimits { events_per_room: 0, bytes_per_room: 0, bytes: 0 };
    let config = Config {
        lobby: tape.pick(&[Some("#lobby"), None]).map(String::from),
        flood: tape
            .pick(&[None, Some((1, 1)), Some((3, 2)), Some((20, 4))])
            .map(|(lines, per)| FloodLimit { lines, per: seconds(per) }),
        backlog,
        memory: if spare == usize::MAX { 0 } else { backlog + spare },
        stall: tape.pick(&[seconds(10), seconds(1), Duration::ZERO]),
        registration_timeout: tape.pick(&[seconds(60), seconds(1), Duration::ZERO]),
        idle_timeout: tape.pick(&[Duration::ZERO, seconds(5), seconds(120)]),
        rooms_per_user: tape.pick(&[0, 1, 2, 50]),
        room_rate: tape
            .pick(&[None, Some((1, 5)), Some((3, 1))])
            .map(|(rooms, per)| RoomLimit { rooms, per: seconds(per) }),
        members_per_room: tape.pick(&[0, 1, 3]),
        max_connections: tape.pick(&[0, 1, 4]),
        max_connections_per_address: tape.pick(&[0, 1, 2]),
        connect_rate: tape
            .pick(&[None, Some((1, 5)), Some((3, 1))])
            .map(|(connections, per)| ConnectLimit { connections, per: seconds(per) }),
        max_unregistered: tape.pick(&[0, 1, 3]),
        announce_limit: tape.pick(&[1_000, 0, 1, 2, 4]),
        history: tape.pick(&[Some(HistoryLimits::default()), None, Some(tiny), Some(nothing)]),
        report_messages: true,
        name: tape.pick(&[None, Some("The Cave")]).map(String::from),
        motd: tape.pick(&[&[][..], &["Be kind.", "\u{1b}[2J"]]).iter().copied().map(String::from).collect(),
        // A name that peers choose, so that the phrases for that will do.
        password: tape.pick(&[None, Some("ann")]).map(Password::new),
        proxies: Addresses::default(),
        bans: Addresses::default(),
        store: None,
        held: 16 << 20,
        turn: TurnLimit::default(),
        replay: 20,
    };
    // Tapes from before there were stores have no store.
    let last = tape.byte();
    let first = Some(StoreMode::StoreFirst);
    Config {
        proxies: addresses(last),
        store: [None, first, Some(StoreMode::ShowFirst), first][usize::from(last >> 5 & 3)],
        held: if last & 0x80 == 0 { 16 << 20 } else { 300 },
        replay: if last & 0x80 == 0 { 20 } else { 2 },
        turn: if last & 0x80 == 0 { TurnLimit::default() } else { TurnLimit { text: 300, copies: 500 } },
        ..config
    }
}

/// Some of the addresses, a bit for each.
fn addresses(chosen: u8) -> Addresses {
    let chosen = (0..).zip(ADDRESSES).filter(|(bit, _)| chosen & 1 << bit != 0);
    chosen.map(|(_, address)| address..=address).collect()
}

/// The next thing happens; says how many bytes of input that was. Letters stand for what they begin, so that a tape
/// can be read, more or less: `c0` and an address is a connection of peer 0, and `o0` opens it.
fn happen(adapter: &mut Adapter, tape: &mut Tape<'_>) -> usize {
    let what = tape.byte() & 0x1f | 0x60;
    match what {
        b'a' => adapter.advance(Duration::from_millis(tape.pick(&TIMES))),
        b'b' => back(adapter, tape),
        b'd' => {
            adapter.drain();
        }
        b'e' => adapter.engine.handle_timeout(adapter.now),
        b'i' => adapter.skip(Duration::from_millis(tape.pick(&TIMES))),
        b'j' => adapter.jump(TimeDelta::seconds(i64::from(tape.byte().cast_signed()) * 10)),
        b'p' => {
            adapter.act();
        }
        b'q' => adapter.engine.ban(adapter.now, addresses(tape.byte())),
        b's' => adapter.settle(),
        b'u' => {
            let (which, how) = (tape.byte(), tape.byte());
            adapter.store.slow ^= how & 8 != 0;
            let answer = adapter.store.answer_some(which, how);
            adapter.store_says(answer);
        }
        b'x' => adapter.engine.shutdown(adapter.now),
        b'z' => {
            let answer = adapter.store.nonsense(tape.byte());
            adapter.store_says(Some(answer));
        }
        _ => return happen_to(adapter, usize::from(tape.byte()) % PEERS, what, tape),
    }
    0
}

/// The same, to one peer.
fn happen_to(adapter: &mut Adapter, peer: usize, what: u8, tape: &mut Tape<'_>) -> usize {
    match what {
        b'c' => adapter.connect(peer, tape.pick(&ADDRESSES)),
        b'f' => adapter.event(peer, Event::PeerFinished),
        b'g' => adapter.event(peer, Event::Disconnected(tape.pick(&CAUSES))),
        b'h' => adapter.event(peer, Event::Securing),
        b'k' => adapter.event(peer, Event::CutShort),
        b'l' => {
            if let Some(peer) = adapter.peer(peer) {
                peer.prompt = !peer.prompt;
            }
        }
        b'm' => {
            let (phrase, times) = (phrase(tape.byte()), usize::from(tape.byte() & 0x7f));
            return receive(adapter, peer, &phrase.repeat(times));
        }
        b'n' => {
            adapter.connect(peer, ADDRESSES[0]);
            adapter.event(peer, Event::Opened);
            return receive(adapter, peer, phrase(tape.byte()));
        }
        b'o' => adapter.event(peer, Event::Opened),
        b'r' => {
            let count = usize::from(tape.byte() & 0x3f);
            return receive(adapter, peer, tape.bytes(count));
        }
        b'v' => {
            let violations = [Violation::Garbled, Violation::Plaintext, Violation::Unforwarded];
            adapter.event(peer, Event::Violated(tape.pick(&violations)));
        }
        b'w' => adapter.take(peer, tape.byte()),
        b'y' => adapter.event(peer, Event::Forwarded(tape.pick(&ADDRESSES))),
        _ => return receive(adapter, peer, phrase(tape.byte())),
    }
    0
}

const CAUSES: [Cause; 5] = [Cause::Closed, Cause::Reset, Cause::TimedOut, Cause::Failed, Cause::Panicked];

fn receive(adapter: &mut Adapter, peer: usize, bytes: &[u8]) -> usize {
    adapter.event(peer, Event::Received(bytes));
    bytes.len()
}

/// Both clocks go back, for one call.
fn back(adapter: &mut Adapter, tape: &mut Tape<'_>) {
    let by = Duration::from_millis(tape.pick(&TIMES));
    let now = adapter.now;
    let mono = Mono(now.mono.0.saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)));
    adapter.engine.handle_timeout(Now { mono, utc: now.utc - by });
}
