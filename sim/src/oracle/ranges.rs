//! G1, said once more: what a member is told of a room is a range of the room's record, but for its own acts. All
//! that this takes from the model is which joins are whose, and how an event is written.
//!
//! The record is what the engine reports, the member's side is read from the bytes that were written to it. Where
//! `/history` works, its answers look the same as what happens, and where a room was quiet, no record tells who
//! was in it when: there this check is of no use.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chat_core::{Kind, RoomRecord};

use super::model::encoded;
use super::telnet::without_answers;

/// What all rooms said, in order.
#[derive(Debug, Default)]
pub(super) struct Records {
    all: Vec<Recorded>,
    /// Rooms that were quiet at some time.
    quiet: BTreeSet<String>,
}

#[derive(Debug)]
struct Recorded {
    record: RoomRecord,
    /// As members are told of it.
    line: String,
}

impl Records {
    pub(super) fn add(&mut self, record: &RoomRecord) {
        let line = String::from_utf8(encoded(record)).expect("what is written is UTF-8");
        if record.kind == Kind::Quiet {
            self.quiet.insert(record.room.to_string());
        }
        self.all.push(Recorded { record: record.clone(), line });
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether what was written to one connection, which joined rooms with the records `joins`, is a range of
    /// the record for each of its rooms and stays.
    pub(super) fn check(&self, joins: &[usize], written: &[u8]) -> Result<(), String> {
        let of_use = |&&join: &&usize| !self.quiet.contains(&*self.all[join].record.room);
        let joins = joins.iter().filter(of_use).copied().collect();
        let mut reader = Reader { records: self, joins, nicks: Vec::new(), rooms: BTreeMap::new(), last: 0 };
        // What is not whole was cut off.
        let text = without_answers(written).unwrap_or_default();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            reader.read(&String::from_utf8_lossy(line))?;
        }
        Ok(())
    }
}

/// One connection's side of it.
struct Reader<'a> {
    records: &'a Records,
    /// Its own joins that are still to come.
    joins: VecDeque<usize>,
    /// The nicknames it has had; the last one is its own now.
    nicks: Vec<Nick>,
    /// Where it is, and before which record it has heard all that was said there since it came.
    rooms: BTreeMap<String, usize>,
    /// Records before this were heard, or not meant for it: rooms do not overtake one another.
    last: usize,
}

/// A nickname of one connection, and between which records it was its own, as closely as can be told.
#[derive(Debug)]
struct Nick {
    nick: String,
    from: usize,
    to: Option<usize>,
}

impl Nick {
    fn did(&self, at: usize, record: &RoomRecord) -> bool {
        let named = record.nick == self.nick || (record.kind == Kind::Renamed && record.text == self.nick);
        named && self.from <= at && self.to.is_none_or(|to| at <= to)
    }
}

impl Reader<'_> {
    fn read(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("* welcome, ") {
            self.name(until(rest, ';'));
        } else if let Some(nick) = line.strip_prefix("* you are now known as ") {
            self.name(nick.trim_end());
        } else if let Some(rest) = line.strip_prefix("* you are in #") {
            self.enter(&format!("#{}", until(rest, ' ')))?;
        } else if let Some(rest) = line.strip_prefix("* you left #") {
            self.leave(&format!("#{}", until(rest, ';')))?;
        } else if let Some(("#", rest)) =
            line.get(11..).filter(|_| line.starts_with('[')).and_then(|e| e.split_at_checked(1))
        {
            self.hear(&format!("#{}", until(rest, ' ')), line)?;
        }
        Ok(())
    }

    fn name(&mut self, nick: &str) {
        self.nicks.push(Nick { nick: nick.to_owned(), from: self.last, to: None });
    }

    /// It is in a room: since its next join, if that is new.
    fn enter(&mut self, room: &str) -> Result<(), String> {
        if self.rooms.contains_key(room) || self.records.quiet.contains(room) {
            return Ok(());
        }
        let Some(joined) = self.joins.pop_front() else {
            return Err(format!("is told that it is in {room}, which it has not joined"));
        };
        self.last = self.last.max(joined);
        self.rooms.insert(room.to_owned(), joined + 1);
        Ok(())
    }

    /// It has left, and has heard all until then.
    fn leave(&mut self, room: &str) -> Result<(), String> {
        let Some(heard) = self.rooms.remove(room) else { return Ok(()) };
        let left = self.find(room, heard, |at, it| it.record.kind == Kind::Left && self.is_own(at, it));
        let Some(left) = left else { return Err(format!("is told that it left {room}, and has not")) };
        self.last = self.last.max(left);
        self.check_gap(room, heard, left)
    }

    fn hear(&mut self, room: &str, line: &str) -> Result<(), String> {
        if self.records.quiet.contains(room) {
            return Ok(());
        }
        let Some(&heard) = self.rooms.get(room) else {
            return Err(format!("is told of {room}, where it is not: {line:?}"));
        };
        let Some(found) = self.find(room, heard.max(self.last), |_, it| it.line == line) else {
            return Err(format!("is told what {room} has not said, or not then: {line:?}"));
        };
        self.check_gap(room, heard, found)?;
        self.rooms.insert(room.to_owned(), found + 1);
        self.last = found;
        if let Some((_, before)) = self.nicks.split_last_mut() {
            for nick in before {
                nick.to.get_or_insert(found);
            }
        }
        Ok(())
    }

    /// What was not told was its own.
    fn check_gap(&self, room: &str, from: usize, to: usize) -> Result<(), String> {
        let missed = self.find(room, from, |at, it| at >= to || !self.is_own(at, it));
        let missed = missed.filter(|&at| at < to).map(|at| &self.records.all[at]);
        missed.map_or(Ok(()), |missed| Err(format!("is not told of {room}: {:?}", missed.line)))
    }

    fn is_own(&self, at: usize, it: &Recorded) -> bool {
        self.nicks.iter().any(|nick| nick.did(at, &it.record))
    }

    /// The first record of a room from there on that fits.
    fn find(&self, room: &str, from: usize, fits: impl Fn(usize, &Recorded) -> bool) -> Option<usize> {
        let rest = self.records.all.iter().enumerate().skip(from);
        rest.filter(|(_, it)| it.record.room == room).find(|&(at, it)| fits(at, it)).map(|(at, _)| at)
    }
}

fn until(text: &str, end: char) -> &str {
    text.split(end).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    /// What is wrong with what ann was told of a room in which this happened.
    fn check(told: &[&str]) -> Result<(), String> {
        let mut records = Records::default();
        let events = [
            ("bob", Kind::Joined, ""),
            ("bob", Kind::Said, "before"),
            ("ann", Kind::Joined, ""),
            ("bob", Kind::Said, "one"),
            ("ann", Kind::Said, "own"),
            ("bob", Kind::Said, "two"),
            ("ann", Kind::Left, "part"),
            ("bob", Kind::Said, "after"),
        ];
        for (seq, (nick, kind, text)) in (1..).zip(events) {
            let (room, key, at) = ("#tea".into(), "#tea".into(), DateTime::UNIX_EPOCH);
            records.add(&RoomRecord { room, key, seq, at, nick: nick.into(), kind, text: text.into() });
        }
        let told = told.iter().map(|line| match line.strip_prefix('<') {
            Some(said) => format!("[00:00:00] #tea <{said}\n"),
            None => format!("{line}\n"),
        });
        records.check(&[2], told.collect::<String>().as_bytes())
    }

    const WELCOME: &str = "* welcome, ann; /help shows what you can do here";
    const IN: &str = "* you are in #tea (2 members); no topic yet";
    const LEFT: &str = "* you left #tea; you are in no room now";

    #[test]
    fn a_range_is_fine_and_so_is_its_beginning() {
        assert_eq!(check(&[WELCOME, IN, "<bob> one", "<bob> two", LEFT]), Ok(()));
        assert_eq!(check(&[WELCOME, IN, "<bob> one"]), Ok(()));
    }

    #[test]
    fn anything_else_is_not() {
        for told in [
            &[WELCOME, IN, "<bob> two"][..],
            &[WELCOME, IN, "<bob> one", LEFT],
            &[WELCOME, IN, "<bob> one", "<bob> one"],
            &[WELCOME, IN, "<bob> two", "<bob> one"],
            &[WELCOME, IN, "<bob> before", "<bob> one"],
            &[WELCOME, IN, "<bob> one", "<bob> two", LEFT, "<bob> after"],
            &[WELCOME, "<bob> one"],
            &[WELCOME, IN, "<bob> one and a half"],
        ] {
            assert!(check(told).is_err(), "{told:?}");
        }
    }
}
