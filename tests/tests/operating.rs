//! What an operator meets: flags, environment, log, start-up errors, and a lack of descriptors.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use conformance::{Binary, Client, Finished, Server, scenarios};

scenarios! {
    help_names_every_flag,
    version_is_told,
    environment_sets_what_flags_set,
    log_lines_have_their_form,
    log_tells_who_came_and_went,
    log_tells_causes,
    log_has_messages_only_at_debug,
    log_holds_no_control_characters,
    port_in_use_is_an_error,
    nonsense_is_an_error,
    descriptors_may_run_out,
    low_descriptor_limit_turns_away,
    too_few_descriptors_are_an_error,
    reserved_descriptors_are_enough,
    sighup_without_anything_to_read_again_ends_nothing,
}

fn help_names_every_flag(binary: Binary) {
    let help = run(binary, &["--help"]);
    assert!(help.status.success(), "{help:?}");
    let flags = [
        "--listen",
        "--lobby",
        "--flood",
        "--backlog",
        "--stall",
        "--memory",
        "--registration-timeout",
        "--idle-timeout",
        "--rooms-per-user",
        "--members-per-room",
        "--max-connections",
        "--max-connections-per-address",
        "--connect-rate",
        "--max-unregistered",
        "--announce-limit",
        "--history",
        "--history-mode",
        "--history-sync",
        "--history-replay",
        "--history-keep-age",
        "--history-keep-events",
        "--history-keep-bytes",
        "--history-keep-total",
        "--log-level",
        "--record",
        "--record-limit",
        "--config",
        "--check-config",
        "--data",
        "--tls-cert",
        "--tls-key",
        "--tls-self-signed",
        "--tls-listen",
        "--require-tls",
        "--log-format",
        "--metrics",
        "--help",
        "--version",
    ];
    for flag in flags {
        assert!(help.stdout.contains(flag), "{flag} is missing in:\n{}", help.stdout);
    }
}

fn version_is_told(binary: Binary) {
    let version = run(binary, &["--version"]);
    assert!(version.status.success(), "{version:?}");
    assert!(version.stdout.contains(env!("CARGO_PKG_VERSION")), "{version:?}");
}

fn run(binary: Binary, flags: &[&str]) -> Finished {
    Finished::run(binary.command().args(flags))
}

fn environment_sets_what_flags_set(binary: Binary) {
    let mut command = binary.command();
    command.env("CHAT_LOBBY", "#x").env("CHAT_MAX_CONNECTIONS", "1");
    let server = Server::spawn(command);
    let mut ann = Client::connect(&server);
    let welcome = ann.ask("ann");
    assert!(welcome.last().is_some_and(|line| line.contains("#x")), "{welcome:?}");
    Client::connect(&server).expect_turned_away();
}

fn log_lines_have_their_form(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::register(&server, "ann");
    ann.send("/quit");
    ann.expect_closed();
    drop(ann);
    server.logged("ann left", |line| line.contains("disconnect"));
    for line in server.log() {
        // 2026-11-22T21:57:40.123456Z  INFO …
        let shape: String = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).take(27).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{line}");
        let level = line[27..].split_whitespace().next();
        assert!(level.is_some_and(|level| ["INFO", "WARN", "ERROR"].contains(&level)), "{line}");
    }
}

fn log_tells_who_came_and_went(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::register(&server, "ann");
    let addr = ann.addr().to_string();
    server.logged("ann came", |line| line.contains(&addr) && line.contains(r#"nick="ann""#));
    ann.send("/quit");
    ann.expect_closed();
    drop(ann);
    let line = server.logged("ann went", |line| line.contains("disconnect"));
    assert!(line.contains("quit") && line.contains("duration") && line.contains(&addr), "{line}");
}

fn log_tells_causes(binary: Binary) {
    let server = Server::start(binary, &[]);
    Client::register(&server, "ann").reset();
    server.logged("a reset", |line| line.contains("disconnect") && line.contains("connection reset"));
    let mut script = Client::connect(&server);
    script.send("bob");
    script.half_close();
    script.expect_closed();
    drop(script);
    server.logged("an end of input", |line| line.contains("disconnect") && line.contains("end of input"));
}

fn log_has_messages_only_at_debug(binary: Binary) {
    for (level, told) in [("info", false), ("debug", true)] {
        let server = Server::start(binary, &["--log-level", level]);
        let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
        ann.send("/msg bob between you and me");
        bob.expect("<ann -> you> between you and me");
        ann.send("heard by the wall");
        bob.expect("#lobby <ann> heard by the wall");
        ann.send("/quit");
        ann.expect_closed();
        drop(ann);
        server.logged("ann went", |line| line.contains("disconnect"));
        let has = |text: &str| server.log().iter().any(|line| line.contains(text));
        assert_eq!(has("heard by the wall"), told, "at level {level}: {:#?}", server.log());
        assert!(!has("between you and me"), "a private message is in the log");
    }
}

fn log_holds_no_control_characters(binary: Binary) {
    let server = Server::start(binary, &["--log-level", "debug"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("red \u{1b}[31m and \u{9b}2J and \u{202e} and\r[12:00:00] more");
    bob.line();
    ann.send("/topic \u{1b}]0;title\u{7}");
    ann.send("/quit \u{1b}[2J");
    ann.expect_closed();
    drop(ann);
    server.logged("ann went", |line| line.contains("disconnect"));
    for line in server.log() {
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
    }
}

/// A start that must fail, with one line to say why.
fn expect_refused(binary: Binary, flags: &[&str], why: &[&str]) {
    let end = run(binary, flags);
    assert!(!end.status.success(), "{flags:?}: {end:?}");
    assert!(why.iter().all(|part| end.stderr.contains(part)), "{flags:?}: {end:?}");
    assert_eq!(end.stderr.lines().count(), 1, "{flags:?}: {}", end.stderr);
}

fn port_in_use_is_an_error(binary: Binary) {
    let server = Server::start(binary, &[]);
    let addr = server.addr().to_string();
    expect_refused(binary, &["--listen", &addr], &[&addr]);
}

fn nonsense_is_an_error(binary: Binary) {
    let refused = [
        ["--listen", "203.0.113.1:0"],
        ["--max-connections", "10000000"],
        ["--lobby", "lobby"],
        ["--lobby", "#two words"],
        ["--memory", "10"],
        ["--flood", "0/1"],
    ];
    for flags in refused {
        expect_refused(binary, &[&["--listen", "127.0.0.1:0"], &flags[..]].concat(), &[]);
    }
    for flags in [["--listen", "nowhere"], ["--flood", "fast"], ["--stall", "soon"]] {
        let end = run(binary, &flags);
        assert!(!end.status.success() && end.stderr.contains(flags[1]), "{flags:?}: {end:?}");
        assert_eq!(end.stderr.lines().count(), 1, "{flags:?}: {end:?}");
    }
}

/// Descriptors that a server may have here: fewer than clients come.
const FEW: u32 = 64;

fn descriptors_may_run_out(binary: Binary) {
    let mut command = binary.command_with_descriptors(FEW);
    command.args(["--flood", "off", "--max-connections", "0"]);
    survives_a_rush(&Server::spawn(command));
}

fn low_descriptor_limit_turns_away(binary: Binary) {
    let mut command = binary.command_with_descriptors(100 + FEW);
    command.args(["--flood", "off"]);
    survives_a_rush(&Server::spawn(command));
}

fn too_few_descriptors_are_an_error(binary: Binary) {
    for few in [8, 12, 16] {
        let mut command = binary.command_with_descriptors(few);
        let end = Finished::run(command.args(["--listen", "127.0.0.1:0"]));
        assert_eq!(end.status.code(), Some(2), "{end:?}");
        let limit = format!("limit of {few} file descriptors is too low");
        assert!(end.stderr.contains(&limit) && end.stderr.lines().count() == 1, "{end:?}");
    }
}

/// With all that a server can open beside its connections, at the least limit that it starts with, and somebody to
/// be told that it is full.
fn reserved_descriptors_are_enough(binary: Binary) {
    let data = tempfile::tempdir().expect("a folder");
    let path = |name: &str| data.path().join(name).to_str().expect("UTF-8").to_owned();
    let (folder, history) = (path("data"), format!("sqlite:{}", path("data/history.db")));
    let recording = path("recording");
    let flags = ["--data", &folder, "--history", &history, "--record", &recording];
    let more =
        ["--metrics", "127.0.0.1:0", "--tls-self-signed", "--tls-listen", "127.0.0.1:0", "--flood", "off"];
    let flags = [&flags[..], &more[..]].concat();
    let command = |limit| {
        let mut command = binary.command_with_descriptors(limit);
        command.args(&flags);
        command
    };
    let refused = Finished::run(command(24).args(["--listen", "127.0.0.1:0"]));
    let least = refused.stderr.trim_end().strip_suffix(" at least").and_then(|line| line.rsplit(' ').next());
    let least = least.and_then(|least| least.parse::<u32>().ok()).unwrap_or_else(|| panic!("{refused:?}"));
    let server = Server::spawn(command(least));
    let metrics = server.logged("where the metrics are", |line| line.contains("metrics addr="));
    let (_, metrics) = metrics.split_once("metrics addr=").expect("it was found");
    let scrapers = [(); 9].map(|()| TcpStream::connect(metrics).expect("it listens"));
    let mut ann = Client::register(&server, "ann");
    ann.ask("/search nothing");
    Client::connect(&server).expect_turned_away();
    assert!(server.descriptors() <= least as usize, "{} of {least}", server.descriptors());
    ann.send("/quit");
    ann.expect_closed();
    drop((ann, scrapers));
    server.logged("ann went", |line| line.contains("disconnected"));
    let _bob = Client::register(&server, "bob");
    assert!(server.log().iter().all(|line| !line.contains("cannot accept")), "{:#?}", server.log());
}

fn sighup_without_anything_to_read_again_ends_nothing(binary: Binary) {
    let server = Server::start(binary, &[]);
    let mut ann = Client::register(&server, "ann");
    server.reload();
    server.logged("that there is nothing", |line| line.contains("nothing to be read again"));
    ann.ask("/help");
}

fn survives_a_rush(server: &Server) {
    let [mut ann, mut bob] = Client::party(server, ["ann", "bob"]);
    let before = server.descriptors();
    let rush: Vec<_> = (0..200).map(|_| Client::connect(server)).collect();
    ann.send("what a rush");
    bob.expect("#lobby <ann> what a rush");
    // A wait that measures: a server that retried at once would use all of it.
    let ticks = server.processor_ticks();
    thread::sleep(Duration::from_secs(1));
    let used = server.processor_ticks() - ticks;
    assert!(used < 30, "it spun for {used} hundredths of a second");
    bob.send("still here");
    ann.expect("#lobby <bob> still here");
    drop(rush);
    server.expect_descriptors(before);
    let _cat = Client::register(server, "cat");
    ann.expect("#lobby -- cat joined");
    // Attempts fail and succeed by turns, which is one piece of news.
    let told = server.log().iter().filter(|line| line.contains("cannot accept")).count();
    assert!(told <= 1, "{told} times");
}
