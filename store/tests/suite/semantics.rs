//! The promises of a store, one after another, each on an empty one.

use std::time::Duration;

use chat_core::{Found, Kind, Query, RoomRecord};
use chat_store::{Retention, Store};
use chrono::TimeDelta;

use super::cases::CASES;
use super::refusals;
use super::{Place, at, bounds, catch_up, event, events, of, prune, room, said, search, seqs};

/// Everything, each part in a room of its own history: in another place.
pub(crate) fn all<P: Place>(new: impl Fn() -> P) {
    nothing_is_known_of_an_empty_store(&new());
    it_goes_on_where_it_was(&new());
    storing_twice_is_storing_once(&new());
    last_events_have_no_gaps(&new());
    events_come_in_parts(&new());
    bounds_follow_the_time(&new());
    any_text_comes_back(&new());
    it_forgets_by_count(&new());
    it_forgets_by_age(&new());
    it_forgets_by_age_what_a_wrong_clock_stamped(&new());
    it_forgets_by_size(&new());
    refusals::it_forgets_the_oldest_of_the_largest_rooms(&new());
    refusals::a_new_process_forgets_nothing_that_the_last_has_stored(&new());
    refusals::it_forgets_rooms_of_which_nothing_is_worth_keeping(&new());
    refusals::a_number_that_is_taken_blocks_its_room_alone(&new());
    refusals::the_last_events_are_bounded_in_bytes(&new());
    if new().searches() {
        words_are_found(&new());
        a_search_finds_as_much_as_an_answer_has(&new());
        words_are_found_before_and_after_they_are_in_the_index(&new());
        what_is_seen_is_found_before_and_after_it_is_in_the_index(&new());
    }
}

fn nothing_is_known_of_an_empty_store(place: &impl Place) {
    let store = &mut *place.open().writer;
    assert_eq!(room(store, "#room", 10), (0, None, vec![]));
    assert_eq!(bounds(store, None), None);
    assert_eq!(bounds(store, Some(at(0))), None);
    assert_eq!(events(store, 1, 100), vec![]);
    assert_eq!(store.rooms("").unwrap(), vec![]);
    store.write(&[]).unwrap();
    prune(store, Retention { events: Some(1), ..Retention::default() });
    catch_up(store);
}

fn it_goes_on_where_it_was(place: &impl Place) {
    let records = [said(1), event(2, Kind::Topic, "first"), event(3, Kind::Topic, "second"), said(4)];
    {
        let mut stores = place.open();
        stores.writer.write(&records[..2]).unwrap();
        stores.writer.write(&records[2..]).unwrap();
        // What is stored can be read at once by the other one.
        assert_eq!(room(&mut *stores.reader, "#room", 2).2, records[2..]);
    }
    let store = &mut *place.open().writer;
    assert_eq!(room(store, "#room", 2), (4, Some("second".into()), records[2..].to_vec()));
    assert_eq!(events(store, 1, 4), records);
    // The name may be written in another way now; the room is the same.
    let mut shouted = said(5);
    shouted.room = "#ROOM".into();
    store.write(&[shouted.clone()]).unwrap();
    assert_eq!(room(store, "#room", 1), (5, Some("second".into()), vec![shouted]));
    assert_eq!(store.rooms("").unwrap().len(), 1);
    assert_eq!(store.rooms("#room").unwrap(), vec![]);
}

fn storing_twice_is_storing_once(place: &impl Place) {
    let records: Vec<_> = (1..=10).map(said).collect();
    let mut stores = place.open();
    stores.writer.write(&records[..6]).unwrap();
    stores.writer.write(&records[..6]).unwrap();
    // Some are there, others not.
    stores.writer.write(&records[3..]).unwrap();
    drop(stores);
    // Another process does not know what this one stored.
    let store = &mut *place.open().writer;
    store.write(&records[5..]).unwrap();
    store.write(&[event(11, Kind::Topic, "new"), said(12)]).unwrap();
    store.write(&[said(10), event(11, Kind::Topic, "new"), said(12)]).unwrap();
    assert_eq!(seqs(&events(store, 1, 100)), (1..=12).collect::<Vec<_>>());
    assert_eq!(room(store, "#room", 0), (12, Some("new".into()), vec![]));
}

fn last_events_have_no_gaps(place: &impl Place) {
    let store = &mut *place.open().writer;
    let records: Vec<_> = (1..=30).map(said).collect();
    let others: Vec<_> = (1..=5).map(|seq| of("#Other", said(seq))).collect();
    let both: Vec<_> = records.iter().cloned().chain(others.clone()).collect();
    store.write(&both).unwrap();
    assert_eq!(room(store, "#room", 10).2, records[20..]);
    assert_eq!(room(store, "#room", 100).2, records);
    assert_eq!(room(store, "#other", 100).2, others);
    let keys: Vec<_> =
        store.rooms("").unwrap().into_iter().map(|room| (room.key, room.name, room.seq)).collect();
    assert_eq!(keys, [("#other".into(), "#Other".into(), 5), ("#room".into(), "#Room".into(), 30)]);
}

fn events_come_in_parts(place: &impl Place) {
    let store = &mut *place.open().writer;
    let long = "x".repeat(4_096);
    store.write(&(1..=20).map(|seq| event(seq, Kind::Said, &long)).collect::<Vec<_>>()).unwrap();
    let mut from = 1;
    while from <= 20 {
        let part = events(store, from, 20);
        assert!(part.iter().map(|event| event.text.len()).sum::<usize>() <= Query::PART);
        assert_eq!(seqs(&part), (from..from + part.len() as u64).collect::<Vec<_>>());
        from += part.len() as u64;
        assert!(!part.is_empty());
    }
    // One that is too long for a part is one.
    store.write(&[event(21, Kind::Said, &"y".repeat(Query::PART + 1)), said(22)]).unwrap();
    assert_eq!(seqs(&events(store, 21, 22)), [21]);
    // Many without text are not one part either.
    store.write(&(23..=9_022).map(|seq| event(seq, Kind::Joined, "")).collect::<Vec<_>>()).unwrap();
    assert!((1..9_000).contains(&events(store, 23, 9_022).len()));
}

fn bounds_follow_the_time(place: &impl Place) {
    let store = &mut *place.open().writer;
    store.write(&(1..=100).map(said).collect::<Vec<_>>()).unwrap();
    assert_eq!(bounds(store, None), Some((1, 100)));
    for before in [2, 3, 50, 100, 101, 1_000] {
        assert_eq!(
            bounds(store, Some(at(before))),
            Some((1, before.unsigned_abs().min(101) - 1)),
            "{before}"
        );
    }
    assert_eq!(bounds(store, Some(at(1))), None);
    // The clock is set a year ahead for a while, and back: what was stamped meanwhile hides nothing.
    let ahead = (101..=110).map(|seq| {
        let mut event = said(seq);
        event.at += TimeDelta::days(365);
        event
    });
    let right = (111..=300).map(said);
    store.write(&ahead.chain(right).collect::<Vec<_>>()).unwrap();
    for before in [2_i64, 50, 101, 112, 150, 200, 300, 1_000_000] {
        let last = before.unsigned_abs().min(301) - 1;
        let last = if (101..=110).contains(&last) { 100 } else { last };
        assert_eq!(bounds(store, Some(at(before))), Some((1, last)), "{before}");
    }
}

fn any_text_comes_back(place: &impl Place) {
    let store = &mut *place.open().writer;
    let texts = [
        "",
        " ",
        "'; DROP TABLE events; --",
        "\\x00 \\ \\\\",
        "\u{7f}\u{1b}[31m",
        "e\u{301} \u{202e}abc\u{200d}",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "\u{10ffff}\u{fffd}\u{feff}",
        "NULL",
        "{\"a\":[1,2]}",
        "{a,b}\"\"",
        "%s $1 ?1 :a",
    ];
    let mut records: Vec<_> = (1..).zip(texts).map(|(seq, text)| event(seq, Kind::Acted, text)).collect();
    let mut seq = records.len() as u64;
    for text in ["ü".repeat(2_048), "a b ".repeat(1_024), "'\"".repeat(2_048)] {
        seq += 1;
        records.push(event(seq, Kind::Said, &text));
    }
    for kind in [Kind::Joined, Kind::Left, Kind::Renamed, Kind::Topic, Kind::Quiet, Kind::Lively] {
        seq += 1;
        let mut record = event(seq, kind, "ü");
        record.nick = "Ñandú🦤".into();
        records.push(record);
    }
    store.write(&records).unwrap();
    let mut found = Vec::new();
    while found.len() < records.len() {
        found.extend(events(store, found.len() as u64 + 1, seq));
    }
    assert_eq!(found, records);
    assert_eq!(room(store, "#room", 3), (seq, Some("ü".into()), records[records.len() - 3..].to_vec()));
}

fn it_forgets_by_count(place: &impl Place) {
    let mut stores = place.open();
    let store = &mut *stores.writer;
    let mut records: Vec<_> = (1..=1_000).map(said).collect();
    records[0].kind = Kind::Topic;
    store.write(&records).unwrap();
    store.write(&[of("#Other", said(1))]).unwrap();
    catch_up(store);
    prune(store, Retention { events: Some(10), ..Retention::default() });
    assert_eq!(bounds(store, None), Some((991, 1_000)));
    assert_eq!(room(store, "#room", 100).2, records[990..]);
    assert_eq!(room(store, "#other", 100).0, 1);
    // What outlives the events.
    prune(store, Retention { events: Some(0), ..Retention::default() });
    assert_eq!(bounds(store, None), None);
    assert_eq!(room(store, "#room", 5), (1_000, Some("line 1".into()), vec![]));
    drop(stores);
    let store = &mut *place.open().writer;
    assert_eq!(room(store, "#room", 5), (1_000, Some("line 1".into()), vec![]));
    // What was forgotten does not come back.
    store.write(&[said(1_001)]).unwrap();
    store.write(&[said(1_001)]).unwrap();
    assert_eq!(bounds(store, None), Some((1_001, 1_001)));
}

fn it_forgets_by_age(place: &impl Place) {
    let store = &mut *place.open().writer;
    store.write(&(1..=999).map(said).collect::<Vec<_>>()).unwrap();
    prune(store, Retention { age: Some(Duration::from_secs(100)), ..Retention::default() });
    assert_eq!(bounds(store, None), Some((900, 999)));
    prune(store, Retention { age: Some(Duration::MAX), ..Retention::default() });
    assert_eq!(bounds(store, None), Some((900, 999)));
}

fn it_forgets_by_age_what_a_wrong_clock_stamped(place: &impl Place) {
    let store = &mut *place.open().writer;
    let mut records: Vec<_> = (1..=999).map(said).collect();
    for seq in [1, 2, 899, 900, 950] {
        records[seq - 1].at += TimeDelta::days(30);
    }
    store.write(&records).unwrap();
    prune(store, Retention { age: Some(Duration::from_secs(98)), ..Retention::default() });
    assert_eq!(bounds(store, None), Some((902, 999)));
    prune(store, Retention { age: Some(Duration::from_secs(40)), ..Retention::default() });
    assert_eq!(bounds(store, None), Some((960, 999)));
}

fn it_forgets_by_size(place: &impl Place) {
    let store = &mut *place.open().writer;
    // With the nickname, each has 10 bytes; and what is stored twice counts once.
    let records: Vec<_> = (1..=999).map(|seq| event(seq, Kind::Said, "1234567")).collect();
    store.write(&records).unwrap();
    store.write(&records).unwrap();
    let retention = Retention { bytes: Some(1_005), ..Retention::default() };
    prune(store, retention);
    assert_eq!(bounds(store, None), Some((900, 999)));
    prune(store, retention);
    assert_eq!(bounds(store, None), Some((900, 999)));
    store.write(&[event(1_000, Kind::Said, "1234567")]).unwrap();
    prune(store, retention);
    assert_eq!(bounds(store, None), Some((901, 1_000)));
}

fn words_are_found(place: &impl Place) {
    let mut stores = place.open();
    let texts = [
        (Kind::Said, "The quick brown fox"),
        (Kind::Acted, "jumps over the LAZY dog, quickly"),
        (Kind::Topic, "foxes: don't feed the fox"),
        (Kind::Left, "fox"),
        (Kind::Renamed, "fox"),
        (Kind::Said, "Ärger über www.example.org/fox_den?a=b"),
        (Kind::Said, "日本語 and 'quotes' \"double\" AND OR NOT * ^"),
    ];
    let records: Vec<_> = (1..).zip(texts).map(|(seq, (kind, text))| event(seq, kind, text)).collect();
    stores.writer.write(&records).unwrap();
    stores.writer.write(&[of("#Other", event(1, Kind::Said, "another fox"))]).unwrap();
    for indexed in [false, true] {
        if indexed {
            catch_up(&mut *stores.writer);
        }
        for (words, to, count, expected) in [
            ("fox", 100, 50, &[6, 3, 1][..]),
            ("FOX", 5, 50, &[3, 1]),
            ("fox", 100, 2, &[6, 3]),
            ("fox", 0, 50, &[]),
            ("the fox", 100, 50, &[3, 1]),
            ("fox the quick", 100, 50, &[1]),
            ("don't", 100, 50, &[3]),
            ("ÄRGER", 100, 50, &[6]),
            ("example den", 100, 50, &[6]),
            ("日本語", 100, 50, &[7]),
            ("and or not", 100, 50, &[7]),
            ("\"'*", 100, 50, &[7]),
            ("", 100, 50, &[]),
            ("nowhere", 100, 50, &[]),
        ] {
            assert_eq!(search(&mut *stores.reader, words, to, count), expected, "{words} {indexed}");
        }
    }
}

fn what_is_seen_is_found_before_and_after_it_is_in_the_index(place: &impl Place) {
    let mut stores = place.open();
    stores.writer.write(&told()).unwrap();
    check_told(&mut *stores.reader, "at once");
    catch_up(&mut *stores.writer);
    check_told(&mut *stores.reader, "from the index");
    // Where more is found that has all of the letters than is looked at in one go.
    let other = |seq: u64| event(seq, Kind::Said, if seq.is_multiple_of(400) { "去上海" } else { "海上" });
    let first = told().len() as u64 + 1;
    stores.writer.write(&(first..first + 3_000).map(other).collect::<Vec<_>>()).unwrap();
    let expected: Vec<u64> = (first..first + 3_000).rev().filter(|seq| seq.is_multiple_of(400)).collect();
    for _ in 0..2 {
        let found = search(&mut *stores.reader, "去上海", first + 3_000, 50);
        assert_eq!(found, expected);
        assert_eq!(search(&mut *stores.reader, "去上海", first + 3_000, 3), expected[..3]);
        catch_up(&mut *stores.writer);
    }
}

/// The texts of all cases, each in a line of its own.
pub(crate) fn told() -> Vec<RoomRecord> {
    (1..).zip(CASES).map(|(seq, (text, ..))| event(seq, Kind::Said, text)).collect()
}

/// Whether those are found that are to be.
pub(crate) fn check_told(store: &mut dyn Store, when: &str) {
    for (seq, (text, words, expected)) in (1..).zip(CASES) {
        // Other texts may have what is looked for, too.
        let found = search(store, words, 1_000, 1_000);
        assert_eq!(found.contains(&seq), *expected, "{words} in {text}, {when}");
    }
}

fn a_search_finds_as_much_as_an_answer_has(place: &impl Place) {
    let mut stores = place.open();
    // Eight of these, with their nicknames, fill an answer; the index has some of them, or all.
    let long = |seq: u64| event(seq, Kind::Said, &format!("{} needle", "x".repeat(Query::PART / 8 - 10)));
    for (first, last) in [(1, 5), (6, 20)] {
        stores.writer.write(&(first..=last).map(long).collect::<Vec<_>>()).unwrap();
        let query = Query::Search { key: "#room".into(), words: "needle".into(), to: 100, count: 50 };
        for _ in 0..2 {
            let Ok(Found::Events { events, complete }) = stores.reader.look_up(&query) else {
                panic!("no answer")
            };
            let expected = (last.saturating_sub(7).max(1)..=last).rev().collect::<Vec<_>>();
            assert_eq!((seqs(&events), complete), (expected, last == 5));
            catch_up(&mut *stores.writer);
        }
    }
    // One is found, however long it is.
    stores.writer.write(&[event(21, Kind::Said, &"needle ".repeat(Query::PART))]).unwrap();
    let query = Query::Search { key: "#room".into(), words: "needle".into(), to: 100, count: 50 };
    let Ok(Found::Events { events, complete: false }) = stores.reader.look_up(&query) else {
        panic!("no answer, or all")
    };
    assert_eq!(seqs(&events), [21]);
}

fn words_are_found_before_and_after_they_are_in_the_index(place: &impl Place) {
    let mut stores = place.open();
    let talk =
        |seq: u64| event(seq, Kind::Said, if seq.is_multiple_of(100) { "odd needle" } else { "odd hay" });
    stores.writer.write(&(1..=2_000).map(talk).collect::<Vec<_>>()).unwrap();
    catch_up(&mut *stores.writer);
    stores.writer.write(&(2_001..=2_500).map(talk).collect::<Vec<_>>()).unwrap();
    let expected = |range: std::ops::RangeInclusive<u64>| range.rev().map(|n| n * 100).collect::<Vec<_>>();
    assert_eq!(search(&mut *stores.reader, "needle", 2_500, 50), expected(1..=25));
    assert_eq!(search(&mut *stores.reader, "odd needle", 2_250, 10), expected(13..=22));
    prune(&mut *stores.writer, Retention { events: Some(1_500), ..Retention::default() });
    assert_eq!(search(&mut *stores.reader, "needle", 2_500, 50), expected(11..=25));
    catch_up(&mut *stores.writer);
    assert_eq!(search(&mut *stores.reader, "needle odd", 2_500, 50), expected(11..=25));
    // Older ones that come later, as with an import.
    stores.writer.write(&[of("#Late", event(50, Kind::Said, "late"))]).unwrap();
    catch_up(&mut *stores.writer);
}
