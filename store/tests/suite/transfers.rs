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

fn exported(place: &dyn Place, room: Option<&str>) -> String {
    let mut out = Vec::new();
    export(&mut *place.open().reader, room, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}
