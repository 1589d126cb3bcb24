//! Export and import, from store to store.

use chat_core::Kind;
use chat_store::{export, import};

use super::{Place, event, of, room, said};

/// From the first place to the next, and so on: what comes out is always the same.
pub(crate) fn around(places: &[&dyn Place]) {
    let mut records: Vec<_> = (2..=2_500).map(said).collect();
    records.push(event(2_501, Kind::Topic, "a \"topic\"\n"));
    records.extend((1..=3).map(|seq| of("#Ü", event(seq, Kind::Acted, "läuft"))));
    let mut first = places[0].open();
    first.writer.write(&records).unwrap();
    drop(first);

    let mut text = exported(places[0], None);
    assert_eq!(text.lines().count(), 2_503 + 2);
    for (from, to) in places.iter().zip(&places[1..]) {
        // Twice is once.
        for _ in 0..2 {
            let done = import(&mut *to.open().writer, &mut text.as_bytes()).unwrap();
            assert_eq!((done.rooms, done.events), (2, 2_503));
        }
        assert_eq!(exported(*to, None), text);
        assert_eq!(exported(*to, Some("#ü")), exported(*from, Some("#ü")));
        let mut stores = to.open();
        assert_eq!(room(&mut *stores.writer, "#room", 1).1.as_deref(), Some("a \"topic\"\n"));
        stores.writer.write(&[said(2_502)]).unwrap();
        drop(stores);
        text = exported(*to, None);
        assert!(text.contains("line 2502"));
        // As it was, for the next one: what came later is one line and one number.
        text =
            text.lines().filter(|line| !line.contains("line 2502")).map(|line| format!("{line}\n")).collect();
        text = text.replace("\"newest\":2502", "\"newest\":2501");
    }

    let none = export(&mut *places[0].open().reader, Some("#nowhere"), &mut Vec::new());
    assert!(none.unwrap_err().to_string().contains("#nowhere"));
    for (wrong, said) in [("{}", "line 3"), ("no JSON", "line 3"), ("{\"room\":1}", "line 3")] {
        let first = text.lines().next().unwrap();
        let wrong = format!("{first}\n\n{wrong}\n");
        let error = import(&mut *places[0].open().writer, &mut wrong.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(said), "{error}");
    }
}

/// What is no export of ours is refused, with the number of its line.
#[test]
fn an_import_is_looked_at() {
    let line = |room: &str, key: &str, seq: u64, nick: &str, text: &str| {
        let at = "2026-01-01T00:00:00Z";
        format!(
            r#"{{"room":"{room}","key":"{key}","seq":{seq},"at":"{at}","nick":"{nick}","kind":"said","text":"{text}"}}"#
        )
    };
    let long = "x".repeat(6_000);
    let newest = |newest: u64| format!(r##"{{"room":"#A","key":"#a","newest":{newest},"topic":null}}"##);
    let file = super::File::new();
    let mut stores = file.open();
    let good = [line("#A", "#a", 1, "ann", "hi"), newest(1), newest(0)];
    for (wrong, said) in [
        (line("#A", "#A", 1, "ann", "hi"), "key: that of"),
        (line("a b", "a b", 1, "ann", "hi"), "room: \"a b\" is no name of a room"),
        (line("#A", "#a", 0, "ann", "hi"), "seq: 0 is not from 1"),
        (line("#A", "#a", (1 << 39) + 1, "ann", "hi"), "is not from 1 to"),
        (line("#A", "#a", 1, &long, "hi"), "nick: it is longer"),
        (line("#A", "#a", 1, "ann", &long), "text: it is longer"),
        (line("#A", "#a", 1, "ann", "hi").replace("2026-01-01T", "yesterday"), "at: \"yesterday"),
        (line("#A", "#a", 1, "ann", "hi").replace(":1,", ":\"1\","), "seq: \"1\" is not a number"),
        (line("#A", "#a", 1, "ann", "hi").replace("\"nick\"", "\"name\""), "nick: it is missing"),
        (newest(1).replace("null", "3"), "topic: "),
        (newest(1).replace("newest", "latest"), "neither an event"),
        (newest(1).replace('}', ""), "it ends too soon"),
        (newest(1).replace(",", ";"), "no JSON, from column 13"),
        (newest(1 << 40), "newest: 1099511627776 is not from 1"),
    ] {
        let text = format!("{}\n{wrong}\n", good.join("\n"));
        let error = import(&mut *stores.writer, &mut text.as_bytes()).unwrap_err();
        assert!(error.line == 4 && error.reason.contains(said), "{error}");
    }
    // Numbers without an event are counted, but for those before the first.
    let text = [3, 4, 7].map(|seq| line("#A", "#a", seq, "ann", "hi")).join("\n");
    let done = import(&mut *stores.writer, &mut text.as_bytes()).unwrap();
    assert_eq!((done.events, done.missing), (3, 0));
    assert_eq!(export(&mut *stores.reader, None, &mut Vec::new()).unwrap().missing, 2);
    // A mark that editors on Windows put in front, and their ends of lines, are nothing; their UTF-16 is told.
    let text = format!("\u{feff}{}\r\n", good.join("\r\n"));
    assert_eq!(import(&mut *stores.writer, &mut text.as_bytes()).unwrap().events, 1);
    let text: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let error = import(&mut *stores.writer, &mut text.as_slice()).unwrap_err();
    assert!(error.line == 1 && error.reason.contains("UTF-16"), "{error}");
}

/// Redis adds nothing before what it has.
#[test]
fn redis_imports_nothing_older() {
    let redis = test_services::Redis::start();
    let file = super::File::new();
    file.open().writer.write(&(1..=3).map(said).collect::<Vec<_>>()).unwrap();
    let mut stores = Place::open(&redis);
    stores.writer.write(&[said(3)]).unwrap();
    let error = import(&mut *stores.writer, &mut exported(&file, None).as_bytes()).unwrap_err();
    assert!(error.reason.contains("adds nothing before what it has"), "{error}");
}

fn exported(place: &dyn Place, room: Option<&str>) -> String {
    let mut out = Vec::new();
    export(&mut *place.open().reader, room, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}
