//! Many clients, and much text. One of these runs at a time, and none beside scenarios with an eye on the clock.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use conformance::{Binary, Client, Crowd, Server, Wire, secured_scenarios, stamped};

secured_scenarios! {
    thousand_members_see_one_order,
    ten_thousand_connections_talk,
    paste_without_flood_control_is_whole,
    paste_at_a_thousand_lines_a_second_is_whole,
    paste_at_the_default_rate_is_whole,
}

/// Taken by whoever keeps the processors busy.
fn alone() -> MutexGuard<'static, ()> {
    static BUSY: Mutex<()> = Mutex::new(());
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sender's number and the word in `#room <uSENDER> WORD`; none in any other line.
fn said(line: &str) -> Option<(usize, &str)> {
    let (_, said) = stamped(line)?.split_once(" <u")?;
    let (sender, word) = said.split_once("> ")?;
    Some((sender.parse().ok()?, word))
}

fn thousand_members_see_one_order(binary: Binary) {
    const MEMBERS: usize = 1_000;
    const LINES: usize = 3;
    let _alone = alone();
    let server = Server::start(binary, &["--flood", "off", "--announce-limit", "10"]);
    let before = server.idle_descriptors();
    let mut crowd = Crowd::register(&server, MEMBERS);
    crowd.settle();
    let mut witness = Client::register(&server, "witness");

    for n in 0..LINES {
        for sender in 0..MEMBERS {
            crowd.send(sender, &format!("{n}"));
        }
    }
    let mut seen = vec![Vec::new(); MEMBERS];
    crowd.read_until("all that was said", |member, line| {
        seen[member].extend(said(line).map(|(sender, word)| (sender, word.to_owned())));
        seen[member].len() == LINES * (MEMBERS - 1)
    });
    let order: Vec<_> = (0..LINES * MEMBERS).map(|_| witness.line()).collect();
    let order: Vec<_> = order.iter().map(|line| said(line).expect("only words")).collect();
    for sender in 0..MEMBERS {
        let words = order.iter().filter(|(by, _)| *by == sender).map(|(_, word)| *word);
        assert!(words.eq(["0", "1", "2"]), "what u{sender} said is out of order");
    }
    for (member, seen) in seen.iter().enumerate() {
        let others = order.iter().filter(|(sender, _)| *sender != member);
        assert!(seen.iter().map(|(sender, word)| (*sender, word.as_str())).eq(others.copied()), "u{member}");
    }
    drop((crowd, witness));
    server.expect_descriptors(before);
}

fn ten_thousand_connections_talk(binary: Binary) {
    const CONNECTIONS: usize = 10_000;
    const ROOMS: usize = 100;
    const MEMBERS: usize = CONNECTIONS / ROOMS;
    let _alone = alone();
    let server = Server::start(binary, &["--flood", "off", "--lobby", "none", "--announce-limit", "10"]);
    let (descriptors, resident) = (server.idle_descriptors(), server.resident());
    let mut crowd = Crowd::register(&server, CONNECTIONS);
    for index in 0..CONNECTIONS {
        crowd.send(index, &format!("/join #r{}", index % ROOMS));
    }
    crowd.settle();
    let each = |server: &Server| server.resident().saturating_sub(resident) / CONNECTIONS;
    let joined = each(&server);
    for index in 0..CONNECTIONS {
        crowd.send(index, &format!("hello from {index}"));
    }
    // Members of a room have numbers that are equal modulo ROOMS.
    let mut heard = vec![[false; MEMBERS]; CONNECTIONS];
    let mut count = vec![0; CONNECTIONS];
    crowd.read_until("everybody's hello", |member, line| {
        if let Some((sender, word)) = said(line) {
            assert_eq!(word, format!("hello from {sender}"));
            assert_eq!(sender % ROOMS, member % ROOMS, "u{member} is not in the room of u{sender}");
            assert!(!std::mem::replace(&mut heard[member][sender / ROOMS], true), "heard twice: {line}");
            count[member] += 1;
        }
        count[member] == MEMBERS - 1
    });
    let talked = each(&server);
    println!("{binary:?}: {joined} bytes of the server for each connection, {talked} after talking");
    // The state of a session of rustls takes 3.5 KiB. A buffer of 2 KiB that outlived its handshake would not fit.
    let limit = if binary.is_secured() { 6 * 1024 } else { 3 * 1024 };
    assert!(joined.max(talked) < limit, "one connection costs more than {limit} bytes");
    drop(crowd);
    server.expect_descriptors(descriptors);
    let _late = Client::register(&server, "late");
}

fn paste_without_flood_control_is_whole(binary: Binary) {
    let _alone = alone();
    paste(binary, &["--flood", "off"], 100_000);
}

// The next two mostly wait for flood control, so they need not be alone. Over TLS the wait is the same, so it is kept
// short: a few records in the first, a few refills of the allowance in the second.

fn paste_at_a_thousand_lines_a_second_is_whole(binary: Binary) {
    paste(binary, &["--flood", "1000/1"], if binary.is_secured() { 8_000 } else { 20_000 });
}

fn paste_at_the_default_rate_is_whole(binary: Binary) {
    paste(binary, &[], if binary.is_secured() { 60 } else { 200 });
}

/// One pastes `lines` lines into a room of a hundred and ends its input: everybody sees all of it, in order.
fn paste(binary: Binary, flags: &[&str], lines: usize) {
    const MEMBERS: usize = 100;
    let server = Server::start(binary, flags);
    let mut crowd = Crowd::register(&server, MEMBERS);
    let mut paster = Client::register(&server, "paster");
    let pen = paster.sender();
    let writer = thread::spawn(move || write_paste(pen, lines));

    let mut next = vec![0; MEMBERS];
    crowd.read_until("the end of the paste", |member, line| {
        let event = stamped(line);
        if let Some(text) = event.and_then(|event| event.strip_prefix("#lobby <paster> ")) {
            let expected = next[member];
            assert_eq!(text.parse(), Ok(expected), "u{member} misses a line");
            next[member] += 1;
        }
        event == Some("#lobby -- paster left (end of input)")
    });
    assert!(next.iter().all(|next| *next == lines), "not all saw all");
    writer.join().expect("the paste was sent");
    // Those who joined before are told of in lines before; own words are not.
    let rest = paster.expect_closed();
    assert!(rest.iter().all(|line| !line.contains("<paster>")), "{rest:?}");
}

fn write_paste(mut pen: Wire, lines: usize) {
    let text: String = (0..lines).map(|n| format!("{n}\n")).collect();
    pen.write_all(text.as_bytes()).expect("the server reads on");
    pen.finish().expect("it is connected");
}
