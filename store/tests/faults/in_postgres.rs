//! What only PostgreSQL can do wrong.

use chat_store::{Retention, open};
use test_services::Postgres;

use super::{refusal, said};

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
