//! How one gets in, and does not: a password, a greeting, bans.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use conformance::{Binary, Client, Finished, PROXIES, Server, file, proxy_header, secured_scenarios};

secured_scenarios! {
    password_comes_before_the_nickname,
    guesses_have_an_end,
    password_is_in_no_log_and_no_recording,
    password_that_cannot_be_said_is_an_error,
    server_says_its_name_and_its_message_of_the_day,
    bans_are_read_again_and_cut_off_who_is_connected,
}

fn password_comes_before_the_nickname(binary: Binary) {
    let server =
        Server::start_with_file(binary, "--password-file", &file(binary, "right", "open sesame\n"), &[]);
    let mut ann = Client::connect(&server);
    ann.expect_notice(&["password"]);
    ann.send("ann");
    ann.expect_error(&["password"]);
    ann.send("open sesame");
    ann.expect_notice(&["nickname"]);
    let mut ann = ann.registered("ann");
    // A terminal that sends each key sends what was erased, too.
    let mut cat = Client::connect(&server);
    cat.send_bytes(b"sesame\x15open sesamn\x7fe\r\0");
    cat.expect_notice(&["nickname"]);
    cat.send("/quit");
    cat.expect_closed();
    // A script says all of it at once.
    let mut bob = Client::connect(&server);
    bob.send_bytes(b"/pass open sesame\nbob\nhello\n");
    bob.half_close();
    bob.expect_closed();
    ann.expect("#lobby -- bob joined");
    ann.expect("#lobby <bob> hello");
}

fn guesses_have_an_end(binary: Binary) {
    let server =
        Server::start_with_file(binary, "--password-file", &file(binary, "guessed", "open sesame"), &[]);
    let mut guesser = Client::connect(&server);
    for guess in 1..=4 {
        guesser.send(&format!("guess {guess}"));
        guesser.expect_error(&["password"]);
    }
    guesser.send("the last");
    let lines = guesser.expect_closed();
    assert!(lines.last().is_some_and(|line| line.starts_with("! ")), "{lines:?}");
}

fn password_is_in_no_log_and_no_recording(binary: Binary) {
    let path = file(binary, "secret", "open sesame");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let recording = file(binary, "secret.recording", "");
    let flags = ["--log-level", "trace", "--record", recording.to_str().expect("a path in UTF-8")];
    let mut server = Server::start_with_file(binary, "--password-file", &path, &flags);
    server.logged("that others can read it", |line| line.contains("can read the password"));
    let mut ann = Client::connect(&server);
    ann.send("open sesam");
    ann.expect_error(&[]);
    for part in ["open", " ses", "ame\nan", "n\n"] {
        ann.send_bytes(part.as_bytes());
    }
    ann.send("over and out");
    ann.drain();
    server.terminate();
    ann.expect_closed();
    assert!(server.wait().success());
    let recorded = fs::read(&recording).expect("it was recorded");
    let holds = |what: &str| recorded.windows(what.len()).any(|part| part == what.as_bytes());
    assert!(holds("over and out") && !holds("sesam") && !holds("open") && !holds(" ses"));
    assert!(server.log().iter().all(|line| !line.contains("sesam")));
}

fn password_that_cannot_be_said_is_an_error(binary: Binary) {
    let refusal = |path: &Path| {
        let finished = Finished::run(binary.command().arg("--password-file").arg(path));
        assert_eq!(finished.status.code(), Some(2), "{finished:?}");
        finished.stderr
    };
    assert!(refusal(&file(binary, "empty", "\n")).contains("password"));
    assert!(refusal(&file(binary, "lines", "one\ntwo\n")).contains("one line"));
    assert!(refusal(Path::new("/nowhere/at/all")).contains("/nowhere/at/all"));
}

fn server_says_its_name_and_its_message_of_the_day(binary: Binary) {
    let motd = file(binary, "motd", "Be kind.\n\nHave fun.\n");
    let server = Server::start_with_file(binary, "--motd", &motd, &["--name", "The Cave"]);
    let mut ann = Client::connect(&server);
    ann.expect_notice(&["welcome to The Cave!"]);
    ann.send("ann");
    ann.expect_notice(&["welcome, ann"]);
    for line in ["* Be kind.", "* ", "* Have fun."] {
        assert_eq!(ann.line(), line);
    }
}

fn bans_are_read_again_and_cut_off_who_is_connected(binary: Binary) {
    let bans = file(binary, "bans-again", "");
    let server = Server::start_with_file(binary, "--bans", &bans, &PROXIES);
    let mut ann = Client::connect_through(&server, &proxy_header("192.0.2.1")).registered("ann");
    let mut bob = Client::connect_through(&server, &proxy_header("192.0.2.2")).registered("bob");
    ann.expect("#lobby -- bob joined");
    fs::write(&bans, "192.0.2.2\n").expect("it can be written");
    server.reload();
    assert_eq!(bob.expect_closed(), ["! your address is banned from this server"]);
    ann.expect("#lobby -- bob left (banned)");
    ann.send("still here");
    ann.expect_nothing();
    fs::write(&bans, "").expect("it can be written");
    server.reload();
    server.logged("that nobody is banned", |line| line.contains("ranges=0"));
    let _bob = Client::connect_through(&server, &proxy_header("192.0.2.2")).registered("bob");
}
