//! What telnet clients ask, and are answered.

use conformance::{Binary, Client, Server, UNTHROTTLED, scenarios};

scenarios! {
    telnet_options_are_refused,
    timing_mark_comes_in_order_with_the_output,
    are_you_there,
    synch_takes_nothing_with_it,
    answers_cost_what_questions_cost,
}

fn telnet_options_are_refused(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    // What the usual client sends to port 23.
    ann.send_bytes(b"\xff\xfd\x03\xff\xfb\x18\xff\xfb\x1fhel\xff\xfd\x05lo\n");
    ann.expect_bytes(b"\xff\xfc\x03\xff\xfe\x18\xff\xfe\x1f\xff\xfc\x05");
    bob.expect("#lobby <ann> hello");
    ann.send_bytes(b"\xff\xfe\x03\xff\xfc\x18");
    ann.expect_nothing();
}

fn timing_mark_comes_in_order_with_the_output(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    bob.send("before");
    bob.expect_nothing();
    // Ctrl-C. All output is thrown away until the mark: what comes before it was said before.
    ann.send_bytes(b"never mind\xff\xf4\xff\xfd\x06");
    ann.expect("#lobby <bob> before");
    ann.expect_bytes(b"\xff\xfb\x06");
    bob.send("after");
    ann.expect("#lobby <bob> after");
    ann.send_bytes(b"/who\r\n\xff\xfd\x06\xff\xfd\x06/me waves\r\n");
    ann.expect_notice(&["2 members"]);
    ann.expect_notice(&["ann"]);
    ann.expect_bytes(b"\xff\xfb\x06\xff\xfb\x06");
    bob.expect("#lobby * ann waves");
}

fn are_you_there(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send_bytes(b"hel\xff\xf6lo");
    ann.expect_notice(&["here"]);
    ann.send_bytes(b"\r\0");
    bob.expect("#lobby <ann> hello");
    ann.expect_nothing();
}

fn synch_takes_nothing_with_it(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    // Ctrl-C of PuTTY: interrupt, then a data mark, its second byte urgent.
    for _ in 0..3 {
        ann.send_bytes(b"never mind\xff\xf4\xff");
        ann.send_urgent(b"\xf2");
        // Somebody types: what follows comes later.
        bob.send("next");
        ann.expect("#lobby <bob> next");
        ann.send_bytes(b"hello\r\n");
        bob.expect("#lobby <ann> hello");
    }
    ann.expect_nothing();
}

/// A peer that only asks is read no faster than one that only talks.
fn answers_cost_what_questions_cost(binary: Binary) {
    let server = Server::start(binary, &["--flood", "5/3600"]);
    let mut ann = Client::register(&server, "ann");
    // Two lines have registered her, so three KiB are taken.
    ann.send_bytes(&b"\xff\xfd\x06".repeat(20_000));
    let answers = 3 * 1024 / 3;
    ann.expect_bytes(&b"\xff\xfb\x06".repeat(answers));
    let mut bob = Client::register(&server, "bob");
    ann.expect("#lobby -- bob joined");
    // So are three questions whether anybody is there.
    bob.send_bytes(&b"\xff\xf6".repeat(1_000));
    for _ in 0..3 {
        bob.expect_notice(&["here"]);
    }
    let mut cat = Client::register(&server, "cat");
    bob.expect("#lobby -- cat joined");
    cat.send("/quit");
    cat.expect_closed();
}
