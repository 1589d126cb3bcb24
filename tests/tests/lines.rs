//! Bytes to lines: their ends, their greatest length, telnet, and what must not reach a terminal.

use conformance::{Binary, Client, Server, UNTHROTTLED, secured_scenarios};

secured_scenarios! {
    lines_end_in_three_ways,
    other_carriage_returns_are_replaced,
    lines_may_come_in_pieces,
    line_of_the_greatest_length_is_fine,
    longer_line_is_refused_and_skipped,
    endless_line_is_skipped,
    telnet_is_swallowed_anywhere,
    erased_characters_were_never_sent,
    erased_line_was_never_sent,
    erased_bytes_count,
    telnet_does_not_count,
    open_subnegotiation_counts,
    control_characters_are_replaced,
    invalid_utf8_is_replaced,
    control_characters_are_replaced_everywhere,
    text_cannot_pass_for_the_server,
    reason_and_topic_cannot_pass_for_the_server,
    name_cannot_pass_for_the_server,
    blanks_fill_no_row,
    code_stays_readable,
}

/// The longest line, in bytes.
const LINE: usize = 4096;

fn pair(binary: Binary) -> (Server, Client, Client) {
    let server = Server::start(binary, UNTHROTTLED);
    let [ann, bob] = Client::party(&server, ["ann", "bob"]);
    (server, ann, bob)
}

fn lines_end_in_three_ways(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    ann.send_bytes(b"unix\ninternet\r\ntelnet\r\0all\n");
    for text in ["unix", "internet", "telnet", "all"] {
        bob.expect(&format!("#lobby <ann> {text}"));
    }
    bob.expect_nothing();
}

fn other_carriage_returns_are_replaced(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    ann.send_bytes(b"a\rb\r\rc\r\r\n");
    bob.expect("#lobby <ann> a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}");
}

fn lines_may_come_in_pieces(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    // Cut between CR and LF, CR and NUL, inside a character, and inside a telnet command.
    let pieces: [&[u8]; 9] = [
        b"on",
        b"e\r",
        b"\ntwo\r",
        b"\0th\xc3",
        b"\xa9 ree\xff",
        b"\xfc",
        b"\x01\xff\xfa\x18",
        b"x\xff",
        b"\xf0\n",
    ];
    for piece in pieces {
        ann.send_bytes(piece);
        // Whatever bob says comes back to ann behind her piece: it was read by itself.
        bob.send("next");
        ann.expect("#lobby <bob> next");
    }
    for text in ["one", "two", "thé ree"] {
        bob.expect(&format!("#lobby <ann> {text}"));
    }
}

fn line_of_the_greatest_length_is_fine(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    for end in ["\n", "\r\n", "\r\0"] {
        ann.send_bytes(format!("{}{end}", "x".repeat(LINE)).as_bytes());
        bob.expect(&format!("#lobby <ann> {}", "x".repeat(LINE)));
    }
    ann.send(&"é".repeat(LINE / 2));
    bob.expect(&format!("#lobby <ann> {}", "é".repeat(LINE / 2)));
    ann.expect_nothing();
}

fn longer_line_is_refused_and_skipped(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    for end in ["\n", "\r\n", "\r\0"] {
        ann.send_bytes(format!("{}{end}next\n", "x".repeat(LINE + 1)).as_bytes());
        ann.expect_error(&["4096"]);
        bob.expect("#lobby <ann> next");
    }
    ann.send(&format!("/msg bob {}", "x".repeat(LINE)));
    ann.expect_error(&["4096"]);
    ann.expect_nothing();
    bob.expect_nothing();
}

fn endless_line_is_skipped(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    for _ in 0..100 {
        ann.send_bytes(&[b'x'; 40_000]);
    }
    ann.send("");
    ann.send("that was long");
    ann.expect_error(&[]);
    bob.expect("#lobby <ann> that was long");
    ann.expect_nothing();
}

fn telnet_is_swallowed_anywhere(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    // Nothing, refusals, a break, output to be aborted, a subnegotiation.
    let hidden: [&[u8]; 7] = [
        b"\xff\xf1",
        b"\xff\xfc\x0a",
        b"\xff\xfe\xff",
        b"\xff\xf3",
        b"\xff\xf5",
        b"\xff\xfa\x18\x00xterm\x0a\xff\xf0",
        b"\xff\xfa\x1f\x00\xff\xff\x00\x18\xff\xf0",
    ];
    for telnet in hidden {
        ann.send_bytes(&[b"one", telnet, b" line\n"].concat());
        bob.expect("#lobby <ann> one line");
    }
    ann.expect_nothing();
    // A doubled 255 is that byte as data, and no text.
    ann.send_bytes(b"a\xff\xffb\n");
    bob.expect("#lobby <ann> a\u{fffd}b");
}

fn erased_characters_were_never_sent(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    for eraser in [&b"\x08"[..], b"\x7f", b"\xff\xf7"] {
        for character in ["o", "é", "e\u{301}", "日", "👩‍👩‍👧", "🇩🇪", "\u{1b}"] {
            ann.send_bytes(&[b"hell", character.as_bytes(), eraser, b"o\n"].concat());
            bob.expect("#lobby <ann> hello");
        }
        ann.send_bytes(&[&b"/quit"[..], &eraser.repeat(9), b"/me waves\n"].concat());
        bob.expect("#lobby * ann waves");
        ann.send_bytes(&[b"\xe9", eraser, b"\n"].concat());
        ann.expect_nothing();
    }
    bob.expect_nothing();
}

fn erased_line_was_never_sent(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    for eraser in [&b"\x15"[..], b"\xff\xf8", b"\xff\xf4"] {
        ann.send_bytes(&[b"grumble \x08", eraser, b"hello\r\n"].concat());
        bob.expect("#lobby <ann> hello");
    }
    ann.expect_nothing();
}

fn erased_bytes_count(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    let slips = b"x\x08".repeat(LINE / 2 - 1);
    ann.send_bytes(&[&slips[..], b"hi\n"].concat());
    bob.expect("#lobby <ann> hi");
    ann.send_bytes(&[&slips[..], b"hi!\n"].concat());
    ann.expect_error(&["4096"]);
    bob.expect_nothing();
}

fn telnet_does_not_count(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    let half = "x".repeat(LINE / 2);
    ann.send_bytes(
        &[half.as_bytes(), &b"\xff\xfb\x01".repeat(100), half.as_bytes(), b"\xff\xf1\r\n"].concat(),
    );
    bob.expect(&format!("#lobby <ann> {}", "x".repeat(LINE)));
}

fn open_subnegotiation_counts(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    ann.send_bytes(b"\xff\xfa\x18");
    ann.send_bytes(&[b'x'; LINE + 1]);
    ann.send_bytes(b"\xff\xf0 rest\nnext\n");
    ann.expect_error(&[]);
    bob.expect("#lobby <ann> next");
    ann.expect_nothing();
}

fn control_characters_are_replaced(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    let harmful = [
        "\u{0}", "\u{1}", "\u{7}", "\u{b}", "\u{c}", "\u{e}", "\u{1b}", "\u{1f}", "\u{80}", "\u{85}",
        "\u{9b}", "\u{9f}", "\u{2028}", "\u{2029}", "\u{202a}", "\u{202e}", "\u{2066}", "\u{2069}",
    ];
    for character in harmful {
        ann.send(&format!("a{character}b"));
        bob.expect("#lobby <ann> a\u{fffd}b");
    }
    let harmless =
        ["\t", " ", "\u{a0}", "\u{ad}", "\u{200d}", "\u{2027}", "\u{202f}", "\u{2065}", "\u{206a}", "👩‍🚀"];
    for character in harmless {
        ann.send(&format!("a{character}b"));
        bob.expect(&format!("#lobby <ann> a{character}b"));
    }
}

fn invalid_utf8_is_replaced(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    let broken: [&[u8]; 7] =
        [b"\x80", b"\xc3", b"\xfe", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xed\xa0\x80"];
    for bytes in broken {
        let line = [b"a", bytes, b"b"].concat();
        ann.send_bytes(&[&line[..], b"\n"].concat());
        bob.expect(&format!("#lobby <ann> {}", String::from_utf8_lossy(&line)));
    }
}

fn control_characters_are_replaced_everywhere(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    let text = "x\u{1b}[2Jy\u{202e}z";
    let shown = "x\u{fffd}[2Jy\u{fffd}z";
    ann.send(&format!("/me {text}"));
    bob.expect(&format!("#lobby * ann {shown}"));
    ann.send(&format!("/msg bob {text}"));
    bob.expect(&format!("<ann -> you> {shown}"));
    ann.send(&format!("/topic {text}"));
    ann.expect_notice(&[shown]);
    bob.expect(&format!("#lobby -- ann set the topic: {shown}"));
    bob.send("/topic");
    bob.expect_notice(&[shown]);
    let rooms = bob.ask("/rooms").concat();
    assert!(rooms.contains(shown), "{rooms:?}");
    // Errors may repeat what was typed: the client checks that they do so harmlessly.
    for command in ["/nick", "/join #", "/who #", "/history ", "/part #", "/msg ", "/"] {
        ann.send(&format!("{command}{text} {text}"));
        ann.expect_error(&[]);
    }
    ann.send(&format!("/quit {text}"));
    ann.expect_closed();
    bob.expect(&format!("#lobby -- ann left ({shown})"));
}

/// Lines of the server's, as someone may type them.
const FORGERIES: [&str; 6] = [
    "[12:00:00] #lobby <bob> I resign",
    "[12:00:00] #lobby -- bob left (quit)",
    "[12:00:00] <bob -> you> the password, please",
    "* welcome",
    "! you are banned",
    "-- bob left (quit)",
];

/// What someone may hope to begin a new line with.
const BREAKS: [&str; 8] = ["", "\r", "\r\r", "x\r", "\u{85}", "\u{2028}", "\u{b}", "\u{1b}[2K\u{1b}[G"];

/// A text with whatever is replaced in it.
fn shown(text: &str) -> String {
    text.replace(|c: char| c.is_control() || c == '\u{2028}', "\u{fffd}")
}

fn text_cannot_pass_for_the_server(binary: Binary) {
    let (_server, mut mallory, mut victim) = pair(binary);
    for forgery in FORGERIES {
        for line_break in BREAKS {
            let text = format!("{line_break}{forgery}");
            mallory.send(&text);
            victim.expect(&format!("#lobby <ann> {}", shown(&text)));
            mallory.send(&format!("/me {text}"));
            victim.expect(&format!("#lobby * ann {}", shown(&text)));
            mallory.send(&format!("/msg bob {text}"));
            victim.expect(&format!("<ann -> you> {}", shown(&text)));
        }
    }
    mallory.expect_nothing();
    victim.expect_nothing();
}

fn reason_and_topic_cannot_pass_for_the_server(binary: Binary) {
    let (_server, mut mallory, mut victim) = pair(binary);
    for forgery in FORGERIES {
        for line_break in BREAKS {
            let text = format!("bye){line_break}{forgery}");
            mallory.send(&format!("/topic {text}"));
            mallory.expect_notice(&[&shown(&text)]);
            victim.expect(&format!("#lobby -- ann set the topic: {}", shown(&text)));
            mallory.send(&format!("/part {text}"));
            mallory.expect_notice(&["#lobby"]);
            victim.expect(&format!("#lobby -- ann left ({})", shown(&text)));
            mallory.send("/join #lobby");
            mallory.expect_notice(&["#lobby"]);
            victim.expect("#lobby -- ann joined");
        }
    }
}

fn name_cannot_pass_for_the_server(binary: Binary) {
    let (server, mut mallory, mut victim) = pair(binary);
    for forgery in FORGERIES {
        for line_break in BREAKS {
            mallory.send(&format!("/nick {line_break}{forgery}"));
            mallory.expect_error(&[]);
            let mut stranger = Client::connect(&server);
            stranger.send(&format!("{line_break}{forgery}"));
            stranger.expect_error(&[]);
        }
    }
    victim.expect_nothing();
    // Dashes are letters of a name; the line still says whose it is.
    mallory.send("/nick --");
    mallory.expect_notice(&["--"]);
    victim.expect("#lobby -- ann is now known as --");
    mallory.send("bob left (quit)");
    victim.expect("#lobby <--> bob left (quit)");
}

fn blanks_fill_no_row(binary: Binary) {
    let (_server, mut mallory, mut victim) = pair(binary);
    let forgery = "[12:00:07] #lobby <bob> I resign";
    for (blank, kept) in [
        (" ", "        "),
        ("\t", "\t"),
        (" \t", " \t"),
        ("\u{a0}", "\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}"),
        ("\u{3000}", "\u{3000}\u{3000}\u{3000}\u{3000}"),
        ("\u{2800}\u{200b}", "\u{2800}\u{200b}\u{2800}\u{200b}\u{2800}\u{200b}\u{2800}\u{200b}"),
        ("\u{3164}\u{feff}", "\u{3164}\u{feff}\u{3164}\u{feff}\u{3164}\u{feff}\u{3164}\u{feff}"),
    ] {
        let (text, shown) = (format!("hi{}{forgery}", blank.repeat(60)), format!("hi{kept}{forgery}"));
        mallory.send(&text);
        victim.expect(&format!("#lobby <ann> {shown}"));
        mallory.send(&format!("/me {text}"));
        victim.expect(&format!("#lobby * ann {shown}"));
        mallory.send(&format!("/msg bob {text}"));
        victim.expect(&format!("<ann -> you> {shown}"));
        mallory.send(&format!("/topic {text}"));
        mallory.expect_notice(&[&shown]);
        victim.expect(&format!("#lobby -- ann set the topic: {shown}"));
        mallory.send(&format!("/part {text}"));
        mallory.expect_notice(&["#lobby"]);
        victim.expect(&format!("#lobby -- ann left ({shown})"));
        mallory.send("/join #lobby");
        mallory.expect_notice(&[&shown]);
        victim.expect("#lobby -- ann joined");
        let history = victim.ask("/history 5").concat();
        assert!(history.contains(&shown) && !history.contains(&text), "{history}");
        let rooms = victim.ask("/rooms").concat();
        assert!(rooms.contains(&shown) && !rooms.contains(&text), "{rooms}");
    }
}

fn code_stays_readable(binary: Binary) {
    let (_server, mut ann, mut bob) = pair(binary);
    for line in ["fn main() {", "    if true {", "\treturn;", "   a  = 1    // one", "    }", "}"] {
        ann.send(line);
        bob.expect(&format!("#lobby <ann> {line}"));
    }
}
