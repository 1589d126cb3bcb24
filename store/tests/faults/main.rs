//! Stores that end in the middle, and stores that cannot be used.

mod gone;
mod guards;
mod in_postgres;
mod in_redis;
mod secured;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use chat_core::{Batch, Found, Kind, LookUp, Query, RoomRecord, StoreAnswer};
use chat_store::{End, Retention, StoreHandle, Worker, open, open_to_read};
use chrono::DateTime;
use tempfile::TempDir;
use test_services::{Postgres, Redis};

/// More than a server needs to come back.
const PATIENCE: Duration = Duration::from_secs(120);

fn said(seq: u64) -> RoomRecord {
    RoomRecord {
        room: "#Room".into(),
        key: "#room".into(),
        seq,
        at: DateTime::UNIX_EPOCH,
        nick: "ann".into(),
        kind: Kind::Said,
        text: format!("line {seq}"),
    }
}

fn start(url: &str) -> (StoreHandle, Worker, Receiver<StoreAnswer>) {
    let (to, answers) = mpsc::channel();
    let to = Mutex::new(to);
    let answer = move |answer| {
        // At the end of a test that fails, nobody listens.
        let _ = to.lock().unwrap().send(answer);
    };
    let stores = open(url, false, Retention::default()).unwrap().stores;
    let (handle, worker) = Worker::start(stores, Box::new(answer), Box::new(|| ())).unwrap();
    (handle, worker, answers)
}

/// Some times, a server is killed under load and started anew: all that was said to be stored is there once.
fn survives_kills(url: &str, mut kill: impl FnMut(), mut restart: impl FnMut()) {
    let (handle, worker, answers) = start(url);
    let mut number = 0;
    let mut hand_over = |count| {
        for _ in 0..count {
            number += 1;
            handle.store(Batch { number, events: vec![said(number)] });
        }
        number
    };
    let mut stored = 0;
    for _ in 0..3 {
        let first = hand_over(1);
        wait_until_stored(&answers, &mut stored, first);
        // Killed in the middle of these, or before, or after.
        hand_over(100);
        kill();
        let last = hand_over(20);
        restart();
        wait_until_stored(&answers, &mut stored, last);
        handle.look_up(LookUp { id: last, after: last, asker: 0, query: all(last) });
        let StoreAnswer::Found { id, found: Ok(Found::Events { events, .. }) } =
            answers.recv_timeout(PATIENCE).unwrap()
        else {
            panic!("a reader finds a new connection, too")
        };
        assert_eq!((id, events), (last, (1..=last).map(said).collect::<Vec<_>>()));
    }
    assert_eq!(worker.stop(PATIENCE), End::Stored);
}

fn all(to: u64) -> Query {
    Query::Events { key: "#room".into(), from: 1, to }
}

fn wait_until_stored(answers: &Receiver<StoreAnswer>, stored: &mut u64, number: u64) {
    while *stored < number {
        match answers.recv_timeout(PATIENCE).expect("it is stored in the end") {
            StoreAnswer::Stored(more) => {
                assert!(more > *stored, "in order");
                *stored = more;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn postgres_is_killed_and_comes_back() {
    let server = Mutex::new(Postgres::start());
    let url = server.lock().unwrap().url();
    survives_kills(&url, || server.lock().unwrap().kill(), || server.lock().unwrap().restart());
}

#[test]
fn redis_is_killed_and_comes_back() {
    let server = Mutex::new(Redis::start());
    let url = server.lock().unwrap().url();
    survives_kills(&url, || server.lock().unwrap().kill(), || server.lock().unwrap().restart());
}

fn refusal(url: &str) -> String {
    match open(url, false, Retention::default()) {
        Ok(_) => panic!("{url} opens"),
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains('\n') && !error.contains("secret"), "{error}");
            error
        }
    }
}

#[test]
fn urls_that_are_none() {
    for url in ["", "sqlite", "sqlite:", "mysql://x", "chat.db", "postgres:x", "user:secret@host"] {
        assert!(refusal(url).contains("sqlite:"), "{url}");
    }
    assert!(refusal("postgres://a:secret@host:port/x").contains("PostgreSQL"));
    assert!(refusal("redis://a:secret@host:port/x").contains("Redis"));
    // What somebody forgot to write in another way is not taken for a host, or a database.
    for careless in ["se@secret", "se/secret", "se?secret", "se#secret", "secret@secret"] {
        for scheme in ["postgres", "redis", "redis+unix"] {
            let url = format!("{scheme}://a:{careless}@127.0.0.1:1/x");
            assert!(refusal(&url).contains("write % as %25, @ as %40"), "{}", refusal(&url));
        }
    }
    // Nobody is there.
    for url in ["postgres://a:secret@127.0.0.1:1/x?sslmode=prefer", "redis://a:secret@127.0.0.1:1/"] {
        assert!(refusal(url).contains("refused"), "{}", refusal(url));
    }
}

#[test]
fn one_process_at_a_time_writes() {
    let folder = TempDir::new().unwrap();
    let postgres = Postgres::start();
    for url in [format!("sqlite:{}", folder.path().join("a/b/history.db").display()), postgres.url()] {
        assert!(open_to_read(&url).is_err(), "there is none yet");
        let mut stores = open(&url, false, Retention::default()).unwrap().stores;
        let refused = refusal(&url);
        assert!(refused.contains("another"), "{refused}");
        stores.writer.write(&[said(1)]).unwrap();
        // An export may run beside it.
        let mut beside = open_to_read(&url).unwrap();
        assert_eq!(beside.look_up(&all(1)), Ok(Found::Events { events: vec![said(1)], complete: true }));
        assert!(beside.write(&[said(2)]).is_err(), "it only reads");
        drop(stores);
        open(&url, true, Retention::default()).unwrap();
    }
}

#[test]
fn files_are_private() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data/history.db");
    let mut stores = open(&url_of(&path), false, Retention::default()).unwrap().stores;
    stores.writer.write(&[said(1)]).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let files: Vec<_> =
        fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 1, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

#[test]
fn files_that_are_no_history() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    assert!(refusal(&url_of(folder.path())).contains("is a folder"));
    fs::write(&path, "not a database at all, but some text that is long enough to have a header").unwrap();
    assert!(refusal(&url_of(&path)).contains("no SQLite database"));
    fs::write(folder.path().join("file"), "").unwrap();
    assert!(refusal(&url_of(&folder.path().join("file/history.db"))).contains("folder"));

    let other = folder.path().join("other.db");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE songs (name TEXT)").unwrap();
    drop(connection);
    let before = fs::read(&other).unwrap();
    assert!(refusal(&url_of(&other)).contains("something else"));
    assert!(fs::read(&other).unwrap() == before, "it is as it was");

    // A page in the middle is nonsense.
    let damaged = folder.path().join("damaged.db");
    let mut stores = open(&url_of(&damaged), false, Retention::default()).unwrap().stores;
    stores.writer.write(&(1..=5_000).map(said).collect::<Vec<_>>()).unwrap();
    drop(stores);
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[4_096..].fill(0x5a);
    fs::write(&damaged, bytes).unwrap();
    let refused = match open(&url_of(&damaged), false, Retention::default()) {
        Err(error) => error.to_string(),
        Ok(mut opened) => opened.stores.writer.write(&[said(5_001)]).unwrap_err().to_string(),
    };
    assert!(refused.contains("the file is damaged"), "{refused}");
}

fn url_of(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[test]
fn histories_of_later_versions_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    open(&url_of(&path), false, Retention::default()).unwrap();
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(refusal(&url_of(&path)).contains("newer version"));

    let postgres = Postgres::start();
    open(&postgres.url(), false, Retention::default()).unwrap();
    let mut client = postgres::Client::connect(&postgres.url(), postgres::NoTls).unwrap();
    client.batch_execute("INSERT INTO chat.migrations (number) VALUES (99)").unwrap();
    assert!(refusal(&postgres.url()).contains("newer version"));

    let redis = Redis::start();
    open(&redis.url(), false, Retention::default()).unwrap();
    let mut connection = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    redis::cmd("SET").arg("chat:format").arg(99).exec(&mut connection).unwrap();
    assert!(refusal(&redis.url()).contains("newer version"));
}

#[test]
fn kinds_of_later_versions_are_left_out() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let (postgres, redis) = (Postgres::start(), Redis::start());
    for url in [url_of(&path), postgres.url(), redis.url()] {
        let mut stores = open(&url, false, Retention::default()).unwrap().stores;
        stores.writer.write(&(1..=3).map(said).collect::<Vec<_>>()).unwrap();
        if url.starts_with("sqlite") {
            // To its place, where others can change it.
            while stores.writer.catch_up().unwrap() {}
            let connection = rusqlite::Connection::open(&path).unwrap();
            connection.execute("UPDATE events SET kind = 'sung' WHERE text = 'line 2'", []).unwrap();
        } else if url.starts_with("postgres") {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            client.execute("UPDATE chat.events SET kind = 'sung' WHERE seq = 2", &[]).unwrap();
        } else {
            let mut connection = redis::Client::open(&*url).unwrap().get_connection().unwrap();
            redis::pipe()
                .cmd("XTRIM")
                .arg("chat:events:#room")
                .arg("MINID")
                .arg("2-1")
                .cmd("XADD")
                .arg("chat:events:#room")
                .arg("4-0")
                .arg("at")
                .arg(0)
                .arg("kind")
                .arg("sung")
                .arg("nick")
                .arg("ann")
                .arg("text")
                .arg("la")
                .arg("voice")
                .arg("alto")
                .cmd("XADD")
                .arg("chat:events:#room")
                .arg("5-0")
                .arg("at")
                .arg(0)
                .arg("kind")
                .arg("said")
                .arg("nick")
                .arg("ann")
                .arg("text")
                .arg("line 5")
                .cmd("HSET")
                .arg("chat:room:#room")
                .arg("seq")
                .arg(5)
                .exec(&mut connection)
                .unwrap();
        }
        let known = if url.starts_with("redis") { vec![said(3), said(5)] } else { vec![said(1), said(3)] };
        let events = Found::Events { events: known.clone(), complete: true };
        assert_eq!(stores.reader.look_up(&all(9)), Ok(events), "{url}");
        // The last ones have no gap.
        let room = Query::Room { key: "#room".into(), last: 3 };
        let last = Found::Room { seq: known[1].seq, topic: None, last: known[1..].to_vec() };
        assert_eq!(stores.reader.look_up(&room), Ok(last), "{url}");
    }
}

#[test]
fn a_number_is_of_one_event() {
    let folder = TempDir::new().unwrap();
    let (postgres, redis) = (Postgres::start(), Redis::start());
    for url in [url_of(&folder.path().join("history.db")), postgres.url(), redis.url()] {
        let mut stores = open(&url, false, Retention::default()).unwrap().stores;
        stores.writer.write(&[said(1), said(2)]).unwrap();
        let mut different = said(2);
        different.nick = "bob".into();
        let error = stores.writer.write(&[different, said(3)]).unwrap_err().to_string();
        assert!(error.contains("#room has something else as number 2"), "{error}");
        stores.writer.write(&[said(2), said(3)]).unwrap();
        let found = stores.writer.look_up(&all(9));
        assert_eq!(found, Ok(Found::Events { events: (1..=3).map(said).collect(), complete: true }));
    }
}

#[test]
fn one_file_has_one_lock_under_all_of_its_names() {
    let folder = TempDir::new().unwrap();
    let (path, link) = (folder.path().join("history.db"), folder.path().join("link.db"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(refusal(&url_of(&link)).contains("link to nothing"));
    let stores = open(&url_of(&path), false, Retention::default()).unwrap().stores;
    assert!(refusal(&url_of(&link)).contains("another process"));
    drop(stores);
    open(&url_of(&link), false, Retention::default()).unwrap();
}

/// What a test is told when it is run again as somebody who may do less.
const READ_ONLY: &str = "CHAT_TEST_READ_ONLY";
const PUT_AWAY: &str = "put ?#% away.db";

/// A history that was put away: an export reads it, and a server says why it does not start.
#[test]
fn files_that_may_only_be_read() {
    if let Some(folder) = std::env::var_os(READ_ONLY) {
        let folder = Path::new(&folder);
        let url = url_of(&folder.join(PUT_AWAY));
        let events = Found::Events { events: vec![said(1)], complete: true };
        let mut store = open_to_read(&url).unwrap();
        assert_eq!(store.look_up(&all(9)), Ok(events));
        assert!(store.write(&[said(2)]).is_err());
        assert!(refusal(&url).contains("Permission denied"), "{}", refusal(&url));
        // With a log beside it, the file is not all there is.
        let url = url_of(&folder.join("copied.db"));
        let refused = open_to_read(&url).err().unwrap().to_string();
        assert!(refused.contains("log beside it"), "{refused}");
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(PUT_AWAY);
    let mut stores = open(&url_of(&path), false, Retention::default()).unwrap().stores;
    stores.writer.write(&[said(1)]).unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for end in ["", "-wal"] {
        let copy = folder.path().join(format!("copied.db{end}"));
        fs::copy(format!("{}{end}", path.display()), &copy).unwrap();
        mode(&copy, 0o444);
    }
    drop(stores);
    mode(&path, 0o444);
    fs::remove_file(folder.path().join(format!("{PUT_AWAY}-lock"))).unwrap();
    // Root may do everything: somebody else runs this, and has to find it.
    let program = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    mode(&program, 0o555);
    mode(folder.path(), 0o555);
    let mut command = Command::new(&program);
    command.args(["--exact", "files_that_may_only_be_read"]).env(READ_ONLY, folder.path());
    if fs::metadata(folder.path()).unwrap().uid() == 0 {
        const NOBODY: u32 = 65_534;
        command.uid(NOBODY).gid(NOBODY);
    }
    let done = command.current_dir("/").output().unwrap();
    mode(folder.path(), 0o755);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    assert!(String::from_utf8_lossy(&done.stdout).contains("1 passed"));
}
