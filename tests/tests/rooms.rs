//! Rooms: joining and leaving, the current one, topics, lists, and rooms too large to announce in.

use conformance::{Binary, Client, Server, UNTHROTTLED, secured_scenarios, stamped};

secured_scenarios! {
    join_answers_with_count_and_topic,
    join_makes_a_room_current,
    join_again_only_makes_it_current,
    part_makes_the_room_before_current,
    part_of_another_room_leaves_the_current_one,
    part_gives_its_reason,
    leave_is_part,
    no_room_no_talk,
    topic_is_set_and_shown,
    rooms_are_listed,
    members_are_listed,
    long_lists_are_cut,
    large_room_is_quiet,
    quiet_room_announces_no_rename,
    lobby_may_have_another_name,
    lobby_may_be_missing,
    empty_room_is_gone,
}

fn join_answers_with_count_and_topic(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/join #den");
    ann.expect_notice(&["#den", "1"]);
    ann.send("/topic cushions");
    ann.expect_notice(&["cushions"]);
    bob.send("/JOIN #den");
    bob.expect_notice(&["#den", "2", "cushions"]);
    ann.expect("#den -- bob joined");
    bob.expect_nothing();
    bob.send("/join den");
    bob.expect_error(&[]);
    bob.send("/join");
    bob.expect_error(&[]);
}

fn join_makes_a_room_current(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for client in [&mut ann, &mut bob] {
        client.send("/join #den");
        client.expect_notice(&["#den"]);
    }
    ann.expect("#den -- bob joined");
    ann.send("hello");
    bob.expect("#den <ann> hello");
    // Both sit in the lobby still.
    ann.send("/msg #lobby and hello");
    bob.expect("#lobby <ann> and hello");
}

fn join_again_only_makes_it_current(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/join #den");
    ann.expect_notice(&["#den"]);
    ann.send("/join #LOBBY");
    ann.expect_notice(&["#lobby"]);
    ann.send("back");
    bob.expect("#lobby <ann> back");
    bob.expect_nothing();
}

fn part_makes_the_room_before_current(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for room in ["#one", "#two"] {
        for client in [&mut ann, &mut bob] {
            client.send(&format!("/join {room}"));
            client.expect_notice(&[room]);
        }
        ann.expect(&format!("{room} -- bob joined"));
    }
    for (left, current) in [("#two", "#one"), ("#one", "#lobby")] {
        ann.send("/part");
        ann.expect_notice(&[left]);
        bob.expect(&format!("{left} -- ann left (part)"));
        ann.send("where am I");
        bob.expect(&format!("{current} <ann> where am I"));
    }
}

fn part_of_another_room_leaves_the_current_one(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for client in [&mut ann, &mut bob] {
        client.send("/join #den");
        client.expect_notice(&["#den"]);
    }
    ann.expect("#den -- bob joined");
    ann.send("/part #lobby so long");
    ann.expect_notice(&["#lobby"]);
    bob.expect("#lobby -- ann left (so long)");
    ann.send("still here");
    bob.expect("#den <ann> still here");
    ann.send("/part #nowhere");
    ann.expect_error(&[]);
    bob.expect_nothing();
}

fn part_gives_its_reason(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/part tea is ready (and cake)");
    ann.expect_notice(&["#lobby"]);
    bob.expect("#lobby -- ann left (tea is ready (and cake))");
    bob.send("alone");
    ann.expect_nothing();
}

fn leave_is_part(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/Leave #lobby");
    ann.expect_notice(&["#lobby"]);
    bob.expect("#lobby -- ann left (part)");
}

fn no_room_no_talk(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/part");
    ann.expect_notice(&["#lobby"]);
    bob.expect("#lobby -- ann left (part)");
    ann.send("anybody?");
    ann.expect_line("the way to a room", |line| line == "! you are in no room: /join #ROOM");
    for command in ["/me waves", "/topic mine", "/part", "/history"] {
        ann.send(command);
        ann.expect_error(&[]);
    }
    ann.send("/msg #lobby I am outside");
    ann.expect_error(&[]);
    bob.expect_nothing();
}

fn topic_is_set_and_shown(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    bob.send("/topic");
    bob.expect_notice(&["#lobby"]);
    ann.send("/TOPIC  apples: and <pears>");
    ann.expect_notice(&["apples: and <pears>"]);
    bob.expect_line("the topic", |line| {
        stamped(line).is_some_and(|event| {
            let text = event.strip_prefix("#lobby -- ann set the topic: ");
            text.is_some_and(|text| text.trim_start() == "apples: and <pears>")
        })
    });
    bob.send("/topic");
    bob.expect_notice(&["#lobby", "apples: and <pears>"]);
    ann.expect_nothing();
}

fn rooms_are_listed(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/join #den");
    ann.expect_notice(&["#den"]);
    ann.send("/topic cushions");
    ann.expect_notice(&["cushions"]);
    for command in ["/rooms", "/LIST"] {
        let list = bob.ask(command);
        assert!(list.iter().all(|line| line.starts_with("* ")), "{list:?}");
        let about = |room: &str| list.iter().find(|line| line.contains(room)).expect(room);
        assert!(about("#den").contains('1') && about("#den").contains("cushions"), "{list:?}");
        assert!(about("#lobby").contains('2'), "{list:?}");
    }
}

fn members_are_listed(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/join #den");
    ann.expect_notice(&["#den"]);
    for command in ["/who", "/NAMES", "/who #lobby"] {
        let list = bob.ask(command);
        assert!(list.iter().all(|line| line.starts_with("* ")), "{list:?}");
        assert!(list.concat().contains("ann") && list.concat().contains("bob"), "{list:?}");
    }
    let den = bob.ask("/names #den").concat();
    assert!(den.contains("ann") && !den.contains("bob"), "{den}");
    bob.send("/who #nowhere");
    bob.expect_error(&[]);
}

fn long_lists_are_cut(binary: Binary) {
    let flags = ["--flood", "off", "--rooms-per-user", "0", "--room-rate", "off", "--announce-limit", "1"];
    let server = Server::start(binary, &flags);
    let mut ann = Client::register(&server, "ann");
    let _guests: Vec<_> = (0..116).map(|n| Client::register(&server, &format!("guest-{n:03}"))).collect();
    let members = ann.ask("/who #lobby").join(" ");
    // Ann herself may or may not be among those named.
    let named = members.matches("guest-").count() + usize::from(members.contains("ann"));
    assert_eq!(named, 100, "{members}");
    assert!(members.contains("17"), "the number of the rest is missing: {members}");

    for n in 0..130 {
        ann.send(&format!("/join #room-{n:03}"));
    }
    ann.drain();
    let rooms = ann.ask("/rooms");
    let named = rooms.iter().filter(|line| line.contains("#room-") || line.contains("#lobby")).count();
    assert_eq!(named, 100, "{rooms:?}");
    assert!(rooms.concat().contains("31"), "the number of the rest is missing: {rooms:?}");
}

fn large_room_is_quiet(binary: Binary) {
    let server = Server::start(binary, &["--flood", "off", "--announce-limit", "4"]);
    let [mut ann, _bob, mut cat, mut dan] = Client::party(&server, ["ann", "bob", "cat", "dan"]);
    let mut eve = Client::register(&server, "eve");
    let mut fay = Client::register(&server, "fay");
    ann.expect("#lobby -- the room is now quiet");
    ann.expect_nothing();
    fay.send("/quit");
    fay.expect_closed();
    eve.send("/quit");
    eve.expect_closed();
    // Four members are not yet below nine tenths of four.
    ann.expect_nothing();
    dan.send("/quit");
    dan.expect_closed();
    // Whether the leave that makes the room small is told as well is left open.
    let lines = ann.drain();
    let lively = |line: &&String| stamped(line) == Some("#lobby -- the room is no longer quiet");
    assert_eq!(lines.iter().filter(lively).count(), 1, "{lines:?}");
    assert!(lines.iter().filter(|line| !lively(line)).all(|line| line.contains("dan left")), "{lines:?}");
    cat.send("/quit");
    cat.expect_closed();
    ann.expect("#lobby -- cat left (quit)");
    let _eve = Client::register(&server, "eve");
    ann.expect("#lobby -- eve joined");
}

fn quiet_room_announces_no_rename(binary: Binary) {
    let server = Server::start(binary, &["--flood", "off", "--announce-limit", "1"]);
    let mut ann = Client::register(&server, "ann");
    let mut bob = Client::register(&server, "bob");
    ann.expect("#lobby -- the room is now quiet");
    bob.send("/nick rob");
    bob.expect_line("an answer", |line| !line.starts_with('!'));
    bob.send("what is said is heard");
    ann.expect("#lobby <rob> what is said is heard");
}

fn lobby_may_have_another_name(binary: Binary) {
    let server = Server::start(binary, &["--lobby", "#hall"]);
    let mut ann = Client::connect(&server);
    let welcome = ann.ask("ann");
    assert!(welcome.last().is_some_and(|line| line.contains("#hall")), "{welcome:?}");
    let _bob = Client::register(&server, "bob");
    ann.expect("#hall -- bob joined");
}

fn lobby_may_be_missing(binary: Binary) {
    let server = Server::start(binary, &["--lobby", "none"]);
    let mut ann = Client::register(&server, "ann");
    let _bob = Client::register(&server, "bob");
    ann.send("hello");
    ann.expect_line("the way to a room", |line| line == "! you are in no room: /join #ROOM");
    ann.expect_nothing();
}

fn empty_room_is_gone(binary: Binary) {
    let server = Server::start(binary, &["--lobby", "none", "--history", "none"]);
    let mut ann = Client::register(&server, "ann");
    ann.send("/join #den");
    ann.expect_notice(&["#den"]);
    ann.send("/topic cushions");
    ann.expect_notice(&["cushions"]);
    ann.send("/part");
    ann.expect_notice(&["#den"]);
    let rooms = ann.ask("/rooms").concat();
    assert!(!rooms.contains("#den"), "{rooms}");
    ann.send("/join #Den");
    let joined = ann.expect_notice(&["#Den", "1"]);
    assert!(!joined.contains("cushions"), "{joined}");
}
