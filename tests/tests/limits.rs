//! Limits that an operator sets, and what those who meet them see.

use std::time::{Duration, Instant};

use conformance::{Binary, Client, Server, UNTHROTTLED, secured_scenarios, stamped};

secured_scenarios! {
    burst_is_slowed_and_not_lost,
    flood_control_slows_to_its_rate,
    long_lines_are_slowed_and_not_lost,
    flood_control_is_everybodys_own,
    silence_before_registration_has_an_end,
    registered_may_be_silent,
    silent_users_have_to_leave_if_told_so,
    full_server_turns_away,
    place_is_free_again,
    only_so_many_are_without_a_nickname,
    loopback_is_exempt_from_limits_per_address,
    rooms_per_user_are_limited,
    new_rooms_are_limited,
    members_per_room_are_limited,
    slow_reader_is_cut_off,
    furthest_behind_is_cut_off_when_memory_is_short,
    slow_reader_that_catches_up_stays,
    unread_answers_are_bounded,
}

fn burst_is_slowed_and_not_lost(binary: Binary) {
    let server = Server::start(binary, &[]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for n in 0..30 {
        ann.send(&format!("line {n}"));
    }
    for n in 0..30 {
        bob.expect(&format!("#lobby <ann> line {n}"));
    }
    bob.expect_nothing();
}

fn flood_control_slows_to_its_rate(binary: Binary) {
    let server = Server::start(binary, &["--flood", "10/1"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let start = Instant::now();
    for n in 0..30 {
        ann.send(&format!("line {n}"));
    }
    for n in 0..30 {
        bob.expect(&format!("#lobby <ann> line {n}"));
    }
    // At most ten at once, and the others at ten a second.
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(1_900), "30 lines took {took:?}");
    assert!(took < Duration::from_secs(6), "30 lines took {took:?}");
}

fn long_lines_are_slowed_and_not_lost(binary: Binary) {
    let server = Server::start(binary, &["--flood", "10/1"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    // Each counts as four.
    for n in 0..8 {
        ann.send(&format!("{n:-<LONG$}"));
    }
    for n in 0..8 {
        bob.expect(&format!("#lobby <ann> {n:-<LONG$}"));
    }
    bob.expect_nothing();
}

fn flood_control_is_everybodys_own(binary: Binary) {
    let server = Server::start(binary, &["--flood", "10/5"]);
    let [mut ann, mut bob, mut cat] = Client::party(&server, ["ann", "bob", "cat"]);
    for n in 0..20 {
        ann.send(&format!("line {n}"));
    }
    bob.send("I waited for nobody");
    let before = std::iter::from_fn(|| (!cat.line().contains("<bob>")).then_some(())).count();
    assert!(before < 20, "bob was heard behind all of ann's lines");
}

fn silence_before_registration_has_an_end(binary: Binary) {
    let server = Server::start(binary, &["--registration-timeout", "1"]);
    let mut silent = Client::connect(&server);
    let mut hesitant = Client::connect(&server);
    hesitant.send_bytes(b"an");
    for client in [&mut silent, &mut hesitant] {
        client.expect_notice(&[]);
        let lines = client.expect_closed();
        assert!(lines.last().is_some_and(|line| line.starts_with("! ")), "{lines:?}");
    }
}

fn registered_may_be_silent(binary: Binary) {
    let server = Server::start(binary, &["--registration-timeout", "1"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    // Once a later connection has run out of time, theirs would have, too.
    let mut silent = Client::connect(&server);
    silent.expect_closed();
    ann.send("still here");
    bob.expect("#lobby <ann> still here");
}

fn silent_users_have_to_leave_if_told_so(binary: Binary) {
    let server = Server::start(binary, &["--idle-timeout", "1"]);
    let mut ann = Client::register(&server, "ann");
    let lines = ann.expect_closed();
    assert!(lines.last().is_some_and(|line| line.starts_with("! ")), "{lines:?}");
    let _ann = Client::register(&server, "ann");
}

fn full_server_turns_away(binary: Binary) {
    let server = Server::start(binary, &["--max-connections", "3"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let mut third = Client::connect(&server);
    third.expect_notice(&[]);
    for _ in 0..5 {
        Client::connect(&server).expect_turned_away();
    }
    // Also when it speaks at once: its words are no reason to reset it.
    let mut eager = Client::connect(&server);
    eager.send("eve");
    eager.expect_turned_away();
    ann.send("nobody else here");
    bob.expect("#lobby <ann> nobody else here");
    let _third = third.registered("cat");
}

fn place_is_free_again(binary: Binary) {
    let server = Server::start(binary, &["--flood", "off", "--max-connections", "2"]);
    let mut ann = Client::register(&server, "ann");
    for _ in 0..20 {
        let bob = Client::register(&server, "bob");
        ann.expect("#lobby -- bob joined");
        Client::connect(&server).expect_turned_away();
        bob.reset();
        ann.expect("#lobby -- bob left (connection reset)");
    }
}

fn only_so_many_are_without_a_nickname(binary: Binary) {
    let server = Server::start(binary, &["--max-unregistered", "1"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let mut silent = Client::connect(&server);
    silent.expect_notice(&[]);
    Client::connect(&server).expect_turned_away();
    ann.send("we are in");
    bob.expect("#lobby <ann> we are in");
    let _silent = silent.registered("cat");
    let _dan = Client::register(&server, "dan");
}

fn loopback_is_exempt_from_limits_per_address(binary: Binary) {
    let server = Server::start(binary, &["--max-connections-per-address", "1", "--connect-rate", "1/600"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("two of us");
    bob.expect("#lobby <ann> two of us");
}

fn rooms_per_user_are_limited(binary: Binary) {
    let server = Server::start(binary, &["--rooms-per-user", "2"]);
    let mut ann = Client::register(&server, "ann");
    ann.send("/join #one");
    ann.expect_notice(&["#one"]);
    ann.send("/join #two");
    ann.expect_error(&[]);
    ann.send("/join #lobby");
    ann.expect_notice(&["#lobby"]);
    ann.send("/part #one");
    ann.expect_notice(&["#one"]);
    ann.send("/join #two");
    ann.expect_notice(&["#two"]);
}

fn new_rooms_are_limited(binary: Binary) {
    let server = Server::start(binary, &["--room-rate", "2/600"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for room in ["#one", "#two"] {
        ann.send(&format!("/join {room}"));
        ann.expect_notice(&[room]);
    }
    ann.send("/join #three");
    ann.expect_error(&["too many new rooms", "300 s"]);
    bob.send("/join #one");
    bob.expect_notice(&["#one", "2 members"]);
    bob.send("/join #three");
    bob.expect_notice(&["#three"]);
    ann.expect("#one -- bob joined");
    ann.send("/join #three");
    ann.expect_notice(&["#three"]);
}

fn members_per_room_are_limited(binary: Binary) {
    let server = Server::start(binary, &["--lobby", "none", "--members-per-room", "2"]);
    let [mut ann, mut bob, mut cat] = ["ann", "bob", "cat"].map(|nick| Client::register(&server, nick));
    for client in [&mut ann, &mut bob] {
        client.send("/join #den");
        client.expect_notice(&["#den"]);
    }
    ann.expect("#den -- bob joined");
    cat.send("/join #den");
    cat.expect_error(&[]);
    ann.expect_nothing();
    bob.send("/part");
    bob.expect_notice(&["#den"]);
    cat.send("/join #den");
    cat.expect_notice(&["#den"]);
}

/// Bytes of one line of [`talk`].
const LONG: usize = 4_000;

/// Ann says lines of which bob reads each before the next, so that bob is never behind.
fn talk(ann: &mut Client, bob: &mut Client, numbers: std::ops::Range<usize>) {
    for n in numbers {
        ann.send(&format!("{n:-<LONG$}"));
        bob.expect(&format!("#lobby <ann> {n:-<LONG$}"));
    }
}

/// Lines that are more than the kernel buffers for a peer that does not read.
const TOO_MANY: usize = 3_000;

/// As [`talk`], until the one who does not read is seen to leave, and a little longer: nobody misses a line.
fn talk_until_slow_leaves(ann: &mut Client, bob: &mut Client) {
    let mut said = 0;
    let left = loop {
        ann.send(&format!("{said:-<LONG$}"));
        let line = bob.line();
        if line.contains(" -- slow left ") {
            bob.expect(&format!("#lobby <ann> {said:-<LONG$}"));
            break line;
        }
        assert_eq!(stamped(&line), Some(format!("#lobby <ann> {said:-<LONG$}").as_str()));
        said += 1;
        if said == TOO_MANY {
            break bob.line();
        }
    };
    let left = stamped(&left).expect("an event").to_owned();
    assert!(left.starts_with("#lobby -- slow left (") && left.contains("too slow"), "{left}");
    talk(ann, bob, said + 1..said + 10);
    ann.expect(&left);
    ann.expect_nothing();
}

fn slow_reader_is_cut_off(binary: Binary) {
    let server = Server::start(binary, &["--flood", "off", "--backlog", "65536", "--stall", "1"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let mut slow = Client::connect_narrow(&server).registered("slow");
    ann.expect("#lobby -- slow joined");
    bob.expect("#lobby -- slow joined");
    talk_until_slow_leaves(&mut ann, &mut bob);
    slow.expect_cut_off();
    let _slow = Client::register(&server, "slow");
}

fn furthest_behind_is_cut_off_when_memory_is_short(binary: Binary) {
    let flags =
        ["--flood", "off", "--backlog", "65536", "--memory", "200000", "--stall", "600", "--history", "none"];
    let server = Server::start(binary, &flags);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let mut slow = Client::connect_narrow(&server).registered("slow");
    ann.expect("#lobby -- slow joined");
    bob.expect("#lobby -- slow joined");
    talk_until_slow_leaves(&mut ann, &mut bob);
    slow.expect_cut_off();
}

fn slow_reader_that_catches_up_stays(binary: Binary) {
    let server = Server::start(binary, &["--flood", "off", "--backlog", "65536", "--stall", "60"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let mut late = Client::connect_narrow(&server).registered("late");
    ann.expect("#lobby -- late joined");
    bob.expect("#lobby -- late joined");
    talk(&mut ann, &mut bob, 0..TOO_MANY);
    for n in 0..TOO_MANY {
        late.expect(&format!("#lobby <ann> {n:-<LONG$}"));
    }
    late.send("what a lot of words");
    bob.expect("#lobby <late> what a lot of words");
}

fn unread_answers_are_bounded(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    talk(&mut ann, &mut bob, 0..60);
    let before = server.resident();
    let mut greedy = Client::connect_narrow(&server).registered("greedy");
    for client in [&mut ann, &mut bob] {
        client.expect("#lobby -- greedy joined");
    }
    // Answers of 120 MB, if all were made at once.
    greedy.send_bytes("/history 50\n".repeat(600).as_bytes());
    talk(&mut ann, &mut bob, 60..90);
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 20 << 20, "one that does not read costs {grown} bytes");
}
