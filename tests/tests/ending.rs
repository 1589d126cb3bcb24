//! How connections end: politely, by half-close, by reset, and with the server.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use conformance::{Binary, Client, DEADLINE, Server, UNTHROTTLED, secured_scenarios, stamped, wait_until};

secured_scenarios! {
    goodbye_comes_at_once,
    script_is_served_to_its_end,
    unfinished_last_line_counts,
    answers_arrive_after_half_close,
    half_close_before_registration_closes,
    held_back_input_is_served_after_half_close,
    reset_is_told_once,
    reset_does_not_undo_what_was_said,
    reset_frees_the_name,
    crowd_of_resets_leaves_no_ghosts,
    vanishing_at_any_time_is_harmless,
    everything_is_released,
    shutdown_is_told_to_everybody,
    shutdown_does_not_wait_for_the_slow,
}

/// What the server grants a peer to take its goodbye, before it drops the connection.
const LINGER: Duration = Duration::from_secs(10);

fn goodbye_comes_at_once(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let before = server.idle_descriptors();
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let start = Instant::now();
    ann.send("/quit");
    ann.expect_closed();
    bob.half_close();
    bob.expect_closed();
    assert!(start.elapsed() < LINGER, "both ends were sent, not left to the linger time");
    drop((ann, bob));
    server.expect_descriptors(before);
}

fn script_is_served_to_its_end(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut bob = Client::register(&server, "bob");
    let mut script = Client::connect(&server);
    script.send_bytes(b"ann\nhi\n/msg bob psst\n");
    script.half_close();
    bob.expect("#lobby -- ann joined");
    bob.expect("#lobby <ann> hi");
    bob.expect("<ann -> you> psst");
    bob.expect("#lobby -- ann left (end of input)");
    let lines = script.expect_closed();
    assert!(lines.iter().any(|line| line.starts_with("* ") && line.contains("#lobby")), "{lines:?}");
    bob.expect_nothing();
}

fn unfinished_last_line_counts(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut bob = Client::register(&server, "bob");
    for last in ["hi", "hi\r"] {
        let mut script = Client::connect(&server);
        script.send_bytes(format!("ann\n{last}").as_bytes());
        script.half_close();
        script.expect_closed();
        bob.expect("#lobby -- ann joined");
        bob.expect_line("hi", |line| stamped(line).is_some_and(|e| e.starts_with("#lobby <ann> hi")));
        bob.expect("#lobby -- ann left (end of input)");
    }
    // Even when it is the first.
    let mut script = Client::connect(&server);
    script.send_bytes(b"cat");
    script.half_close();
    script.expect_closed();
    bob.expect("#lobby -- cat joined");
    bob.expect("#lobby -- cat left (end of input)");
}

fn answers_arrive_after_half_close(binary: Binary) {
    let server = Server::start(binary, &[]);
    let [mut bob, _cat] = Client::party(&server, ["bob", "cat"]);
    let mut script = Client::connect(&server);
    script.send_bytes(b"ann\n/who\n/dance\n");
    script.half_close();
    let lines = script.expect_closed();
    let members = lines.iter().find(|line| line.contains("cat"));
    assert!(members.is_some_and(|line| line.contains("bob")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("! ")), "{lines:?}");
    bob.expect("#lobby -- ann joined");
    bob.expect("#lobby -- ann left (end of input)");
}

fn half_close_before_registration_closes(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut bob = Client::register(&server, "bob");
    let mut silent = Client::connect(&server);
    silent.half_close();
    silent.expect_closed();
    bob.expect_nothing();
}

fn held_back_input_is_served_after_half_close(binary: Binary) {
    let server = Server::start(binary, &["--flood", "5/1"]);
    let mut bob = Client::register(&server, "bob");
    let mut script = Client::connect(&server);
    let words: String = (0..20).map(|n| format!("word {n}\n")).collect();
    script.send_bytes(format!("ann\n{words}").as_bytes());
    script.half_close();
    bob.expect("#lobby -- ann joined");
    for n in 0..20 {
        bob.expect(&format!("#lobby <ann> word {n}"));
    }
    bob.expect("#lobby -- ann left (end of input)");
    script.expect_closed();
}

fn reset_is_told_once(binary: Binary) {
    let server = Server::start(binary, &[]);
    let [ann, mut bob, mut cat] = Client::party(&server, ["ann", "bob", "cat"]);
    ann.reset();
    for client in [&mut bob, &mut cat] {
        client.expect("#lobby -- ann left (connection reset)");
        client.expect_nothing();
    }
}

fn reset_does_not_undo_what_was_said(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut bob = Client::register(&server, "bob");
    for _ in 0..20 {
        let mut ann = Client::register(&server, "ann");
        bob.expect("#lobby -- ann joined");
        ann.send_bytes(b"famous\nlast words\n");
        ann.reset();
        bob.expect("#lobby <ann> famous");
        bob.expect("#lobby <ann> last words");
        bob.expect("#lobby -- ann left (connection reset)");
    }
}

fn reset_frees_the_name(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut bob = Client::register(&server, "bob");
    for _ in 0..20 {
        let ann = Client::register(&server, "ann");
        bob.expect("#lobby -- ann joined");
        ann.reset();
        bob.expect("#lobby -- ann left (connection reset)");
    }
}

fn crowd_of_resets_leaves_no_ghosts(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut bob = Client::register(&server, "bob");
    let guests: Vec<_> = (0..50).map(|n| Client::register(&server, &format!("guest{n}"))).collect();
    for n in 0..50 {
        bob.expect(&format!("#lobby -- guest{n} joined"));
    }
    for guest in guests {
        guest.reset();
    }
    let mut left: Vec<String> = (0..50).map(|_| bob.line()).collect();
    left.sort();
    left.dedup_by(|a, b| stamped(a) == stamped(b));
    assert_eq!(left.len(), 50, "{left:?}");
    let members = bob.ask("/who").concat();
    assert!(!members.contains("guest"), "{members}");
}

fn vanishing_at_any_time_is_harmless(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let before = server.idle_descriptors();
    let script: &[u8] = b"\xff\xfb\x01ann\r\n/join #den\nh\xc3\xa9\n/history\n/quit bye\n";
    for cut in 0..script.len() {
        for polite in [true, false] {
            let mut client = Client::connect(&server);
            client.send_bytes(&script[..cut]);
            if polite {
                client.half_close();
                if cut >= 3 {
                    client.expect_bytes(b"\xff\xfe\x01");
                }
                client.expect_closed();
            } else {
                client.reset();
            }
        }
    }
    let mut bob = Client::register(&server, "bob");
    let ghost = |line: &String| line.starts_with("* ") && line.contains("ann");
    wait_until("ann is gone", || !bob.ask("/who").iter().any(ghost));
    drop(bob);
    server.expect_descriptors(before);
}

fn everything_is_released(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let before = server.idle_descriptors();
    for round in 0..3 {
        let [ann, mut bob, cat] = Client::party(&server, ["ann", "bob", "cat"]);
        let silent = Client::connect(&server);
        assert!(server.descriptors() > before, "round {round}");
        ann.reset();
        bob.send("/quit");
        bob.expect_closed();
        drop((bob, cat, silent));
        server.expect_descriptors(before);
    }
}

fn shutdown_is_told_to_everybody(binary: Binary) {
    let mut server = Server::start(binary, &[]);
    let party = Client::party(&server, ["ann", "bob", "cat"]);
    server.terminate();
    for mut client in party {
        let lines = client.expect_closed();
        assert!(lines.iter().any(|line| line.starts_with("* ")), "{lines:?}");
    }
    assert!(server.wait().success());
}

fn shutdown_does_not_wait_for_the_slow(binary: Binary) {
    let mut server = Server::start(binary, UNTHROTTLED);
    let mut slow = Client::connect_narrow(&server).registered("slow");
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let mut pen = ann.sender();
    // More than the kernel takes for a peer that does not read, and less than the server holds in all.
    let lines = 4_000;
    let paste = format!("{}\n", "x".repeat(4_000)).repeat(lines);
    let paster = thread::spawn(move || pen.write_all(paste.as_bytes()));
    for _ in 0..lines {
        bob.line();
    }
    paster.join().expect("no panic").expect("all was sent");
    let start = Instant::now();
    server.terminate();
    for client in [&mut ann, &mut bob] {
        let lines = client.expect_closed();
        assert!(lines.iter().any(|line| line.starts_with("* ")), "{lines:?}");
    }
    assert!(server.wait().success());
    assert!(start.elapsed() < DEADLINE / 3, "it took {:?}", start.elapsed());
    slow.expect_cut_off();
}
