//! What is recorded can be replayed, and nothing else passes for it.

mod harness;

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;

use chat_core::{Addresses, Cause, Config, Event, Password};
use chat_driver::{Input, Observer};
use chat_record::{Recorder, Replay, Unreadable};

use harness::{Folder, Seen, Server, assert_replayed, at};

#[test]
fn a_recording_is_replayed_to_the_same_state() {
    let folder = Folder::new("same");
    let server = session(&folder.file(), 0);
    let bytes = fs::read(folder.file()).unwrap();
    let mut replay = Replay::new(&bytes).unwrap();
    assert_eq!((replay.config(), replay.other_version()), (&Config::default(), None));
    let mut seen = Seen::default();
    while replay.step(&mut seen).unwrap() {}
    assert_eq!(replay.engine().state(), server.engine.state());
    assert_eq!((replay.remainder(), replay.elapsed().as_secs()), (0, 2));
    assert_eq!(seen, server.seen);
}

/// What is enough to be taken for a recording.
const EARLIER: &[u8] = b"\xffchatre\x01 of an older version";

#[test]
fn a_recording_is_its_owners_alone_and_the_one_before_is_kept() {
    let folder = Folder::new("owner");
    fs::write(folder.file(), EARLIER).unwrap();
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o644)).unwrap();
    drop(session(&folder.file(), 0));
    assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(old(&folder)).unwrap(), EARLIER);
    // One that holds nothing does not take its place.
    fs::write(folder.file(), "").unwrap();
    drop(session(&folder.file(), 0));
    assert_eq!(fs::read(old(&folder)).unwrap(), EARLIER);
}

fn old(folder: &Folder) -> PathBuf {
    folder.0.join("recording.old")
}

fn refusal(path: &Path) -> String {
    Recorder::open(path, 0, &Config::default()).unwrap_err().to_string()
}

#[test]
fn a_recording_is_one_servers() {
    let folder = Folder::new("taken");
    let first = Recorder::open(&folder.file(), 0, &Config::default()).unwrap();
    let (link, other) = (folder.0.join("link"), folder.0.join("other"));
    fs::hard_link(folder.file(), &link).unwrap();
    for path in [folder.file(), link] {
        assert_eq!(refusal(&path), "another server records to it");
    }
    // Nor is it what another one keeps as its earlier recording.
    fs::write(&other, EARLIER).unwrap();
    fs::hard_link(folder.file(), folder.0.join("other.old")).unwrap();
    assert!(refusal(&other).ends_with("other.old is in the way: another server records to it"));
    assert!(fs::read(&other).unwrap() == EARLIER && !old(&folder).exists());
    drop(first);
    drop(Recorder::open(&folder.file(), 0, &Config::default()).unwrap());
    assert!(Replay::is_recording(&fs::read(old(&folder)).unwrap()));
}

#[test]
fn one_of_many_that_start_at_once_records() {
    for _ in 0..20 {
        let folder = Folder::new("race");
        fs::write(folder.file(), EARLIER).unwrap();
        let open = || Recorder::open(&folder.file(), 0, &Config::default());
        let mut recorders: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| open().ok())).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        // All of them may be refused, but no two of them begin.
        assert!(recorders.len() <= 1);
        recorders.extend(recorders.is_empty().then(|| open().unwrap()));
        assert_eq!(fs::read(old(&folder)).unwrap(), EARLIER);
    }
}

#[test]
fn what_is_no_recording_is_left_alone() {
    let folder = Folder::new("special");
    fs::create_dir(folder.file()).unwrap();
    assert!(refusal(&folder.file()).contains("directory"));
    let error = Recorder::open(&folder.file().join("not/there"), 0, &Config::default()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(refusal(Path::new("/dev/null")).contains("no ordinary file"));
    let link = folder.0.join("link");
    symlink(folder.0.join("nowhere"), &link).unwrap();
    assert!(refusal(&link).contains("symbolic link"));
    let socket = folder.0.join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    assert!(refusal(&socket).contains("no ordinary file"));
    // Whatever else somebody keeps in a file, in place of a recording or of an earlier one.
    let notes = folder.0.join("notes");
    fs::write(&notes, "\u{ff}chat").unwrap();
    assert!(refusal(&notes).contains("something else"));
    fs::write(&notes, EARLIER).unwrap();
    fs::write(folder.0.join("notes.old"), "milk").unwrap();
    assert!(refusal(&notes).contains("notes.old is in the way: it is a file of something else"));
    assert_eq!(fs::read(&notes).unwrap(), EARLIER);
}

#[test]
fn a_recording_ends_at_its_limit_with_a_whole_turn() {
    let folder = Folder::new("limit");
    drop(session(&folder.file(), 0));
    let whole = fs::read(folder.file()).unwrap();
    assert!(whole.len() > 300, "{}", whole.len());
    for limit in [1, 100, 200, 300] {
        let file = folder.0.join(limit.to_string());
        drop(session(&file, limit));
        let bytes = fs::read(file).unwrap();
        assert!(bytes.len() as u64 <= limit && whole.starts_with(&bytes), "{limit}");
        let Ok(mut replay) = Replay::new(&bytes) else { continue };
        while replay.step(&mut Seen::default()).unwrap() {}
        assert_eq!(replay.remainder(), 0, "{limit}");
    }
}

#[test]
fn a_recording_may_be_cut_short_anywhere() {
    let folder = Folder::new("short");
    drop(session(&folder.file(), 0));
    let bytes = fs::read(folder.file()).unwrap();
    for end in 0..bytes.len() {
        match Replay::new(&bytes[..end]) {
            Ok(mut replay) => while replay.step(&mut Seen::default()).unwrap() {},
            Err(Unreadable::NoRecording | Unreadable::Header) => assert!(end < 100, "{end}"),
            Err(other) => panic!("{end}: {other}"),
        }
    }
}

#[test]
fn damage_is_no_end() {
    let folder = Folder::new("damage");
    drop(session(&folder.file(), 0));
    let mut bytes = fs::read(folder.file()).unwrap();
    // What no entry begins with.
    bytes.extend([0xff; 12]);
    let mut replay = Replay::new(&bytes).unwrap();
    let differs = loop {
        assert!(replay.next_elapsed().is_some(), "the damage passes for the end");
        match replay.step(&mut Seen::default()) {
            Ok(more) => assert!(more, "the damage passes for the end"),
            Err(differs) => break differs,
        }
    };
    assert!(differs.how.contains("damaged") && replay.remainder() == 12, "{differs}");
}

#[test]
fn another_answer_than_the_recorded_one_is_found() {
    let folder = Folder::new("other");
    drop(session(&folder.file(), 0));
    let mut bytes = fs::read(folder.file()).unwrap();
    let at = bytes.windows(5).position(|part| part == b"hello").unwrap();
    bytes[at] = b'j';
    let mut replay = Replay::new(&bytes).unwrap();
    let differs = loop {
        match replay.step(&mut Seen::default()) {
            Ok(more) => assert!(more, "the replay ends as if nothing had changed"),
            Err(differs) => break differs,
        }
    };
    assert!(differs.how.contains("jello") && differs.how.contains("and said Write to 1"), "{differs}");
    bytes[7] += 1;
    assert_eq!(Replay::new(&bytes).unwrap_err(), Unreadable::Format(bytes[7]));
    assert_eq!(Replay::new(b"\n# a tape").unwrap_err(), Unreadable::NoRecording);
}

#[test]
fn a_panic_of_the_engine_is_recorded_and_met_again() {
    let folder = Folder::new("panic");
    let mut server = Server::new(&folder.file(), 0);
    let ann = server.open();
    server.drain();
    // More credit than was written is the adapter's fault, and the engine stops on it.
    let event = Event::Wrote(1);
    let credit = || server.engine.handle(server.now, ann, event);
    assert!(catch_unwind(AssertUnwindSafe(credit)).is_err());
    let input = Some((server.now, Input::Event { conn: ann, event }));
    server.recorder.take().unwrap().panicked(input, &server.engine);
    let mut bytes = fs::read(folder.file()).unwrap();
    let mut replay = Replay::new(&bytes).unwrap();
    let mut seen = Seen::default();
    while replay.step(&mut seen).unwrap() {}
    assert!(replay.engine().is_poisoned() && seen.0.last().unwrap().starts_with("panicked: "), "{seen:?}");
    bytes.pop();
    let mut replay = Replay::new(&bytes).unwrap();
    let differs = loop {
        assert!(replay.next_elapsed().is_some(), "the panic goes unnoticed");
        match replay.step(&mut Seen::default()) {
            Ok(more) => assert!(more, "the panic goes unnoticed"),
            Err(differs) => break differs,
        }
    };
    assert!(differs.how.contains("credit is for an outstanding write"), "{differs}");
}

#[test]
fn passwords_are_blanked_and_what_comes_behind_them_is_replayed_all_the_same() {
    let folder = Folder::new("password");
    let password = Some(Password::new("open sesame"));
    let mut server = Server::with(&folder.file(), 0, Config { password, ..Config::default() });
    let peers = [(); 5].map(|()| server.open());
    let telnet = b"\xff\xfd\x01\xff\xfa\x18sesame\xff\xf0/pass open ses\xff\xf1ame\r\0ann\r\0";
    let said: [&[&[u8]]; 5] = [
        &[b"open sesame\nbob\nhello\n"],
        &[b"/he", b"lp\nopen", b" ses", b"ame", b"\r", b"\ncat\n"],
        &[b"open sesam\n", b"/quit\nopen sesame\n"],
        &[telnet],
        // What telnet is answered depends on the option, wherever the network cuts.
        &[b"open\x15open ses\xff\xfd\x05\xff", b"\xfd", b"\x06\xff\xf6am", b"\xff\xfb", b"\x18x\x7fe\neve\n"],
    ];
    for (&peer, chunks) in peers.iter().zip(said) {
        for &chunk in chunks {
            server.tell(peer, Event::Received(chunk));
            server.drain();
        }
    }
    server.recorder = None;
    let bytes = fs::read(folder.file()).unwrap();
    for secret in [&b"sesame"[..], b"sesam", b"open", b" ses"] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{}", secret.escape_ascii());
    }
    let mut replay = Replay::new(&bytes).unwrap();
    while replay.step(&mut Seen::default()).unwrap() {}
    let state = server.engine.state();
    assert_eq!(replay.engine().state(), state);
    let nicks: Vec<_> = state.conns.iter().filter_map(|conn| conn.nick.as_deref()).collect();
    assert_eq!(nicks, ["bob", "cat", "ann", "eve"]);
}

#[test]
fn bans_and_proxies_are_recorded() {
    let folder = Folder::new("bans");
    let ip = |last| IpAddr::from([10, 0, 0, last]);
    let proxies = [ip(1)..=ip(1)].into_iter().collect();
    let (name, motd) = (Some("The Cave".into()), vec!["Be kind.".into()]);
    let config = Config { proxies, name, motd, ..Config::default() };
    let mut server = Server::with(&folder.file(), 0, config.clone());
    let (ann, bob) = (server.accept(), server.accept());
    for (conn, last) in [(ann, 2), (bob, 3)] {
        server.tell(conn, Event::Forwarded(ip(last)));
        server.tell(conn, Event::Opened);
        server.tell(conn, Event::Received(if last == 2 { b"ann\n" } else { b"bob\n" }));
    }
    server.drain();
    let bans: Addresses = [ip(3)..=ip(9)].into_iter().collect();
    server.engine.ban(server.now, bans.clone());
    server.note(Input::Bans(&bans));
    server.drain();
    server.recorder = None;
    let bytes = fs::read(folder.file()).unwrap();
    assert_eq!(Replay::new(&bytes).unwrap().config(), &config);
    assert_replayed(&folder, server);
}

/// Two people meet, one of them is refused a name, and both go.
fn session(file: &Path, limit: u64) -> Server {
    let mut server = Server::new(file, limit);
    let (ann, bob) = (server.open(), server.open());
    server.tell(ann, Event::Received(b"ann\n"));
    server.tell(bob, Event::Received(b"ann\n"));
    server.drain();
    server.now = at(2);
    server.tell(bob, Event::Received(b"bob\n/join #tea\n"));
    server.tell(ann, Event::Received(b"hello\n/msg bob psst\n/quit\n"));
    server.drain();
    server.tell(bob, Event::PeerFinished);
    server.tell(ann, Event::Disconnected(Cause::Closed));
    server.drain();
    let carl = server.open();
    server.tell(carl, Event::Received(b"carl\n/topic of the day\nunfinished"));
    server.drain();
    server.recorder = None;
    server
}
