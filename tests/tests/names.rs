//! Names of people and rooms: what they are made of, which are the same, and which look too much alike.

use conformance::{Binary, Client, Server, UNTHROTTLED, secured_scenarios};

secured_scenarios! {
    names_of_any_script_are_accepted,
    names_of_other_characters_are_refused,
    nickname_has_at_most_thirty_characters,
    room_has_at_most_forty_nine_characters,
    same_name_in_other_letters_is_taken,
    look_alike_nickname_is_refused,
    look_alike_in_the_other_case_is_refused,
    look_alikes_in_ascii_live_together,
    towers_of_marks_are_refused,
    nobody_is_called_as_the_server,
    own_name_is_no_obstacle,
    rename_to_a_taken_name_is_refused,
    rooms_fold_like_names,
    look_alike_room_is_refused_while_the_other_exists,
}

/// Cyrillic а, Latin n, n.
const LOOKS_LIKE_ANN: &str = "\u{430}nn";

fn names_of_any_script_are_accepted(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut ann = Client::register(&server, "ann");
    let names = ["Zoë", "Дмитрий", "花子", "محمد", "Ελένη", "x-_[]{}|^\\`", "7", "दीपा"];
    for name in names {
        let mut other = Client::register(&server, name);
        ann.expect(&format!("#lobby -- {name} joined"));
        other.send("/quit");
        other.expect_closed();
        ann.expect(&format!("#lobby -- {name} left (quit)"));
        ann.send(&format!("/join #{name}"));
        ann.expect_notice(&[&format!("#{name}")]);
    }
}

fn names_of_other_characters_are_refused(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut ann = Client::register(&server, "ann");
    let names = [
        "a b",
        "a.b",
        "a,b",
        "a:b",
        "a@b",
        "a!b",
        "#a",
        "<a>",
        "a*",
        "a/b",
        "(a)",
        "a\tb",
        "a\u{1b}b",
        "a\u{0}b",
        "a\u{200b}b",
        "a\u{202e}b",
        "a\u{a0}b",
        "😀",
        "~a",
        "a+b",
        "a'b",
        "\u{fffd}",
    ];
    for name in names {
        // A line that asks for a room, so that the name is one word or it is not.
        for command in [format!("/nick {name}"), format!("/join #{name}")] {
            if command != "/join #a b" && command != "/join #a\tb" {
                ann.send(&command);
                ann.expect_error(&[]);
            }
        }
    }
    ann.send_bytes(b"/nick a\xfeb\n");
    ann.expect_error(&[]);
    ann.expect_nothing();
}

fn nickname_has_at_most_thirty_characters(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut ann = Client::register(&server, "ann");
    // Characters are counted, not bytes, and not what folding makes of them.
    for letter in ["x", "é", "花", "ß"] {
        ann.send(&format!("/nick {}", letter.repeat(31)));
        ann.expect_error(&[]);
        ann.send(&format!("/nick {}", letter.repeat(30)));
        ann.expect_notice(&[&letter.repeat(30)]);
    }
    let mut bob = Client::connect(&server);
    bob.send(&"y".repeat(31));
    bob.expect_error(&[]);
    let _bob = bob.registered(&"y".repeat(30));
}

fn room_has_at_most_forty_nine_characters(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut ann = Client::register(&server, "ann");
    for letter in ["x", "é", "花"] {
        ann.send(&format!("/join #{}", letter.repeat(50)));
        ann.expect_error(&[]);
        ann.send(&format!("/join #{}", letter.repeat(49)));
        ann.expect_notice(&[&letter.repeat(49)]);
    }
    ann.send("/join #");
    ann.expect_error(&[]);
    ann.send("/join #x");
    ann.expect_notice(&["#x"]);
}

fn same_name_in_other_letters_is_taken(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let pairs = [
        ("Straße", "STRASSE"),
        ("ann", "ａｎｎ"),
        ("Ärger", "A\u{308}RGER"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ﬁve", "FIVE"),
    ];
    for (first, second) in pairs {
        let mut one = Client::register(&server, first);
        let mut other = Client::connect(&server);
        other.send(second);
        other.expect_error(&[]);
        one.send("/quit");
        one.expect_closed();
        let mut other = other.registered(second);
        other.send("/quit");
        other.expect_closed();
    }
}

fn look_alike_nickname_is_refused(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut ann = Client::register(&server, "ann");
    let mut mallory = Client::connect(&server);
    mallory.send(LOOKS_LIKE_ANN);
    mallory.expect_error(&[]);
    let mut mallory = mallory.registered("mallory");
    ann.expect("#lobby -- mallory joined");
    mallory.send(&format!("/nick {LOOKS_LIKE_ANN}"));
    mallory.expect_error(&[]);
    ann.expect_nothing();
    // It works both ways.
    ann.send("/nick other");
    ann.expect_notice(&["other"]);
    mallory.expect("#lobby -- ann is now known as other");
    mallory.send(&format!("/nick {LOOKS_LIKE_ANN}"));
    mallory.expect_notice(&[LOOKS_LIKE_ANN]);
    ann.expect(&format!("#lobby -- mallory is now known as {LOOKS_LIKE_ANN}"));
    ann.send("/nick ann");
    ann.expect_error(&[]);
}

/// Names, and others that look like some way to write them.
const IMITATIONS: [(&str, &str); 12] = [
    // Cyrillic.
    ("Bob", "Вob"),
    ("bob", "Вob"),
    ("KATE", "КATE"),
    ("kate", "КATE"),
    ("тор", "TOP"),
    ("bill", "bіII"),
    // Greek.
    ("ann", "ΑΝΝ"),
    ("Zoe", "Ζoe"),
    // Others.
    ("fred", "ſred"),
    ("Bab", "Вɑb"),
    ("Вова", "Boвa"),
    ("modem", "rnоdern"),
];

fn look_alike_in_the_other_case_is_refused(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut mallory = Client::register(&server, "mallory");
    for (name, imitation) in IMITATIONS {
        for (first, second) in [(name, imitation), (imitation, name)] {
            let mut owner = Client::register(&server, first);
            owner.send(&format!("/join #{first}"));
            owner.expect_notice(&[first]);
            mallory.drain();
            mallory.send(&format!("/nick {second}"));
            mallory.expect_error(&["looks like"]);
            mallory.send(&format!("/join #{second}"));
            mallory.expect_error(&["looks like"]);
            let mut stranger = Client::connect(&server);
            stranger.send(second);
            stranger.expect_error(&["looks like"]);
            owner.send("/quit");
            owner.expect_closed();
        }
    }
}

fn towers_of_marks_are_refused(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut ann = Client::register(&server, "ann");
    for good in ["Việt", "Vie\u{323}\u{302}t", "မြွှေ့", "नमस्ते", "שָׁלוֹם"]
    {
        ann.send(&format!("/nick {good}"));
        ann.expect_notice(&[good]);
    }
    let tower = "a\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}";
    for bad in [tower, "a\u{301}\u{301}", "\u{e1}\u{301}", &format!("x{tower}x")] {
        for command in ["/nick ", "/join #"] {
            ann.send(&format!("{command}{bad}"));
            ann.expect_error(&["letters"]);
        }
    }
}

fn nobody_is_called_as_the_server(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let mut ann = Client::register(&server, "ann");
    for name in ["you", "YOU", "уou", "y0u", "Server", "sеrver", "NickServ", "nlckserv", "ＣhanServ"] {
        ann.send(&format!("/nick {name}"));
        ann.expect_error(&["nobody", name]);
        let mut stranger = Client::connect(&server);
        stranger.send(name);
        stranger.expect_error(&["nobody", name]);
        stranger.send("/quit");
        stranger.expect_closed();
    }
    for name in ["your", "servers", "young"] {
        ann.send(&format!("/nick {name}"));
        ann.expect_notice(&[name]);
    }
    ann.send("/join #server");
    ann.expect_notice(&["#server"]);
}

fn look_alikes_in_ascii_live_together(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut digit, mut letter] = Client::party(&server, ["user1", "userl"]);
    letter.send("/msg user1 hello");
    digit.expect("<userl -> you> hello");
    let _others = Client::party(&server, ["rn", "m", "0", "O"]);
}

fn own_name_is_no_obstacle(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let mut old = "ann";
    for new in ["Ann", "ＡＮＮ", LOOKS_LIKE_ANN, "ann"] {
        ann.send(&format!("/nick {new}"));
        ann.expect_notice(&[new]);
        bob.expect(&format!("#lobby -- {old} is now known as {new}"));
        old = new;
    }
}

fn rename_to_a_taken_name_is_refused(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    for name in ["bob", "BOB", "ｂｏｂ"] {
        ann.send(&format!("/nick {name}"));
        ann.expect_error(&[]);
    }
    bob.expect_nothing();
    ann.send("still me");
    bob.expect("#lobby <ann> still me");
}

fn rooms_fold_like_names(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/join #Straße");
    ann.expect_notice(&["#Straße"]);
    bob.send("/join #STRASSE");
    bob.expect_notice(&["#Straße", "2"]);
    ann.expect("#Straße -- bob joined");
    ann.send("/msg #strasse hello");
    bob.expect("#Straße <ann> hello");
}

fn look_alike_room_is_refused_while_the_other_exists(binary: Binary) {
    let server = Server::start(binary, UNTHROTTLED);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let fake = format!("#{LOOKS_LIKE_ANN}");
    ann.send("/join #ann");
    ann.expect_notice(&["#ann"]);
    bob.send(&format!("/join {fake}"));
    bob.expect_error(&[]);
    for room in ["#user1", "#userl"] {
        bob.send(&format!("/join {room}"));
        bob.expect_notice(&[room, "1"]);
    }
    ann.send("/part");
    ann.expect_notice(&["#ann"]);
    bob.send(&format!("/join {fake}"));
    bob.expect_notice(&[&fake, "1"]);
}
