//! Limits on strangers, and what those who meet them are told.

mod harness;

use std::time::Duration;

use chat_core::{Cause, Config, ConnectLimit, Event, FloodLimit, Reason, RoomLimit, Timer};
use harness::{World, config};

/// How long a silent newcomer waits until it is told something.
const SILENCE: Duration = Duration::from_millis(250);

#[test]
fn too_many_are_told_so() {
    let mut world = World::new(Config { max_connections: 2, max_connections_per_address: 1, ..config() });
    let peers = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2"];
    let peers = peers.map(|address| world.connect_from(address.parse().unwrap()));
    world.advance(SILENCE);
    let reasons = peers.map(|peer| world.closed(peer));
    assert_eq!(reasons, [None, Some(Reason::AddressFull), None, Some(Reason::ServerFull)]);
    assert!(world.text(peers[1]).starts_with("! ") && world.text(peers[3]).starts_with("! "));
    world.engine.check();
}

#[test]
fn only_so_many_at_a_time_are_told_that_the_server_is_full() {
    let mut world = World::new(Config { max_connections: 1, ..config() });
    world.user("ann");
    let refused: Vec<_> = (0..65).map(|_| world.connect()).collect();
    world.advance(SILENCE);
    let told: Vec<_> = refused.iter().map(|&peer| world.lines(peer).len()).collect();
    assert_eq!(told, [vec![1; 64], vec![0]].concat(), "the last one is dropped without a word");
    assert!(refused.iter().all(|&peer| world.closed(peer) == Some(Reason::ServerFull)));
}

#[test]
fn an_address_connects_only_so_often_and_whoever_waits_gets_in() {
    let connect_rate = Some(ConnectLimit { connections: 2, per: Duration::from_secs(10) });
    let mut world = World::new(Config { connect_rate, ..config() });
    let come = |world: &mut World, address: &str| {
        let peer = world.connect_from(address.parse().unwrap());
        world.advance(SILENCE);
        peer
    };
    let hammering = [(); 4].map(|()| come(&mut world, "2001:db8::1"));
    let too_fast = Some(Reason::ConnectingTooFast);
    assert_eq!(hammering.map(|peer| world.closed(peer)), [None, None, too_fast, too_fast]);
    let told = "! your address has connected too often just now: try again in a minute";
    assert_eq!(world.lines(hammering[2]), [told]);
    let neighbour = come(&mut world, "2001:db8::2");
    assert_eq!(world.closed(neighbour), too_fast, "one network is one address");
    let others = ["2001:db8:0:1::1", "192.0.2.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"];
    assert_eq!(others.map(|other| come(&mut world, other)).map(|peer| world.closed(peer)), [None; 5]);
    // The attempts that were refused have cost nothing.
    world.advance(Duration::from_secs(5));
    let patient = [(); 2].map(|()| come(&mut world, "2001:db8::1"));
    assert_eq!(patient.map(|peer| world.closed(peer)), [None, too_fast]);
    world.engine.check();
}

#[test]
fn rooms_are_made_only_so_fast_by_a_user_and_by_an_address() {
    let room_rate = Some(RoomLimit { rooms: 2, per: Duration::from_secs(10) });
    let mut world = World::new(Config { room_rate, ..config() });
    let come = |world: &mut World, address: &str, nick: &str| {
        let peer = world.connect_from(address.parse().unwrap());
        world.send(peer, &format!("{nick}\n"));
        world.text(peer);
        peer
    };
    let joins = |world: &mut World, peer, room: &str| {
        world.send(peer, &format!("/join {room}\n"));
        let lines = world.lines(peer);
        lines.last().is_some_and(|line| line.starts_with(&format!("* you are in {room} ")))
    };
    let ann = come(&mut world, "2001:db8::1", "ann");
    assert_eq!(["#a1", "#a2", "#a3"].map(|room| joins(&mut world, ann, room)), [true, true, false]);
    world.send(ann, "/join #a3\n");
    let told = "! too many new rooms from you or your network: try again in 5 s, or join one of /rooms";
    assert_eq!(world.lines(ann), [told]);
    // What is no new room costs nothing: one that is there, one's own, a name that is none.
    let bob = come(&mut world, "2001:db8::2", "bob");
    for room in ["#a1", "#a2", "#a1", "#lobby"] {
        assert!(joins(&mut world, bob, room), "{room}");
    }
    world.send(bob, "/join two words\n");
    assert_eq!(["#b1", "#b2", "#b3"].map(|room| joins(&mut world, bob, room)), [true, true, false]);
    // One network is one address, which may make eight.
    for nick in ["cat", "dan"] {
        let peer = come(&mut world, "2001:db8::3", nick);
        let rooms = ["#one", "#two"].map(|room| format!("{room}-of-{nick}"));
        assert_eq!(rooms.map(|room| joins(&mut world, peer, &room)), [true; 2]);
    }
    let eve = come(&mut world, "2001:db8::4", "eve");
    assert!(!joins(&mut world, eve, "#e1"));
    for (address, nick) in [("2001:db8:0:1::1", "fay"), ("127.0.0.1", "gus"), ("127.0.0.1", "hal")] {
        let other = come(&mut world, address, nick);
        assert!(joins(&mut world, other, &format!("#of-{nick}")));
    }
    // One of each user in five seconds, and one of the address in a bit more than one.
    world.advance(Duration::from_secs(5));
    assert_eq!(["#a3", "#a4"].map(|room| joins(&mut world, ann, room)), [true, false]);
    assert!(joins(&mut world, eve, "#e1"));
    world.engine.check();
}

#[test]
fn only_so_many_may_be_without_a_nickname() {
    let mut world = World::new(Config { max_unregistered: 2, ..config() });
    let (ann, silent) = (world.user("ann"), world.connect());
    let hesitant = world.connect();
    let refused = world.connect();
    world.advance(SILENCE);
    assert_eq!(world.closed(refused), Some(Reason::TooManyUnregistered));
    assert_eq!(
        world.lines(refused),
        ["! too many people are choosing a nickname just now: try again in a minute"]
    );
    // Whoever takes a nickname, or goes, makes room for the next.
    world.send(hesitant, "bob\n");
    assert_eq!(world.lines(ann), ["#lobby -- bob joined"]);
    world.user("cat");
    let next = world.connect();
    world.advance(SILENCE);
    assert_eq!(world.closed(next), None);
    world.disconnect(silent, Cause::Reset);
    world.user("dan");
    // Of those who have left, only those without one make room.
    world.disconnect(hesitant, Cause::Reset);
    let late = [world.connect(), world.connect()];
    world.advance(SILENCE);
    assert_eq!(late.map(|peer| world.closed(peer)), [None, Some(Reason::TooManyUnregistered)]);
    world.engine.check();
}

#[test]
fn a_nickname_takes_only_so_long_but_a_pause_does_not_count() {
    let flood = Some(FloodLimit { lines: 1, per: Duration::from_secs(40) });
    let mut world = World::new(Config { flood, ..config() });
    let (idle, eager) = (world.connect(), world.connect());
    world.send(eager, "/help\n/help\n");
    world.advance(Duration::from_secs(60));
    assert_eq!((world.closed(idle), world.closed(eager)), (Some(Reason::RegistrationTimeout), None));
    world.advance(Duration::from_secs(40));
    assert_eq!(world.closed(eager), Some(Reason::RegistrationTimeout));
}

#[test]
fn whoever_sends_nothing_for_long_has_to_leave_if_the_operator_says_so() {
    let idle_timeout = Duration::from_secs(60);
    let mut world = World::new(Config { idle_timeout, registration_timeout: Duration::ZERO, ..config() });
    let (ann, bob, new) = (world.user("ann"), world.user("bob"), world.connect());
    // Half a line is none.
    world.send(bob, "unfin");
    for line in ["hello\n", "\n", "/who\n"] {
        world.advance(Duration::from_secs(25));
        world.send(ann, line);
    }
    world.text(ann);
    assert_eq!(world.closed(bob), Some(Reason::Idle));
    assert_eq!(
        world.lines(bob).last().unwrap(),
        "! you have said nothing for too long: connect again to go on"
    );
    world.advance(Duration::from_secs(59));
    assert_eq!((world.closed(ann), world.closed(new)), (None, None));
    assert_eq!(world.engine.poll_timeout().unwrap().1, Timer::Idle);
    let cat = world.user("cat");
    world.advance(Duration::from_secs(1));
    assert_eq!((world.closed(ann), world.closed(new)), (Some(Reason::Idle), None));
    assert_eq!(world.lines(cat), ["#lobby -- ann left (idle for too long)"]);
}

#[test]
fn whose_input_waits_for_us_is_not_idle() {
    let flood = Some(FloodLimit { lines: 1, per: Duration::from_secs(40) });
    let mut world = World::new(Config { flood, idle_timeout: Duration::from_secs(30), ..config() });
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.send(ann, "one\ntw");
    world.send(bob, "last words");
    world.finish(bob);
    world.advance(Duration::from_secs(69));
    assert_eq!((world.closed(ann), world.closed(bob)), (None, Some(Reason::EndOfInput)));
    assert_eq!(world.lines(ann).len(), 3, "bob has come, spoken and gone");
    world.advance(Duration::from_secs(41));
    assert_eq!(world.closed(ann), Some(Reason::Idle));
}

#[test]
fn an_idle_user_has_no_deadline_by_default() {
    let mut world = World::new(Config::default());
    let ann = world.user("ann");
    world.send(ann, "hello\n");
    assert_eq!(world.engine.poll_timeout(), None);
}

#[test]
fn long_lines_cost_more_than_short_ones_and_none_is_lost() {
    let flood = Some(FloodLimit { lines: 20, per: Duration::from_secs(4) });
    let mut world = World::new(Config { flood, ..config() });
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    world.text(bob);
    let long = |length: usize| format!("{}\n", "x".repeat(length));
    // Her name took one, the longest line takes 5, one of 1,022 bytes and its end takes 1.
    world.send(ann, &[long(4_096).repeat(3), long(1_022).repeat(9)].concat());
    assert_eq!(world.lines(bob).len(), 7);
    assert!(!world.peers[ann].reading, "she is paused, and nothing is lost");
    world.advance(Duration::from_secs(1));
    assert_eq!(world.lines(bob).len(), 5);
    assert!(world.peers[ann].reading);
}

#[test]
fn a_line_without_an_end_is_paused_too_and_so_is_telnet_without_a_line() {
    let flood = Some(FloodLimit { lines: 20, per: Duration::from_secs(4) });
    for endless in [&b"x"[..], b"\xff\xf1", b"\xff\xfax\xff\xf0"] {
        let mut world = World::new(Config { flood, ..config() });
        let ann = world.user("ann");
        let mut taken = 0;
        for _ in 0..600 {
            world.advance(Duration::from_millis(100));
            if world.peers[ann].reading {
                world.send_bytes(ann, &endless.repeat(16_384));
                taken += 16_384 * endless.len();
            }
        }
        // 20 at first, 5 a second for a minute, and what came with the last.
        let most = (20 + 5 * 60) * 1_024 + 2 * 16_384 * endless.len();
        assert!(taken <= most, "{taken} of {endless:?}");
        world.engine.check();
    }
}

/// The most input that is held of one stranger: an unfinished line, and what waits behind a line.
const HELD: usize = 8_192;

#[test]
fn strangers_hold_little_and_not_for_long_whatever_they_send() {
    let flood = Some(FloodLimit { lines: 20, per: Duration::from_secs(4) });
    let endless: [&[u8]; 6] =
        [b"x", b"\xff\xf1", b"\xff\xfax\xff\xf0", b"\xff\xfa", b"/help\n", b"no nickname\n"];
    for endless in endless {
        // As fast as they are read, and so slowly that flood control has little to say.
        for (size, every) in [(16_384, 10), (100, 50), (1_500, 500)] {
            let mut world = World::new(Config { flood, ..config() });
            let stranger = world.connect();
            let mut most = 0;
            let input = endless.repeat(size / endless.len() + 1);
            for _ in 0..120_000 / every {
                if world.peers[stranger].gone {
                    break;
                }
                if world.peers[stranger].reading {
                    world.event(stranger, Event::Received(&input));
                    most = most.max(world.engine.footprint().input);
                }
                world.advance(Duration::from_millis(every));
            }
            assert!(world.peers[stranger].gone, "{endless:?}, {size} every {every} ms");
            assert!(most <= HELD, "{most} bytes of {endless:?}, {size} every {every} ms");
        }
    }
}

#[test]
fn a_line_without_an_end_is_refused_when_it_is_too_long() {
    let mut world = World::new(config());
    let stranger = world.connect();
    world.send(stranger, &"x".repeat(4_096));
    assert_eq!(world.lines(stranger), [""; 0]);
    world.send(stranger, "x");
    let too_long = "! that line was too long and was not sent: at most 4096 bytes";
    assert_eq!(world.lines(stranger), [too_long]);
    world.send(stranger, &"x".repeat(5_000));
    world.send(stranger, "\nann\n");
    assert!(world.text(stranger).starts_with("* welcome, ann"), "it was one refusal, and the line has ended");
    world.send(stranger, &format!("{}\n", "x".repeat(4_097)));
    assert_eq!(world.lines(stranger).last().unwrap(), too_long);
    // Whoever sends more behind it is a script.
    let script = world.connect();
    world.send(script, &format!("{}\nx", "x".repeat(4_200)));
    assert_eq!(world.closed(script), Some(Reason::NicknamesRefused));
}

#[test]
fn pauses_add_no_more_than_the_time_out_itself() {
    let flood = Some(FloodLimit { lines: 1, per: Duration::from_secs(50) });
    let mut world = World::new(Config { flood, ..config() });
    let [patient, endless] = [(); 2].map(|()| world.connect());
    world.send(patient, "/help\nann\n");
    world.advance(Duration::from_secs(50));
    assert!(world.text(patient).contains("* welcome, ann"));
    for _ in 0..119 {
        if world.peers[endless].reading {
            world.send(endless, "/help\n/help\n");
        }
        world.advance(Duration::from_secs(1));
    }
    assert_eq!(world.closed(endless), Some(Reason::RegistrationTimeout));
}

/// Lines that count as so many rooms as hear of them.
#[test]
fn a_rename_costs_as_many_lines_as_there_are_rooms_that_hear_of_it() {
    let flood = Some(FloodLimit { lines: 20, per: Duration::from_secs(4) });
    let mut world = World::new(Config { flood, ..config() });
    let [ann, bob] = ["ann", "bob"].map(|nick| world.user(nick));
    // In more rooms than bob: he is told once.
    for room in 1..10 {
        world.send(ann, &format!("/join #r{room}\n"));
    }
    world.advance(Duration::from_secs(4));
    let heard = |world: &mut World| [ann, bob].map(|peer| world.lines(peer).len());
    heard(&mut world);
    // In ten rooms: two of these are twenty tokens, the third waits for one of them, and takes ten.
    world.send(ann, &["/nick a1\n", "/nick a2\n", "/nick a3\n", "/nick a4\n"].concat());
    assert_eq!(heard(&mut world), [2, 2]);
    for (millis, renames) in [(199, 0), (1, 1), (1_999, 0), (1, 1)] {
        world.advance(Duration::from_millis(millis));
        assert_eq!(heard(&mut world), [renames; 2]);
    }
}

#[test]
fn joins_and_words_cost_one_line_in_however_many_rooms_somebody_is() {
    let flood = Some(FloodLimit { lines: 20, per: Duration::from_secs(4) });
    let mut world = World::new(Config { flood, ..config() });
    let [ann, bob] = ["ann", "bob"].map(|nick| world.user(nick));
    for line in (1..19).map(|room| format!("/join #r{room}\n")) {
        world.send(ann, &line);
    }
    world.send(ann, "/msg #lobby hello\n");
    assert_eq!(world.text(bob).lines().last().unwrap(), "[01:46:40] #lobby <ann> hello");
}

#[test]
fn of_the_reason_of_a_quit_rooms_are_told_200_characters() {
    let mut world = World::new(config());
    let [ann, bob] = ["ann", "bob"].map(|nick| world.user(nick));
    world.send(ann, &format!("/quit {}\n", "ä".repeat(201)));
    let told = format!("[01:46:40] #lobby -- ann left ({})", "ä".repeat(200));
    assert_eq!(world.text(bob).lines().last().unwrap(), told);
}
