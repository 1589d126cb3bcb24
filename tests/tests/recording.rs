//! The flight recorder, as an operator meets it. That recordings can be replayed is shown in `plans`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use conformance::{Binary, Client, Finished, Server, scenarios};

scenarios! {
    recording_is_told_and_its_owners_alone,
    recording_ends_at_its_limit_and_the_server_goes_on,
    recording_that_cannot_be_written_leaves_the_server_alone,
    recording_that_cannot_be_made_is_an_error,
    recording_that_another_server_makes_is_an_error,
}

fn recording_is_told_and_its_owners_alone(binary: Binary) {
    let file = File::new(binary, "told");
    let server = Server::start(binary, &["--record", file.path()]);
    let told = server.logged("that all is recorded", |line| line.contains("recording all that users type"));
    assert!(told.contains(file.path()), "{told}");
    assert_eq!(fs::metadata(file.path()).expect("it is there").permissions().mode() & 0o777, 0o600);
}

fn recording_ends_at_its_limit_and_the_server_goes_on(binary: Binary) {
    let file = File::new(binary, "limit");
    let server = Server::start(binary, &["--record", file.path(), "--record-limit", "1k", "--flood", "off"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send(&"x".repeat(1_000));
    bob.expect_line("what ann said", |line| line.contains("xxx"));
    server.logged("why the recording ends", |line| line.contains("as large as it may be"));
    ann.send("and on");
    bob.expect("#lobby <ann> and on");
    assert!(fs::metadata(file.path()).expect("it is there").len() <= 1_024);
}

fn recording_that_cannot_be_written_leaves_the_server_alone(binary: Binary) {
    let file = File::new(binary, "full");
    let mut command = binary.command_with_full_disk();
    command.args(["--record", file.path()]);
    let server = Server::spawn(command);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    server.logged("why the recording ends", |line| line.contains("it cannot be written"));
    ann.send("hello");
    bob.expect("#lobby <ann> hello");
}

fn recording_that_cannot_be_made_is_an_error(binary: Binary) {
    let failed = Finished::run(binary.command().args(["--record", "/not/there", "--listen", "127.0.0.1:0"]));
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(failed.stderr.contains("chat: cannot record to /not/there: "), "{failed:?}");
}

fn recording_that_another_server_makes_is_an_error(binary: Binary) {
    let file = File::new(binary, "taken");
    let server = Server::start(binary, &["--record", file.path()]);
    let mut ann = Client::register(&server, "ann");
    for _ in 0..2 {
        let flags = ["--record", file.path(), "--listen", "127.0.0.1:0"];
        let failed = Finished::run(binary.command().args(flags));
        assert_eq!(failed.status.code(), Some(1), "{failed:?}");
        let last = failed.stderr.lines().last().unwrap_or_default();
        let expected = format!("chat: cannot record to {}: another server records to it", file.path());
        assert_eq!(last, expected, "{failed:?}");
    }
    ann.ask("still here");
    server.stop();
    let recorded = fs::read(file.path()).expect("it is there");
    assert!(recorded.windows(10).any(|part| part == b"still here"));
    assert!(!Path::new(&format!("{}.old", file.path())).exists());
}

/// A file of one scenario, gone with it.
struct File(PathBuf);

impl File {
    fn new(binary: Binary, name: &str) -> Self {
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.recording", binary.name())))
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
