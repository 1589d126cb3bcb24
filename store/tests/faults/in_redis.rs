//! What only Redis can do wrong.

use chat_core::{Batch, Found, Query, RoomRecord};
use chat_store::{End, Retention, StoreError, open};
use test_services::Redis;

use super::{PATIENCE, all, refusal, said, start, wait_until_stored};

#[test]
fn redis_has_to_remember() {
    let redis = Redis::start_volatile();
    assert!(refusal(&redis.url()).contains("appendonly yes"));
    let url = format!("{}?allow-volatile=yes", redis.url());
    let mut stores = open(&url, false, Retention::default()).unwrap().stores;
    stores.writer.write(&[said(1)]).unwrap();
    assert!(open(&url, true, Retention::default()).is_err(), "it does not survive the end of power");
    open(&Redis::start().url(), true, Retention::default()).unwrap();
}

#[test]
fn redis_has_one_writer_at_a_time() {
    let redis = Redis::start();
    let (handle, worker, answers) = start(&redis.url());
    // It takes longer than a lease to be refused: the first one renews it.
    assert!(refusal(&redis.url()).contains("another server"));
    handle.store(Batch { number: 1, events: vec![said(1)] });
    wait_until_stored(&answers, &mut 0, 1);
    assert_eq!(worker.stop(PATIENCE), End::Stored);
    // One that was killed is waited for.
    let mut beside = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut take = |who: &str| {
        redis::cmd("SET").arg("chat:writer").arg(who).arg("PX").arg(2_000).exec(&mut beside).unwrap();
    };
    take("killed");
    let mut stores = open(&redis.url(), false, Retention::default()).unwrap().stores;
    stores.writer.write(&[said(2)]).unwrap();
    // Whoever was away for too long stores nothing.
    take("another");
    assert_eq!(stores.writer.write(&[said(3)]), Err(StoreError::Lost));
    let found = stores.reader.look_up(&all(9));
    assert_eq!(found, Ok(Found::Events { events: vec![said(1), said(2)], complete: true }));
}

#[test]
fn redis_notices_another_server() {
    let redis = Redis::start();
    let mut stores = open(&redis.url(), false, Retention::default()).unwrap().stores;
    let mut beside = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut add = |event: RoomRecord| {
        let mut add = redis::cmd("XADD");
        add.arg("chat:events:#room").arg(format!("{}-0", event.seq)).arg("at").arg(0).arg("kind").arg("said");
        add.arg("nick").arg(event.nick).arg("text").arg(event.text).exec(&mut beside).unwrap();
    };
    stores.writer.write(&[said(1), said(2)]).unwrap();
    // As if what was sent before came late.
    add(said(3));
    stores.writer.write(&[said(3), said(4)]).unwrap();
    let mut different = said(5);
    different.text = "something else".into();
    add(different);
    for _ in 0..2 {
        let error = stores.writer.write(&[said(5)]).unwrap_err().to_string();
        assert!(error.contains("another server"), "{error}");
    }
    add(said(7));
    let error = stores.writer.write(&[said(6)]).unwrap_err().to_string();
    assert!(error.contains("another server"), "{error}");
    // Whatever a room is said to have come to, no number is given twice.
    redis::cmd("HSET").arg("chat:room:#room").arg("seq").arg(2).exec(&mut beside).unwrap();
    let found = stores.writer.look_up(&Query::Room { key: "#room".into(), last: 1 });
    assert_eq!(found, Ok(Found::Room { seq: 7, topic: None, last: vec![said(7)] }));
}
