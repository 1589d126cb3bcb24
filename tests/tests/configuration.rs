//! The configuration file, and `--check-config`, as an operator meets them.

use std::fs;
use std::path::{Path, PathBuf};

use conformance::{Binary, Client, Finished, Server, scenarios};

scenarios! {
    flags_go_before_the_environment_and_that_before_the_file,
    file_may_be_named_by_the_environment,
    file_that_is_wrong_is_an_error_with_its_line,
    file_that_is_not_there_is_an_error,
    checked_configuration_reads_back,
    checked_configuration_says_where_it_comes_from,
    check_opens_no_socket,
    example_is_the_default,
}

/// The example that operators start from.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../chat.example.toml");

fn flags_go_before_the_environment_and_that_before_the_file(binary: Binary) {
    let file = File::new(binary, "ranks", "lobby = \"#file\"\nmax-connections = 1\n");
    for (env, flag, lobby) in [
        (None, None, "#file"),
        (Some("#env"), None, "#env"),
        (None, Some("#flag"), "#flag"),
        (Some("#env"), Some("#flag"), "#flag"),
    ] {
        let mut command = binary.command();
        command.args(["--config", file.path()]);
        command.envs(env.map(|env| ("CHAT_LOBBY", env)));
        command.args(flag.map(|flag| ["--lobby", flag]).as_slice().as_flattened());
        let server = Server::spawn(command);
        let mut ann = Client::connect(&server);
        let welcome = ann.ask("ann");
        assert!(welcome.last().is_some_and(|line| line.contains(lobby)), "{lobby}: {welcome:?}");
        Client::connect(&server).expect_turned_away();
    }
}

fn file_may_be_named_by_the_environment(binary: Binary) {
    let file = File::new(binary, "named", "lobby = \"#file\"\n");
    let mut command = binary.command();
    command.env("CHAT_CONFIG", file.path());
    let server = Server::spawn(command);
    let mut ann = Client::connect(&server);
    let welcome = ann.ask("ann");
    assert!(welcome.last().is_some_and(|line| line.contains("#file")), "{welcome:?}");
}

fn file_that_is_wrong_is_an_error_with_its_line(binary: Binary) {
    for (text, line, part) in [
        ("# ours\nlobbi = \"#tea\"\n", 2, "lobbi"),
        ("stall = 5\nmemory = \"1 ton\"\n", 2, "1 ton"),
        ("\n\nflood = true\n", 3, "flood"),
        ("lobby = #tea\n", 1, ""),
        ("stall = 5\nlobby = \"tea\"\n", 2, "tea"),
        ("backlog = \"2m\"\nmemory = \"1m\"\n", 2, "memory"),
        ("max-connections = 10_000_000\n", 1, "10000000"),
    ] {
        let file = File::new(binary, "wrong", text);
        let start = format!("chat: {}:{line}: ", file.path());
        for check in [&["--check-config"][..], &[]] {
            let end = run(binary, &[&["--listen", "127.0.0.1:0", "--config", file.path()], check].concat());
            assert_eq!(end.status.code(), Some(2), "{text}: {end:?}");
            assert!(end.stderr.starts_with(&start) && end.stderr.contains(part), "{text}: {end:?}");
            assert_eq!(end.stderr.lines().count(), 1, "{text}: {end:?}");
            assert_eq!(end.stdout, "", "{text}");
        }
    }
}

fn file_that_is_not_there_is_an_error(binary: Binary) {
    let end = run(binary, &["--config", "/not/there"]);
    assert_eq!(end.status.code(), Some(2), "{end:?}");
    assert!(end.stderr.starts_with("chat: cannot read /not/there: "), "{end:?}");
    assert_eq!(end.stderr.lines().count(), 1, "{end:?}");
}

fn checked_configuration_reads_back(binary: Binary) {
    let flags = ["--listen", ":0,127.0.0.1:0", "--lobby", "#tea", "--stall", "0.5", "--backlog", "64k"];
    let first = check(binary, &flags);
    let file = File::new(binary, "back", &first);
    let second = check(binary, &["--config", file.path()]);
    assert_eq!(values(&second), values(&first));
    assert_ne!(values(&second), values(&check(binary, &[])));
}

fn checked_configuration_says_where_it_comes_from(binary: Binary) {
    let file = File::new(binary, "origin", "stall = 5\nmemory = \"64m\"\n");
    let mut command = binary.command();
    command.args(["--config", file.path(), "--stall", "6", "--check-config"]).env("CHAT_FLOOD", "off");
    let told = Finished::run(&mut command).stdout;
    let from_file = format!("{}:2", file.path());
    let origins =
        [("stall", "--stall"), ("flood", "CHAT_FLOOD"), ("memory", &from_file), ("backlog", "default")];
    for (key, origin) in origins {
        let line = told.lines().find(|line| line.starts_with(key)).expect("every setting is shown");
        assert!(line.ends_with(&format!("# {origin}")), "{line}");
    }
}

fn check_opens_no_socket(binary: Binary) {
    let server = Server::start(binary, &[]);
    let told = check(binary, &["--listen", &server.addr().to_string()]);
    assert!(told.contains(&server.addr().to_string()), "{told}");
}

fn example_is_the_default(binary: Binary) {
    assert_eq!(values(&check(binary, &["--config", EXAMPLE])), values(&check(binary, &[])));
}

fn run(binary: Binary, flags: &[&str]) -> Finished {
    Finished::run(binary.command().args(flags))
}

/// What `--check-config` shows of a configuration that is good.
fn check(binary: Binary, flags: &[&str]) -> String {
    let end = run(binary, &[flags, &["--check-config"]].concat());
    assert!(end.status.success() && end.stderr.is_empty(), "{flags:?}: {end:?}");
    end.stdout
}

/// The settings in it, without where they come from.
fn values(told: &str) -> Vec<&str> {
    told.lines().map(|line| line.rsplit_once(" # ").map_or(line, |(setting, _)| setting).trim_end()).collect()
}

/// A file of one scenario, gone with it.
struct File(PathBuf);

impl File {
    fn new(binary: Binary, name: &str, text: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.toml", binary.name()));
        fs::write(&path, text).expect("the folder of tests can be written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("paths of tests are UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
