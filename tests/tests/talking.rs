//! What people say to each other, and the commands about it.

use conformance::{Binary, Client, Server, UNTHROTTLED, secured_scenarios, stamped};

secured_scenarios! {
    own_words_are_not_echoed,
    words_of_many_come_in_one_order,
    private_message_reaches_one,
    message_reaches_a_room_only_from_inside,
    action_is_shown,
    two_slashes_say_one,
    unknown_command_is_an_error,
    commands_want_their_arguments,
    rename_is_told_once_per_room,
    rename_keeps_the_user,
    history_shows_the_last_twenty,
    history_shows_as_many_as_asked,
    history_may_be_off,
    help_names_every_command,
    help_explains_one_command,
    quit_gives_its_reason,
    private_message_waits_for_earlier_lines,
}

fn own_words_are_not_echoed(binary: Binary) {
    let server = Server::start(binary, &[]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("hello, bob");
    bob.expect("#lobby <ann> hello, bob");
    ann.expect_nothing();
    bob.send("  two  spaces, and a tab:\t.");
    ann.expect("#lobby <bob>   two  spaces, and a tab:\t.");
    bob.expect_nothing();
}

fn words_of_many_come_in_one_order(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob, mut cat, mut dan] = Client::party(&server, ["ann", "bob", "cat", "dan"]);
    for n in 0..100 {
        ann.send(&format!("a{n}"));
        bob.send(&format!("b{n}"));
    }
    let seen: Vec<String> = (0..200).map(|_| cat.line()).collect();
    for line in &seen {
        dan.expect(stamped(line).expect("an event"));
    }
    for (nick, client) in [("<ann>", &mut bob), ("<bob>", &mut ann)] {
        for line in seen.iter().filter(|line| line.contains(nick)) {
            client.expect(stamped(line).expect("an event"));
        }
        client.expect_nothing();
    }
}

fn private_message_reaches_one(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob, mut cat] = Client::party(&server, ["ann", "bob", "cat"]);
    ann.send("/msg BOB for your eyes: <only>");
    bob.expect("<ann -> you> for your eyes: <only>");
    ann.expect_nothing();
    cat.expect_nothing();
    ann.send("/MSG nobody hello");
    ann.expect_error(&[]);
}

fn message_reaches_a_room_only_from_inside(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    bob.send("/join #den");
    bob.expect_notice(&["#den"]);
    ann.send("/msg #den let me in");
    ann.expect_error(&[]);
    bob.expect_nothing();
    bob.send("/msg #Lobby from elsewhere");
    ann.expect("#lobby <bob> from elsewhere");
    // The current room is still the other one.
    bob.send("to nobody");
    bob.expect_nothing();
    ann.expect_nothing();
}

fn action_is_shown(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for command in ["/me", "/ME"] {
        ann.send(&format!("{command} waves"));
        bob.expect("#lobby * ann waves");
    }
    ann.expect_nothing();
}

fn two_slashes_say_one(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("//quit is how you leave");
    bob.expect("#lobby <ann> /quit is how you leave");
    ann.send("///");
    bob.expect("#lobby <ann> //");
}

fn unknown_command_is_an_error(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for line in ["/dance", "/", "/ hello", "/msgs bob hi", "/jo #den"] {
        ann.send(line);
        ann.expect_error(&[]);
    }
    ann.expect_nothing();
    bob.expect_nothing();
}

fn commands_want_their_arguments(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for line in ["/nick", "/join", "/msg", "/msg bob", "/msg #lobby", "/me", "/history x", "/history -1"] {
        ann.send(line);
        ann.expect_error(&[]);
    }
    ann.expect_nothing();
    bob.expect_nothing();
}

fn rename_is_told_once_per_room(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for client in [&mut ann, &mut bob] {
        client.send("/join #den");
        client.expect_notice(&["#den"]);
    }
    ann.expect("#den -- bob joined");
    ann.send("/join #alone");
    ann.expect_notice(&["#alone"]);
    ann.send("/nick anna");
    ann.expect_notice(&["anna"]);
    ann.expect_nothing();
    let mut told = [bob.line(), bob.line()].map(|line| stamped(&line).expect("an event").to_owned());
    told.sort();
    assert_eq!(told, ["#den -- ann is now known as anna", "#lobby -- ann is now known as anna"]);
    bob.expect_nothing();
}

fn rename_keeps_the_user(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/nick anna");
    ann.expect_notice(&["anna"]);
    bob.expect("#lobby -- ann is now known as anna");
    bob.send("/msg anna hello");
    ann.expect("<bob -> you> hello");
    bob.send("/msg ann hello");
    bob.expect_error(&[]);
    // The old name is free at once.
    let _ann = Client::register(&server, "ann");
    for client in [&mut ann, &mut bob] {
        client.expect("#lobby -- ann joined");
    }
    ann.send("/nick bob");
    ann.expect_error(&[]);
    bob.expect_nothing();
}

/// Three members, and `count` lines that the first has said.
fn talked(server: &Server, count: usize) -> [Client; 3] {
    let [mut ann, mut bob, cat] = Client::party(server, ["ann", "bob", "cat"]);
    for n in 1..=count {
        ann.send(&format!("line {n}"));
        bob.expect(&format!("#lobby <ann> line {n}"));
    }
    [ann, bob, cat]
}

/// The events among the lines of an answer, without their stamps.
fn events(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| stamped(line)).collect()
}

fn history_shows_the_last_twenty(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob, _cat] = talked(&server, 25);
    let expected: Vec<String> = (6..=25).map(|n| format!("#lobby <ann> line {n}")).collect();
    for client in [&mut ann, &mut bob] {
        let lines = client.ask("/history");
        assert_eq!(events(&lines), expected);
    }
    // What was said before one's own time can be read as well.
    let mut dan = Client::register(&server, "dan");
    let lines = dan.ask("/HISTORY 30");
    assert!(events(&lines).contains(&"#lobby <ann> line 1"), "{lines:?}");
    assert!(events(&lines).contains(&"#lobby -- cat joined"), "{lines:?}");
}

fn history_shows_as_many_as_asked(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [_ann, mut bob, _cat] = talked(&server, 1010);
    let lines = bob.ask("/history 2");
    assert_eq!(events(&lines), ["#lobby <ann> line 1009", "#lobby <ann> line 1010"]);
    let lines = bob.ask("/history 1000");
    assert_eq!(events(&lines).len(), 1000);
    assert_eq!(events(&lines).first(), Some(&"#lobby <ann> line 11"));
    // Long answers come as they are taken, and commands behind them wait.
    bob.send("/history 1000");
    bob.send("/history 1");
    assert_eq!(events(&bob.drain()).len(), 1001);
}

fn history_may_be_off(binary: Binary) {
    let server = Server::start(binary, &["--flood", "off", "--history", "none"]);
    let [_ann, mut bob, _cat] = talked(&server, 3);
    bob.send("/history");
    bob.expect_line("a word that there is none", |line| stamped(line).is_none());
    bob.expect_nothing();
}

fn help_names_every_command(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut ann = Client::register(&server, "ann");
    let help = ann.ask("/HELP");
    assert!(help.iter().all(|line| line.starts_with("* ")), "{help:?}");
    let help = help.join("\n");
    let commands =
        ["/nick", "/join", "/part", "/msg", "/me", "/topic", "/rooms", "/who", "/history", "/help", "/quit"];
    for command in commands {
        assert!(help.contains(command), "{command} is missing in:\n{help}");
    }
}

fn help_explains_one_command(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut ann = Client::register(&server, "ann");
    for name in ["msg", "history"] {
        let help = ann.ask(&format!("/help {name}")).concat();
        assert!(help.contains(&format!("/{name}")), "{help}");
    }
    ann.send("/help dancing");
    ann.expect_error(&[]);
}

fn quit_gives_its_reason(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob, mut cat] = Client::party(&server, ["ann", "bob", "cat"]);
    ann.send("/quit time for tea");
    let lines = ann.expect_closed();
    assert!(lines.iter().all(|line| line.starts_with("* ")), "{lines:?}");
    for client in [&mut bob, &mut cat] {
        client.expect("#lobby -- ann left (time for tea)");
    }
    bob.send("/QUIT");
    bob.expect_closed();
    cat.expect("#lobby -- bob left (quit)");
    cat.expect_nothing();
}

fn private_message_waits_for_earlier_lines(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for n in 0..100 {
        ann.send_bytes(format!("to all {n}\n/msg bob to you {n}\n/me nods {n}\n").as_bytes());
    }
    for n in 0..100 {
        bob.expect(&format!("#lobby <ann> to all {n}"));
        bob.expect(&format!("<ann -> you> to you {n}"));
        bob.expect(&format!("#lobby * ann nods {n}"));
    }
}
