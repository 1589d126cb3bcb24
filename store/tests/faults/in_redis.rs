//! What only Redis can do wrong.

use chat_core::{Batch, Found, Query, RoomRecord};
use chat_store::{End, Retention, StoreError, open, open_to_read};
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
        add.arg("nick").arg(&*event.nick).arg("text").arg(event.text).exec(&mut beside).unwrap();
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

fn beside(redis: &Redis) -> redis::Connection {
    redis::Client::open(redis.url()).unwrap().get_connection().unwrap()
}

fn config(redis: &Redis, name: &str, value: &str) {
    redis::cmd("CONFIG").arg("SET").arg(name).arg(value).exec(&mut beside(redis)).unwrap();
}

#[test]
fn redis_has_room_again() {
    let redis = Redis::start();
    let (handle, worker, answers) = start(&redis.url());
    let store = |number| handle.store(Batch { number, events: vec![said(number)] });
    store(1);
    wait_until_stored(&answers, &mut 0, 1);
    for round in [2, 3] {
        config(&redis, "maxmemory", "1");
        store(round);
        // It keeps the lease for all that: longer than one lasts, another server waits for it.
        assert!(!refusal(&redis.url()).is_empty());
        assert!(answers.try_recv().is_err());
        config(&redis, "maxmemory", "0");
        wait_until_stored(&answers, &mut (round - 1), round);
    }
    assert_eq!(worker.stop(PATIENCE), End::Stored);
    let mut stores = open(&redis.url(), false, Retention::default()).unwrap().stores;
    let events = Found::Events { events: (1..=3).map(said).collect(), complete: true };
    assert_eq!(stores.reader.look_up(&all(9)), Ok(events));
}

#[test]
fn redis_without_config() {
    let redis = Redis::start_with(&["--rename-command", "CONFIG", ""]);
    assert!(open(&redis.url(), true, Retention::default()).is_err_and(|error| error.0.contains("unknown")));
    open(&redis.url(), false, Retention::default()).unwrap().stores.writer.write(&[said(1)]).unwrap();
}

#[test]
fn users_of_redis_may_do_little() {
    let redis = Redis::start();
    let mut beside = beside(&redis);
    let mut allow = |rights: &[&str]| {
        redis::cmd("ACL").arg("SETUSER").arg("few").arg(rights).exec(&mut beside).unwrap();
    };
    let url = format!("{}?user=few&pass=secret", redis.url());
    allow(&["on", ">secret", "~chat:*", "+@all", "-@dangerous"]);
    assert!(refusal(&url).contains("+info"), "{}", refusal(&url));
    open(&format!("{url}&allow-volatile=yes"), false, Retention::default()).unwrap();
    allow(&["+info"]);
    for right in ["xadd", "eval", "xtrim", "hincrby", "zadd", "zrangebylex", "multi"] {
        allow(&[&format!("-{right}")]);
        let refused = refusal(&url);
        assert!(refused.contains(right) && refused.contains("permission"), "{right}: {refused}");
        allow(&[&format!("+{right}")]);
    }
    let mut stores = open(&url, false, Retention::default()).unwrap().stores;
    stores.writer.write(&[said(1)]).unwrap();
    stores.writer.renew().unwrap();
    assert_eq!(stores.writer.rooms("").unwrap().len(), 1, "what was tried has left no trace");
    drop(stores);
    allow(&["resetkeys", "~other:*"]);
    assert!(refusal(&url).contains("access one of the keys"), "{}", refusal(&url));
}

#[test]
fn replicas_of_redis_may_only_be_read() {
    let redis = Redis::start();
    let follow = |whom: [&str; 2]| redis::cmd("REPLICAOF").arg(&whom).exec(&mut beside(&redis)).unwrap();
    let mut stores = open(&redis.url(), false, Retention::default()).unwrap().stores;
    stores.writer.write(&[said(1)]).unwrap();
    follow(["127.0.0.1", "1"]);
    let error = stores.writer.write(&[said(2)]).unwrap_err().to_string();
    assert!(error.to_lowercase().contains("read"), "{error}");
    assert!(refusal(&redis.url()).contains("is a replica"));
    let events = Found::Events { events: vec![said(1)], complete: true };
    assert_eq!(open_to_read(&redis.url()).unwrap().look_up(&all(9)), Ok(events));
    follow(["NO", "ONE"]);
    stores.writer.write(&[said(2)]).unwrap();
}
