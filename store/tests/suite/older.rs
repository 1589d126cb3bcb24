//! Histories that older versions wrote are read, and searched, at once and later.

use chat_core::{Found, Kind, Query};
use chat_store::open_to_read;
use postgres::NoTls;
use test_services::Postgres;

use super::semantics::{check_told, told};
use super::{File, Place, catch_up, event, events, said, search, seqs};

/// The words that an older version indexed of a text.
fn words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn connect(file: &File) -> rusqlite::Connection {
    rusqlite::Connection::open(file.url().split_once(':').unwrap().1).unwrap()
}

#[test]
fn sqlite_takes_over_the_first_format() {
    let file = File::new();
    {
        let mut stores = file.open();
        stores.writer.write(&(1..=100).map(said).collect::<Vec<_>>()).unwrap();
        catch_up(&mut *stores.writer);
    }
    connect(&file).execute_batch("DROP TABLE log; PRAGMA user_version = 1").unwrap();
    assert!(open_to_read(&file.url()).is_err(), "a server has to start on it first");
    let mut stores = file.open();
    stores.writer.write(&[said(101)]).unwrap();
    for indexed in [false, true] {
        if indexed {
            catch_up(&mut *stores.writer);
        }
        assert_eq!(seqs(&events(&mut *stores.reader, 1, 200)), (1..=101).collect::<Vec<_>>());
        assert_eq!(search(&mut *stores.reader, "line 77", 200, 50), [77]);
        assert_eq!(search(&mut *stores.reader, "line 101", 200, 50), [101]);
    }
}

/// The second format had words in its index.
#[test]
fn sqlite_takes_over_an_index_of_words() {
    let file = File::new();
    {
        let mut stores = file.open();
        stores.writer.write(&told()).unwrap();
        catch_up(&mut *stores.writer);
        // Some are on their way.
        stores.writer.write(&[event(900, Kind::Said, "还在上海")]).unwrap();
    }
    let connection = connect(&file);
    connection
        .execute_batch(
            "INSERT INTO words (words) VALUES ('delete-all');
            UPDATE rooms SET indexed = seq;
            PRAGMA user_version = 2",
        )
        .unwrap();
    for record in told() {
        let id = 1 << 40 | i64::try_from(record.seq).unwrap();
        let text = format!("{} §15§{:x} §19§{:x}", words(&record.text), id >> 15, id >> 19);
        connection.execute("INSERT INTO words (rowid, text) VALUES (?1, ?2)", (id, text)).unwrap();
    }
    drop(connection);
    let mut stores = file.open();
    check_told(&mut *stores.reader, "before it is indexed anew");
    stores.writer.write(&[event(901, Kind::Said, "我家在上海东边")]).unwrap();
    check_told(&mut *stores.reader, "with something new");
    catch_up(&mut *stores.writer);
    check_told(&mut *stores.reader, "when it is");
    let indexed: bool =
        connect(&file).query_row("SELECT min(indexed = seq) FROM rooms", [], |row| row.get(0)).unwrap();
    assert!(indexed, "all of it is in the index");
}

#[test]
fn postgres_takes_over_an_index_of_words() {
    let place = Postgres::start();
    place.open().writer.write(&told()).unwrap();
    let mut client = postgres::Client::connect(&place.url(), NoTls).unwrap();
    client
        .batch_execute(
            "DELETE FROM chat.migrations WHERE number = 2; ALTER TABLE chat.rooms DROP COLUMN stale",
        )
        .unwrap();
    let room: i64 = client.query_one("SELECT id FROM chat.rooms", &[]).unwrap().get(0);
    for record in told() {
        let words = format!("{} #{room}", words(&record.text));
        client
            .execute(
                "UPDATE chat.events SET search = array_to_tsvector(string_to_array(ltrim($2), ' ')) WHERE seq = $1",
                &[&i64::try_from(record.seq).unwrap(), &words],
            )
            .unwrap();
    }
    // More than is done in one step.
    client
        .execute(
            "INSERT INTO chat.events (room, seq, at, kind, nick, text, search)
            SELECT $1::bigint, seq, now(), 'said', 'ann', 'old 海', array_to_tsvector(ARRAY['old', '海', '#' || $1::bigint])
            FROM generate_series(1001::bigint, 2200) AS seq",
            &[&room],
        )
        .unwrap();
    client.execute("UPDATE chat.rooms SET seq = 2200", &[]).unwrap();
    assert!(open_to_read(&place.url()).is_err(), "a server has to start on it first");
    let mut stores = place.open();
    check_told(&mut *stores.reader, "before it is indexed anew");
    stores.writer.write(&[event(2_201, Kind::Said, "我家在上海东边")]).unwrap();
    let mut steps = 0;
    let of_all = Query::Search { key: "#room".into(), words: "OLD 海".into(), to: 3_000, count: 2_000 };
    loop {
        check_told(&mut *stores.reader, "meanwhile");
        let Ok(Found::Events { events, complete: true }) = stores.reader.look_up(&of_all) else {
            panic!("no answer")
        };
        assert_eq!(seqs(&events), (1_001..=2_200).rev().collect::<Vec<_>>(), "{steps}");
        if !stores.writer.catch_up().unwrap() {
            break;
        }
        steps += 1;
    }
    assert!(steps > 2);
    let stale: i64 = client.query_one("SELECT stale FROM chat.rooms", &[]).unwrap().get(0);
    assert_eq!(stale, 0);
    assert_eq!(search(&mut *stores.reader, "上海", 2_201, 1), [2_201]);
    // Another server finds nothing to do.
    drop(stores);
    assert!(!place.open().writer.catch_up().unwrap());
}
