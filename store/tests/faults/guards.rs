//! Two servers that write to one history: whatever becomes of locks, leases and sessions, one of them stores nothing.

use std::fs;
use std::sync::mpsc;

use chat_core::{Batch, Found, LookUp, LookUpError, Query, StoreAnswer};
use chat_store::{End, Retention, Store, StoreError, Stores, Worker, open};
use tempfile::TempDir;
use test_services::{Postgres, Redis};

use super::{PATIENCE, all, refusal, said, start, url_of, wait_until_stored};

fn opened(url: &str) -> Stores {
    open(url, false, Retention::default()).unwrap().stores
}

/// All sessions of servers end, and with them their locks.
fn end_sessions(server: &Postgres) {
    let mut client = postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
    let ended = client
        .query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chat'", &[])
        .unwrap();
    assert!(!ended.is_empty());
}

/// A second server came while the first one was not guarded, and has stored something: the first stores nothing, and knows
/// why.
fn is_lost(mut first: Box<dyn Store>, url: &str) {
    let mut second = opened(url);
    second.writer.write(&[said(2)]).unwrap();
    for _ in 0..2 {
        assert_eq!(first.renew(), Err(StoreError::Lost), "{url}");
        assert_eq!(first.write(&[said(2), said(3)]), Err(StoreError::Lost), "{url}");
    }
    drop(first);
    second.writer.renew().unwrap();
    second.writer.write(&[said(3)]).unwrap();
    let events = Found::Events { events: (1..=3).map(said).collect(), complete: true };
    assert_eq!(second.reader.look_up(&all(9)), Ok(events), "{url}");
}

#[test]
fn a_lost_session_of_postgres() {
    let server = Postgres::start();
    let mut first = opened(&server.url()).writer;
    first.write(&[said(1)]).unwrap();
    end_sessions(&server);
    is_lost(first, &server.url());
}

#[test]
fn a_lost_lease_in_redis() {
    let server = Redis::start();
    let mut first = opened(&server.url()).writer;
    first.write(&[said(1)]).unwrap();
    // As if it had stood still for long: nothing renews the lease while another one waits for it.
    is_lost(first, &server.url());
    // Also when the second one has ended since: what the first knows of rooms is old.
    let mut first = opened(&server.url()).writer;
    first.write(&[said(4)]).unwrap();
    let mut beside = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    redis::cmd("DEL").arg("chat:writer").exec(&mut beside).unwrap();
    drop(opened(&server.url()));
    assert_eq!(first.write(&[said(5)]), Err(StoreError::Lost));
}

#[test]
fn a_deleted_lock_of_sqlite() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let lock = folder.path().join("history.db-lock");
    let mut first = opened(&url_of(&path)).writer;
    first.write(&[said(1)]).unwrap();
    fs::remove_file(&lock).unwrap();
    // It is put back while nobody came.
    first.renew().unwrap();
    assert!(refusal(&url_of(&path)).contains("another process"));
    fs::rename(&lock, folder.path().join("elsewhere")).unwrap();
    fs::write(&lock, "").unwrap();
    first.renew().unwrap();
    assert!(refusal(&url_of(&path)).contains("another process"));
    fs::remove_file(&lock).unwrap();
    is_lost(first, &url_of(&path));
}

#[test]
fn a_lost_session_is_noticed_while_nobody_speaks() {
    let server = Postgres::start();
    let (handle, worker, answers) = start(&server.url());
    for round in 1..=2 {
        // Whoever starts now finds the lock free, and leaves it to the one that has lost it.
        end_sessions(&server);
        assert!(refusal(&server.url()).contains("another server"));
        handle.store(Batch { number: round, events: vec![said(round)] });
        wait_until_stored(&answers, &mut (round - 1), round);
    }
    assert_eq!(worker.stop(PATIENCE), End::Stored);
    // One that has ended as it should leaves nothing to wait for, one that was killed the time that it would have needed.
    drop(opened(&server.url()));
}

#[test]
fn whoever_has_lost_its_history_is_told() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    for speaks in [false, true] {
        let (to, lost) = mpsc::channel();
        let told = Box::new(move || to.send(()).unwrap());
        let stores = opened(&url_of(&path));
        let (handle, worker) = Worker::start(stores, Box::new(|_| ()), told).unwrap();
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute("UPDATE notes SET value = x'00' WHERE name = 'writer'", [])
            .unwrap();
        if speaks {
            handle.store(Batch { number: 1, events: vec![said(1)] });
        }
        lost.recv_timeout(PATIENCE).unwrap();
        assert_eq!(worker.stop(PATIENCE), End::Lost);
    }
}

/// Nothing is stored, and no room is read, until the history is back.
fn is_gone(url: &str, empty: impl FnOnce(), put_back: impl FnOnce()) {
    let (handle, worker, answers) = start(url);
    let room = Query::Room { key: "#room".into(), last: 1 };
    handle.store(Batch { number: 1, events: vec![said(1)] });
    wait_until_stored(&answers, &mut 0, 1);
    empty();
    handle.look_up(LookUp { id: 1, after: 1, asker: 0, query: room.clone() });
    let found = answers.recv_timeout(PATIENCE).unwrap();
    assert_eq!(found, StoreAnswer::Found { id: 1, found: Err(LookUpError::Unavailable) });
    handle.store(Batch { number: 2, events: vec![said(2)] });
    put_back();
    wait_until_stored(&answers, &mut 1, 2);
    handle.look_up(LookUp { id: 3, after: 2, asker: 0, query: room });
    let found = answers.recv_timeout(PATIENCE).unwrap();
    let expected = Found::Room { seq: 2, topic: None, last: vec![said(2)] };
    assert_eq!(found, StoreAnswer::Found { id: 3, found: Ok(expected) });
    assert_eq!(worker.stop(PATIENCE), End::Stored);
}

#[test]
fn redis_that_was_emptied_is_no_history() {
    let server = Redis::start();
    let connect = || redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    // The one by which it is known comes last.
    let keys = ["chat:rooms", "chat:room:#room", "chat:events:#room", "chat:format", "chat:owner"];
    let mut kept: Vec<(&str, Vec<u8>)> = Vec::new();
    let (mut one, mut other) = (connect(), connect());
    let kept = std::cell::RefCell::new(&mut kept);
    let empty = || {
        let dump = |key| (key, redis::cmd("DUMP").arg(key).query(&mut one).unwrap());
        kept.borrow_mut().extend(keys.map(dump));
        redis::cmd("FLUSHALL").exec(&mut one).unwrap();
    };
    let put_back = || {
        for (key, value) in kept.borrow().iter() {
            redis::cmd("RESTORE").arg(key).arg(0).arg(value).arg("REPLACE").exec(&mut other).unwrap();
        }
    };
    is_gone(&server.url(), empty, put_back);
}

#[test]
fn postgres_that_was_emptied_is_no_history() {
    let server = Postgres::start();
    let connect = || postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
    let (mut one, mut other) = (connect(), connect());
    let mut run = |sql: &str| one.batch_execute(sql).unwrap();
    is_gone(
        &server.url(),
        || run("ALTER SCHEMA chat RENAME TO elsewhere"),
        || other.batch_execute("ALTER SCHEMA elsewhere RENAME TO chat").unwrap(),
    );
    // Emptied is not better than gone.
    let mut stores = opened(&server.url());
    run("TRUNCATE chat.rooms, chat.events, chat.notes");
    let error = stores.writer.write(&[said(3)]).unwrap_err().to_string();
    assert!(error.contains("is gone"), "{error}");
    drop(stores);
    // Without its room, an event would be found by nobody.
    let mut stores = opened(&server.url());
    stores.writer.write(&[said(1)]).unwrap();
    run("TRUNCATE chat.rooms");
    assert!(stores.writer.write(&[said(2)]).is_err());
    stores.writer.write(&[said(2)]).unwrap();
    let found = stores.writer.look_up(&Query::Room { key: "#room".into(), last: 1 });
    assert_eq!(found, Ok(Found::Room { seq: 2, topic: None, last: vec![said(2)] }));
}
