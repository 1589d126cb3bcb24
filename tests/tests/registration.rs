//! From the first byte to a nickname: greeting, registration, and those who are turned away.

use std::time::{Duration, Instant};

use conformance::{Binary, Client, Server, UNTHROTTLED, secured_scenarios};

secured_scenarios! {
    greeting_comes_once_after_a_silence,
    greeting_is_not_for_those_who_speak_first,
    greeting_takes_no_notice_of_telnet,
    greeting_takes_no_notice_of_a_partial_line,
    nickname_is_what_was_not_erased,
    first_line_is_the_nickname,
    nick_command_registers,
    help_comes_before_registration,
    quit_comes_before_registration,
    other_commands_wait_for_registration,
    empty_line_is_refused_before_registration_only,
    fifth_refusal_closes,
    first_refusal_closes_when_more_is_waiting,
    taken_name_is_refused,
    lobby_sees_who_joins,
    browser_is_turned_away,
    browser_cannot_post,
    unregistered_hear_nothing,
}

/// How long a new connection may be silent before it is greeted.
const SILENCE: Duration = Duration::from_millis(250);

fn greeting_comes_once_after_a_silence(binary: Binary) {
    let server = Server::start(binary, &[]);
    let start = Instant::now();
    let mut ann = Client::connect(&server);
    let greeting = ann.expect_notice(&[]);
    assert!(start.elapsed() >= SILENCE, "greeted after {:?}", start.elapsed());
    assert!(greeting.to_lowercase().contains("nick"), "no question for a nickname: {greeting}");
    let lines = ann.ask("ann");
    assert!(!lines.contains(&greeting), "greeted twice");
}

/// What the server says to those who say nothing.
fn greeting(server: &Server) -> String {
    Client::connect(server).expect_notice(&[])
}

fn greeting_is_not_for_those_who_speak_first(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::connect(&server);
    let mut lines = ann.ask("ann");
    // Who connects later is greeted later: by then ann would have been, too.
    let greeting = greeting(&server);
    lines.extend(ann.drain());
    assert!(!lines.contains(&greeting), "{lines:?}");
}

fn greeting_takes_no_notice_of_telnet(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::connect(&server);
    ann.send_bytes(b"\xff\xfd\x03\xff\xfb\x18\xff\xfa\x18\x00xterm\xff\xf0");
    ann.expect_bytes(b"\xff\xfc\x03\xff\xfe\x18");
    let heard = ann.expect_notice(&[]);
    assert_eq!(heard, greeting(&server));
    ann.send_bytes(b"\xff\xfd\x06\xff\xf6");
    ann.expect_bytes(b"\xff\xfb\x06");
    ann.expect_notice(&["here"]);
    let _ann = ann.registered("ann");
}

fn nickname_is_what_was_not_erased(binary: Binary) {
    let server = Server::start(binary, &[]);
    for keys in ["an\u{8}nn", "bob\u{15}ann", "anné\u{7f}", "x\u{8}\u{8}ann"] {
        let mut ann = Client::connect(&server);
        let welcome = ann.ask(keys);
        assert!(welcome[0].starts_with("* welcome, ann;"), "{keys:?}: {welcome:?}");
        ann.send("/quit");
        ann.expect_closed();
    }
}

fn greeting_takes_no_notice_of_a_partial_line(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::connect(&server);
    ann.send_bytes(b"an");
    let heard = ann.expect_notice(&[]);
    assert_eq!(heard, greeting(&server));
    let _ann = ann.registered("n");
    let mut bob = Client::register(&server, "bob");
    let members = bob.ask("/who").concat();
    assert!(members.contains("ann"), "{members}");
}

fn first_line_is_the_nickname(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::connect(&server);
    let welcome = ann.ask("ann");
    assert!(welcome.iter().all(|line| line.starts_with("* ")), "{welcome:?}");
    assert!(welcome[0].contains("ann"), "{welcome:?}");
    let lobby = welcome.last().expect("a welcome");
    assert!(lobby.contains("#lobby") && lobby.contains('1'), "{lobby}");
}

fn nick_command_registers(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::connect(&server);
    let welcome = ann.ask("/NICK ann");
    assert!(welcome[0].contains("ann"), "{welcome:?}");
    assert!(welcome.last().is_some_and(|line| line.contains("#lobby")), "{welcome:?}");
}

fn help_comes_before_registration(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::connect(&server);
    let help = ann.ask("/help");
    assert!(help.concat().contains("/nick"), "{help:?}");
    // The fence behind it was a refusal, and the connection is still good for a name.
    let _ann = ann.registered("ann");
}

fn quit_comes_before_registration(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut bob = Client::register(&server, "bob");
    let mut ann = Client::connect(&server);
    ann.send("/quit");
    let lines = ann.expect_closed();
    assert!(lines.iter().all(|line| line.starts_with("* ")), "{lines:?}");
    bob.expect_nothing();
}

fn other_commands_wait_for_registration(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut bob = Client::register(&server, "bob");
    let mut ann = Client::connect(&server);
    for line in ["/join #den", "/msg bob hi", "/who"] {
        ann.send(line);
        ann.expect_error(&[]);
    }
    bob.expect_nothing();
    let _ann = ann.registered("ann");
}

fn empty_line_is_refused_before_registration_only(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::connect(&server);
    ann.send("");
    ann.expect_error(&[]);
    let mut ann = ann.registered("ann");
    let mut bob = Client::register(&server, "bob");
    ann.expect("#lobby -- bob joined");
    ann.send("");
    ann.send_bytes(b"\r\n");
    ann.expect_nothing();
    bob.expect_nothing();
}

fn fifth_refusal_closes(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::connect(&server);
    for name in ["two words", "semi;colon", "", "x:y"] {
        ann.send(name);
        ann.expect_error(&[]);
    }
    ann.send("no.dots");
    let farewell = ann.expect_closed();
    assert!(!farewell.is_empty() && farewell.iter().all(|line| line.starts_with("! ")), "{farewell:?}");
}

fn first_refusal_closes_when_more_is_waiting(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut bob = Client::register(&server, "bob");
    let mut script = Client::connect(&server);
    script.send_bytes(b"bob\nsecret\nanother\n");
    let farewell = script.expect_closed();
    assert!(!farewell.is_empty() && farewell.iter().all(|line| line.starts_with("! ")), "{farewell:?}");
    bob.expect_nothing();
    let members = bob.ask("/who").concat();
    assert!(!members.contains("secret") && !members.contains("another"), "{members}");
}

fn taken_name_is_refused(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut bob = Client::register(&server, "bob");
    let mut other = Client::connect(&server);
    for name in ["bob", "BOB", "/nick Bob"] {
        other.send(name);
        other.expect_error(&[]);
    }
    let _other = other.registered("rob");
    bob.expect("#lobby -- rob joined");
    bob.expect_nothing();
}

fn lobby_sees_who_joins(binary: Binary) {
    let server = Server::start(binary, &[]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/topic tea at five");
    ann.expect_notice(&["tea at five"]);
    bob.expect("#lobby -- ann set the topic: tea at five");
    let mut cat = Client::connect(&server);
    let welcome = cat.ask("cat");
    let lobby = welcome.last().expect("a welcome");
    for part in ["#lobby", "3", "tea at five"] {
        assert!(lobby.contains(part), "{part} is not in {lobby:?}");
    }
    ann.expect("#lobby -- cat joined");
    bob.expect("#lobby -- cat joined");
}

fn browser_is_turned_away(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let requests = ["GET / HTTP/1.1", "POST /ann HTTP/1.1", "OPTIONS * HTTP/1.0", "BREW /pot HTTP/1.1"];
    for request in requests {
        let mut browser = Client::connect(&server);
        browser.send_bytes(format!("{request}\r\nHost: localhost\r\n\r\n").as_bytes());
        let answer = browser.expect_answered_as_http();
        assert!(answer.starts_with("HTTP/1.1 400"), "{request}: {answer:?}");
    }
}

fn browser_cannot_post(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut bob = Client::register(&server, "bob");
    let mut browser = Client::connect(&server);
    let body = "mallory\r\nbuy now\r\n/msg bob buy now\r\n";
    browser.send_bytes(format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    let answer = browser.expect_answered_as_http();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer:?}");
    bob.expect_nothing();
}

fn unregistered_hear_nothing(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let mut stranger = Client::connect(&server);
    stranger.expect_notice(&[]);
    ann.send("between us");
    bob.expect("#lobby <ann> between us");
    let lines = stranger.drain();
    assert!(!lines.concat().contains("between us"), "{lines:?}");
}
