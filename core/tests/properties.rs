//! Invariants under arbitrary input and arbitrary orders of events.

mod harness;

use std::time::Duration;

use chat_core::{
    Action, Cause, Config, Event, FloodLimit, Found, HistoryLimits, Kind, LookUp, LookUpError, RoomRecord,
    StoreAnswer, StoreMode, TurnLimit, Violation,
};
use chrono::DateTime;
use harness::World;
use proptest::collection::vec;
use proptest::prelude::*;

/// Something that happens to a world.
#[derive(Clone, Debug)]
enum Step {
    Connect,
    /// A connection on which no text flows yet.
    Accept,
    Open(usize),
    Secure(usize),
    CutShort(usize),
    Violate(usize, Violation),
    Send(usize, Vec<u8>),
    /// The peer takes some of its outstanding write.
    Take(usize, usize),
    /// The peer starts or stops taking writes at once.
    Takes(usize, bool),
    Finish(usize),
    Disconnect(usize, Cause),
    Advance(u64),
    /// The wall clock jumps by so many seconds.
    Jump(i64),
    Drain,
    Shutdown,
    /// The store has stored all but so many batches.
    Stored(u64),
    /// It answers a question, rightly or not.
    Found(Result<Found, LookUpError>),
}

/// Input as people and machines send it: mostly commands that meet each other, some of it garbage.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let nick = prop::sample::select(vec!["ann", "Ann", "bob", "аnn", "eve", "b d", ""]);
    let room = prop::sample::select(vec!["#lobby", "#a", "#A", "#b", "a"]);
    let line = prop_oneof![
        4 => nick.clone().prop_map(|nick| format!("{nick}\n")),
        2 => nick.clone().prop_map(|nick| format!("/nick {nick}\r\n")),
        2 => room.clone().prop_map(|room| format!("/join {room}\n")),
        2 => room.clone().prop_map(|room| format!("/part {room} why\n")),
        2 => nick.prop_map(|nick| format!("/msg {nick} psst\n")),
        2 => room.prop_map(|room| format!("/msg {room} all\n/who {room}\n")),
        4 => "[a-z ]{0,60}\n".prop_map(String::from),
        1 => "[ \t\u{2800}\u{3000}\u{200b}.]{0,60}\n".prop_map(String::from),
        1 => prop::sample::select(vec!["/rooms\n", "/history\n", "/history before 1970-01-02\n", "/search a\n", "/topic new\n", "/quit\n", "/help\n", "/me x\n", "unfinished"])
            .prop_map(String::from),
        1 => prop::sample::select(vec![7, 700]).prop_map(|times| format!("/topic {}\n/history 100\n", "long ".repeat(times))),
        1 => Just(format!("{}\n", "x".repeat(4_097))),
        1 => Just(format!("{}\n", "y".repeat(1_200))),
        1 => prop::sample::select(vec!["helo\u{8}lo\n", "no\u{15}/who\n", "e\u{301}👩‍👧\u{7f}\u{7f}\u{7f}ann\n"]).prop_map(String::from),
    ];
    prop_oneof![
        8 => vec(line, 1..4).prop_map(|lines| lines.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..50),
        1 => vec(prop::sample::select(vec![b'\n', b'\r', 0, 8, 0xff, 0xfa, 0xf0, 0xfb, b'a', b'/', 0x1b, 0xc3]), 0..50),
        1 => vec(prop::sample::select(vec![0xff, 0xff, 0xfd, 0xfb, 6, 0xf4, 0xf6, 0xf7, b'a', b'\n', b'\r']), 0..50),
    ]
}

/// Input without answers so long that what follows waits for its reader: that is for the reader to say, not the turn.
fn short_input() -> impl Strategy<Value = Vec<u8>> {
    input().prop_filter("no long topics", |input| {
        !input.windows(40).any(|part| part == "long ".repeat(8).as_bytes())
    })
}

/// What a store may answer.
fn found() -> impl Strategy<Value = Result<Found, LookUpError>> {
    let kind = prop::sample::select(vec![Kind::Said, Kind::Joined, Kind::Topic, Kind::Quiet]);
    let record = (0_u64..6, kind, "[a-z ]{0,9}").prop_map(|(seq, kind, text)| RoomRecord {
        room: "#Lobby".into(),
        key: "#lobby".into(),
        seq,
        at: DateTime::from_timestamp(seq as i64 * 50_000, 0).unwrap(),
        nick: "old".into(),
        kind,
        text,
    });
    let records = vec(record, 0..6);
    prop_oneof![
        6 => (0_u64..6, prop::option::of("[a-z]{1,5}"), records.clone())
            .prop_map(|(seq, topic, last)| Ok(Found::Room { seq, topic, last })),
        2 => prop::option::of((0_u64..6, 0_u64..9)).prop_map(|bounds| Ok(Found::Bounds(bounds))),
        3 => (records, any::<bool>()).prop_map(|(events, complete)| Ok(Found::Events { events, complete })),
        1 => prop::sample::select(vec![LookUpError::Unsupported, LookUpError::Unavailable]).prop_map(Err),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let peer = 0_usize..8;
    let cause = prop::sample::select(vec![Cause::Closed, Cause::Reset, Cause::TimedOut, Cause::Panicked]);
    let violation = prop::sample::select(vec![Violation::Garbled, Violation::Plaintext]);
    prop_oneof![
        3 => Just(Step::Connect),
        1 => Just(Step::Accept),
        2 => peer.clone().prop_map(Step::Open),
        1 => peer.clone().prop_map(Step::Secure),
        1 => peer.clone().prop_map(Step::CutShort),
        1 => (peer.clone(), violation).prop_map(|(peer, violation)| Step::Violate(peer, violation)),
        12 => (peer.clone(), input()).prop_map(|(peer, input)| Step::Send(peer, input)),
        3 => (peer.clone(), 1_usize..10_000).prop_map(|(peer, count)| Step::Take(peer, count)),
        2 => (peer.clone(), any::<bool>()).prop_map(|(peer, takes)| Step::Takes(peer, takes)),
        1 => peer.clone().prop_map(Step::Finish),
        1 => (peer, cause).prop_map(|(peer, cause)| Step::Disconnect(peer, cause)),
        3 => prop::sample::select(vec![0, 1, 250, 1_000, 11_000, 61_000]).prop_map(Step::Advance),
        1 => (-90_i64..90).prop_map(Step::Jump),
        8 => Just(Step::Drain),
        1 => prop::bool::weighted(0.1).prop_map(|end| if end { Step::Shutdown } else { Step::Drain }),
        4 => (0_u64..3).prop_map(Step::Stored),
        6 => found().prop_map(Step::Found),
    ]
}

/// Limits small enough to be met.
fn limits() -> impl Strategy<Value = Config> {
    let number = |small: usize| prop_oneof![Just(0), 1..=small];
    let flood = prop::option::of((1_u32..5, 1_u64..5));
    let history = prop::option::of((0_usize..20, 0_usize..2_000, 0_usize..3_000));
    let store = prop::sample::select(vec![None, Some(StoreMode::StoreFirst), Some(StoreMode::ShowFirst)]);
    let store = (store, number(3_000), 0_usize..5, number(500), number(1_000));
    (flood, 1_usize..5_000, 0_usize..20_000, number(4), number(4), number(6), history, store).prop_map(
        |(flood, backlog, spare, rooms_per_user, members_per_room, announce_limit, history, store)| Config {
            flood: flood.map(|(lines, seconds)| FloodLimit { lines, per: Duration::from_secs(seconds) }),
            backlog,
            memory: backlog + spare,
            rooms_per_user,
            members_per_room,
            announce_limit,
            max_connections: 7,
            history: history.map(|(events_per_room, bytes_per_room, bytes)| HistoryLimits {
                events_per_room,
                bytes_per_room,
                bytes,
            }),
            store: store.0,
            held: store.1,
            replay: store.2,
            turn: TurnLimit { text: store.3, copies: store.4 },
            report_messages: true,
            ..Config::default()
        },
    )
}

/// Does one step, if it is possible now.
fn apply(world: &mut World, step: &Step) {
    let there = |world: &World, peer: &usize| world.peers.get(*peer).is_some_and(|peer| !peer.gone);
    match step {
        Step::Connect if world.peers.len() < 8 => {
            world.connect();
        }
        Step::Accept if world.peers.len() < 8 => {
            world.accept([127, 0, 0, 1].into());
        }
        Step::Open(peer) if there(world, peer) => world.event(*peer, Event::Opened),
        Step::Secure(peer) if there(world, peer) => world.event(*peer, Event::Securing),
        Step::Violate(peer, violation) if there(world, peer) => {
            world.event(*peer, Event::Violated(*violation));
        }
        Step::CutShort(peer) if there(world, peer) && !world.peers[*peer].finished => {
            world.peers[*peer].finished = true;
            world.event(*peer, Event::CutShort);
        }
        Step::Send(peer, bytes) if there(world, peer) && !world.peers[*peer].finished => {
            world.event(*peer, Event::Received(bytes));
        }
        Step::Take(peer, count) if there(world, peer) => world.take(*peer, *count),
        Step::Takes(peer, takes) if there(world, peer) => {
            world.peers[*peer].takes = *takes;
            if *takes {
                world.take(*peer, usize::MAX);
            }
        }
        Step::Finish(peer) if there(world, peer) && !world.peers[*peer].finished => {
            world.peers[*peer].finished = true;
            world.event(*peer, Event::PeerFinished);
        }
        Step::Disconnect(peer, cause) if there(world, peer) => {
            world.event(*peer, Event::Disconnected(*cause));
        }
        Step::Advance(millis) => world.advance(Duration::from_millis(*millis)),
        Step::Jump(seconds) => world.now.utc += chrono::Duration::seconds(*seconds),
        Step::Drain => world.drain(),
        Step::Stored(but) => {
            let stored = StoreAnswer::Stored(world.batch.saturating_sub(*but));
            world.engine.store_answered(world.now, stored);
        }
        Step::Found(found) if !world.look_ups.is_empty() => {
            let LookUp { id, .. } = world.look_ups.remove(0);
            world.engine.store_answered(world.now, StoreAnswer::Found { id, found: found.clone() });
        }
        Step::Shutdown => world.engine.shutdown(world.now),
        _ => {}
    }
}

/// Ends the world, and checks that nothing of it is left.
fn end(world: &mut World) {
    world.drain();
    world.engine.shutdown(world.now);
    world.advance(Duration::from_secs(60));
    world.engine.store_answered(world.now, StoreAnswer::Stored(world.batch));
    world.advance(Duration::from_secs(60));
    for peer in &world.peers {
        assert!(peer.gone && (peer.closed.is_some() || !peer.takes || peer.outstanding.is_empty()));
    }
    let left = world.engine.footprint();
    assert_eq!((left.connections, left.users, left.rooms), (0, 0, 0));
    assert_eq!((left.input, left.output, left.held, left.history, left.turn), (0, 0, 0, 0, 0));
    assert_eq!(world.engine.poll_timeout(), None);
}

/// Runs the steps in a new world; returns all that it did.
fn run(config: &Config, steps: &[Step]) -> (Vec<Action>, Vec<Vec<u8>>) {
    let mut world = World::new(config.clone());
    for step in steps {
        apply(&mut world, step);
        world.engine.check();
    }
    end(&mut world);
    (world.actions, world.peers.into_iter().map(|peer| peer.received).collect())
}

/// Every line must be one of the forms that a client may get, and nothing in it may act on a terminal.
fn check_line(line: &str) {
    let stamped = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let formed = line.starts_with("* ")
        || line.starts_with("! ")
        || stamped.is_some_and(|(stamp, _)| stamp.len() == 8);
    assert!(formed, "{line:?} has a form of its own");
    assert!(line.chars().all(|c| c == '\t' || !c.is_control()), "{line:?} controls terminals");
    let blank = |c: &char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{2800}' | '\u{3164}');
    let columns = |run: &str| run.chars().fold(0, |at, c| if c == '\t' { at / 8 * 8 + 8 } else { at + 1 });
    assert!(line.split(|c| !blank(&c)).all(|run| columns(run) <= 8), "{line:?} fills rows");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_keeps_the_books(config in limits(), steps in vec(step(), 0..120)) {
        let (_, transcripts) = run(&config, &steps);
        for transcript in transcripts {
            // A connection that is dropped may be cut off within a line.
            let whole = transcript.rsplit_once_newline();
            let text = harness::without_telnet(whole);
            String::from_utf8(text).expect("UTF-8").lines().for_each(check_line);
        }
    }

    #[test]
    fn the_same_events_give_the_same_actions(config in limits(), steps in vec(step(), 0..80)) {
        prop_assert_eq!(run(&config, &steps), run(&config, &steps));
    }

    #[test]
    fn chunks_do_not_matter(
        config in limits(),
        inputs in vec((0_usize..3, vec(input(), 1..4).prop_map(|inputs| inputs.concat())), 1..6),
        sizes in vec(1_usize..40, 1..20),
    ) {
        let run = |cut: bool| {
            let mut world = World::new(config.clone());
            for _ in 0..3 {
                world.connect();
            }
            for (peer, input) in &inputs {
                if world.peers[*peer].gone {
                    continue;
                }
                let mut rest = &input[..];
                let mut sizes = sizes.iter().cycle();
                while !rest.is_empty() {
                    let size = if cut { *sizes.next().unwrap() } else { rest.len() };
                    let (chunk, behind) = rest.split_at(size.min(rest.len()));
                    world.event(*peer, Event::Received(chunk));
                    rest = behind;
                }
                world.advance(Duration::from_millis(100));
            }
            end(&mut world);
            world.actions
        };
        prop_assert_eq!(run(true), run(false));
    }

    #[test]
    fn turns_do_not_matter(
        announce_limit in 0_usize..6,
        inputs in vec((0_usize..5, short_input(), any::<bool>(), prop::bool::weighted(0.05)), 1..40),
    ) {
        let run = |long_turns: bool| {
            let mut world = World::new(Config { announce_limit, ..harness::config() });
            for nick in ["u0", "u1", "u2", "u3", "u4"] {
                world.user(nick);
            }
            let mut lost = [false; 5];
            for (peer, input, ends_turn, is_lost) in &inputs {
                lost[*peer] |= is_lost;
                if world.peers[*peer].gone {
                    continue;
                }
                world.event(*peer, Event::Received(input));
                if *is_lost {
                    world.event(*peer, Event::Disconnected(Cause::Reset));
                }
                if *ends_turn || !long_turns {
                    world.drain();
                }
            }
            world.drain();
            // Who was lost may have been lost with its last turn.
            let heard = world.peers.into_iter().zip(lost).filter(|(_, lost)| !lost);
            heard.map(|(peer, _)| peer.received).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(true), run(false));
    }

    #[test]
    fn arbitrary_bytes_never_reach_a_terminal_as_controls(bytes in vec(any::<u8>(), 0..2_000)) {
        let mut world = World::new(harness::config());
        let listener = world.user("listener");
        let talker = world.user("talker");
        world.send_bytes(talker, &bytes);
        world.send(talker, "\n");
        world.text(listener).lines().for_each(check_line);
    }
}

/// Everything up to the last line's end.
trait WholeLines {
    fn rsplit_once_newline(&self) -> &[u8];
}

impl WholeLines for Vec<u8> {
    fn rsplit_once_newline(&self) -> &[u8] {
        let end = self.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        // An HTTP client gets its own answer.
        if self.starts_with(b"HTTP/") { &[] } else { &self[..end] }
    }
}
