//! What only PostgreSQL can do wrong, and how people set it up.

use chat_core::{Found, Query};
use chat_store::{Retention, Stores, open, open_to_read};
use chrono::{DateTime, TimeDelta};
use test_services::{PgBouncer, Postgres};

use super::{all, refusal, said};

fn client(server: &Postgres) -> postgres::Client {
    postgres::Client::connect(&server.url(), postgres::NoTls).unwrap()
}

fn opened(url: &str) -> Stores {
    open(url, false, Retention::default()).unwrap().stores
}

#[test]
fn poolers_of_transactions_are_refused() {
    let server = Postgres::start();
    for settings in [
        "pool_mode = transaction",
        "pool_mode = transaction\nserver_round_robin = 1\nmin_pool_size = 3",
        "pool_mode = transaction\ndefault_pool_size = 1",
    ] {
        let pooler = PgBouncer::start(&server, settings);
        // It leaves no lock behind in a session of the pooler's.
        for _ in 0..2 {
            assert!(refusal(&pooler.url()).contains("a pooler stands between"), "{settings}");
        }
    }
    refusal(&PgBouncer::start(&server, "pool_mode = statement").url());
    // One session for each connection is as good as none in between.
    let pooler = PgBouncer::start(&server, "pool_mode = session");
    for seq in 1..=2 {
        let mut stores = opened(&pooler.url());
        stores.writer.write(&[said(seq)]).unwrap();
        assert!(refusal(&server.url()).contains("another server"));
        assert!(refusal(&pooler.url()).contains("another server"));
    }
}

#[test]
fn whatever_is_set_for_a_role_changes_nothing() {
    let server = Postgres::start();
    let mut client = client(&server);
    drop(opened(&server.url()));
    client
        .batch_execute(
            "ALTER ROLE chat SET statement_timeout = '400ms';
            ALTER ROLE chat SET lock_timeout = '400ms';
            ALTER ROLE chat SET idle_session_timeout = '400ms';
            ALTER ROLE chat SET idle_in_transaction_session_timeout = '400ms';
            ALTER ROLE chat SET default_transaction_isolation = 'serializable';
            ALTER ROLE chat SET client_encoding = 'LATIN1';
            ALTER ROLE chat SET standard_conforming_strings = off;
            ALTER ROLE chat SET datestyle = 'German';
            ALTER ROLE chat SET timezone = 'Asia/Kathmandu';
            ALTER ROLE chat SET search_path = '';
            DROP SCHEMA public;
            CREATE SCHEMA one; CREATE SCHEMA two; CREATE TABLE one.rooms (x int); CREATE TABLE two.events (x int);",
        )
        .unwrap();
    for (seq, path) in (1..).zip(["''", "one, two", "two, pg_catalog"]) {
        client.batch_execute(&format!("ALTER ROLE chat SET search_path = {path}")).unwrap();
        let mut stores = opened(&server.url());
        let mut event = said(seq);
        event.text = format!("上海 ü {seq}");
        // Another one holds the row for longer than any of these limits.
        let mut holds = client.transaction().unwrap();
        holds.execute("SELECT 1 FROM chat.notes FOR UPDATE", &[]).unwrap();
        let writes = std::thread::spawn(move || {
            stores.writer.write(&[event]).unwrap();
            stores
        });
        holds.execute("SELECT pg_sleep(0.8)", &[]).unwrap();
        holds.commit().unwrap();
        let mut stores = writes.join().unwrap();
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chat'";
        client.execute("SELECT pg_sleep(0.8)", &[]).unwrap();
        assert_eq!(client.query_one(sessions, &[]).unwrap().get::<_, i64>(0), 2, "no session has ended");
        let found = stores.reader.look_up(&Query::Search {
            key: "#room".into(),
            words: seq.to_string(),
            to: 9,
            count: 9,
        });
        let Ok(Found::Events { events, complete: true }) = found else { panic!("{found:?}") };
        assert_eq!(events.iter().map(|event| &*event.text).collect::<Vec<_>>(), [format!("上海 ü {seq}")]);
        assert_eq!(events[0].at, DateTime::UNIX_EPOCH);
    }
}

#[test]
fn stamps_that_are_none_are_read() {
    let server = Postgres::start();
    let mut client = client(&server);
    let mut stores = opened(&server.url());
    stores.writer.write(&(1..=5).map(said).collect::<Vec<_>>()).unwrap();
    for (seq, stamp) in [(1, "-infinity"), (3, "infinity"), (4, "290000-01-01"), (5, "4000-01-01 BC")] {
        let set = format!("UPDATE chat.events SET at = '{stamp}' WHERE seq = {seq}");
        client.batch_execute(&set).unwrap();
    }
    // None of them can be shown, and they pass for 1970, as all others here do.
    let events = Found::Events { events: (1..=5).map(said).collect(), complete: true };
    assert_eq!(stores.reader.look_up(&all(9)), Ok(events));
    let search = Query::Search { key: "#room".into(), words: "line".into(), to: 9, count: 9 };
    assert!(matches!(stores.reader.look_up(&search), Ok(Found::Events { events, .. }) if events.len() == 5));
    let after = DateTime::UNIX_EPOCH + TimeDelta::seconds(1);
    let bounds = stores.reader.look_up(&Query::Bounds { key: "#room".into(), before: Some(after) });
    assert_eq!(bounds, Ok(Found::Bounds(Some((1, 5)))));
    let last = stores.reader.look_up(&Query::Room { key: "#room".into(), last: 5 });
    assert!(matches!(last, Ok(Found::Room { seq: 5, last, .. }) if last.len() == 5));
    // What cannot be read at all is an error, and not the end.
    client.batch_execute("DROP VIEW chat.history; ALTER TABLE chat.events ALTER at TYPE text").unwrap();
    assert!(stores.reader.look_up(&all(9)).is_err());
}

#[test]
fn a_database_that_may_only_be_read_for_a_while() {
    let server = Postgres::start();
    let mut client = client(&server);
    let mut stores = opened(&server.url());
    stores.writer.write(&[said(1)]).unwrap();
    let read_only = |client: &mut postgres::Client, value: &str| {
        client
            .batch_execute(&format!("ALTER ROLE chat SET default_transaction_read_only = {value}"))
            .unwrap();
        let end =
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'chat'";
        client.query(end, &[]).unwrap();
    };
    client.batch_execute("SET default_transaction_read_only = off").unwrap();
    read_only(&mut client, "on");
    // The first one finds that its session is gone.
    let _ = stores.writer.write(&[said(2)]);
    let error = stores.writer.write(&[said(2)]).unwrap_err().to_string();
    assert!(error.contains("may only be read just now"), "{error}");
    assert!(refusal(&server.url()).contains("may only be read just now"));
    assert!(open_to_read(&server.url()).is_ok());
    read_only(&mut client, "off");
    stores.writer.write(&[said(2)]).unwrap();
    assert!(refusal(&server.url()).contains("another server"));
}

#[test]
fn rights_that_are_missing_are_missed_at_the_start() {
    let server = Postgres::start();
    let mut client = client(&server);
    drop(opened(&server.url()));
    let grant = "CREATE ROLE few LOGIN; GRANT USAGE ON SCHEMA chat TO few; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA chat TO few";
    client.batch_execute(grant).unwrap();
    let url = server.url().replace("chat@", "few@");
    let refused = refusal(&url);
    assert!(refused.contains("lacks some rights") && refused.contains("UPDATE on chat.rooms"), "{refused}");
    assert!(open_to_read(&url).is_ok());
    client.batch_execute("GRANT UPDATE, DELETE ON ALL TABLES IN SCHEMA chat TO few").unwrap();
    opened(&url).writer.write(&[said(1)]).unwrap();
}

#[test]
fn postgres_has_to_survive_a_crash() {
    let mut server = Postgres::start();
    let url = server.url();
    let connect = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let mut client = connect();
    client.batch_execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0").unwrap();
    let ascii = url.replace("/postgres", "/ascii");
    assert!(refusal(&ascii).contains("is SQL_ASCII, and it has to be UTF8"), "{}", refusal(&ascii));

    open(&url, false, Retention::default()).unwrap();
    client
        .batch_execute(
            "CREATE TABLE settings (value text);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN INSERT INTO settings VALUES (current_setting('synchronous_commit')); RETURN NULL; END$$;
            CREATE TRIGGER note AFTER INSERT ON chat.events EXECUTE FUNCTION note();",
        )
        .unwrap();
    let cases = [("off", false, "local"), ("local", false, "local"), ("on", false, "on")];
    let full = [("off", true, "on"), ("local", true, "on"), ("remote_apply", true, "remote_apply")];
    for (seq, (setting, sync_full, expected)) in (1..).zip(cases.into_iter().chain(full)) {
        client.batch_execute(&format!("ALTER ROLE chat SET synchronous_commit = {setting}")).unwrap();
        open(&url, sync_full, Retention::default()).unwrap().stores.writer.write(&[said(seq)]).unwrap();
        let value: String = client.query_one("DELETE FROM settings RETURNING value", &[]).unwrap().get(0);
        assert_eq!(value, expected, "{setting} {sync_full}");
    }

    client.batch_execute("ALTER SYSTEM SET fsync = off").unwrap();
    server.restart();
    let error = open(&url, true, Retention::default()).err().unwrap().to_string();
    assert!(error.contains("fsync is off"), "{error}");
    open(&url, false, Retention::default()).unwrap();
}
