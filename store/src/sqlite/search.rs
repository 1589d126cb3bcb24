//! Searching: first what is not in the index yet, then the index, block by block from the newest to the oldest.
//!
//! SQLite cannot be stopped in the middle of a step through the index, and terms that are common but never meet are one
//! long step. So the block is one of the terms: then no question is about more than a block, and takes some milliseconds.
//! The index does not know which terms stand together: where that matters, the text of what it finds is looked at.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use chat_core::{Found, Query};
use rusqlite::{Connection, params};

use super::index::{LARGE, SMALL, block};
use super::read::{Order, Room, View, record};
use super::{id_of, seq_of};
use crate::finds::Finds;
use crate::words::Wanted;

/// After a question that took no longer than this, one about a large block may follow.
const QUICK: Duration = Duration::from_millis(2);
/// With less time left than this, blocks are small.
const LATE: Duration = Duration::from_millis(50);
/// The time for all of it, but for one more question and the way to whoever asked.
const TIME: Duration = Duration::from_millis(Query::SEARCH_MILLIS * 7 / 8);
/// Events between two looks at the clock.
const GLANCE: usize = 16;

pub(super) fn search(
    view: &View<'_>,
    key: &str,
    wanted: &str,
    to: u64,
    count: usize,
) -> rusqlite::Result<Found> {
    let deadline = Instant::now() + TIME;
    let wanted = Wanted::new(wanted);
    let nothing = Found::Events { events: Vec::new(), complete: true };
    let Some(room) = view.find(key)? else { return Ok(nothing) };
    if wanted.is_empty() {
        return Ok(nothing);
    }
    let mut search = Search { wanted, deadline, finds: Finds::new(count) };
    let in_time = search.scan(view, &room, to.min(room.seq))?
        && search.ask(view.snapshot, &room, to.min(room.indexed))?;
    search.scan_older(view, &room, to);
    Ok(search.finds.answer(in_time))
}

struct Search {
    wanted: Wanted,
    deadline: Instant,
    finds: Finds,
}

impl Search {
    /// Looks at every event that is not in the index; says whether there was time for all.
    fn scan(&mut self, view: &View<'_>, room: &Room, to: u64) -> rusqlite::Result<bool> {
        let mut looked_at = 0;
        let mut has_time = true;
        view.visit(room, room.indexed + 1..=to, Order::NewestFirst, |event| {
            if event.kind.is_talk() && self.wanted.is_in(&event.text) {
                self.finds.push(event);
            }
            looked_at += 1;
            has_time = looked_at % GLANCE != 0 || Instant::now() < self.deadline;
            if self.finds.is_full() || !has_time {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(has_time)
    }

    /// Looks at what is in the log and older than what is in the index, as it may be with an import.
    fn scan_older(&mut self, view: &View<'_>, room: &Room, to: u64) {
        let older = view.tail.events(room.id, 0..=to.min(room.indexed));
        let older = older.filter_map(|entry| entry.record(&room.name, &room.key));
        let wanted = &self.wanted;
        self.finds.merge(older.filter(|event| event.kind.is_talk() && wanted.is_in(&event.text)));
    }

    /// Asks the index for what is not newer than number `to`; says whether there was time for all.
    fn ask(&mut self, snapshot: &Connection, room: &Room, to: u64) -> rusqlite::Result<bool> {
        let phrase = |term: &String| format!("\"{term}\" AND ");
        let all: String = self.wanted.terms().iter().map(phrase).collect();
        let mut hits = snapshot.prepare_cached(
            "SELECT rowid FROM words WHERE words MATCH ?1 AND rowid <= ?2 ORDER BY rowid DESC",
        )?;
        let mut one = snapshot.prepare_cached("SELECT id, at, kind, nick, text FROM events WHERE id = ?1")?;
        let oldest = oldest(snapshot, room)?;
        let (mut high, mut bits) = (to, SMALL);
        while high >= oldest && high > 0 && !self.finds.is_full() {
            let begin = Instant::now();
            if begin >= self.deadline {
                return Ok(false);
            }
            let newest = id_of(room.id, high);
            let wanted = format!("{all}\"{}\"", block(newest, bits));
            let mut ids = hits.query(params![wanted, newest])?;
            let mut looked_at = 0;
            while !self.finds.is_full()
                && let Some(row) = ids.next()?
            {
                let mut rows = one.query([row.get::<_, i64>(0)?])?;
                if let Some(row) = rows.next()?
                    && (self.wanted.is_exact() || self.wanted.is_in(row.get_ref(4)?.as_str()?))
                    && let Some(event) = record(room, row)?
                {
                    self.finds.push(event);
                }
                looked_at += 1;
                if looked_at % GLANCE == 0 && Instant::now() >= self.deadline {
                    return Ok(false);
                }
            }
            high = (high >> bits << bits).saturating_sub(1);
            let now = Instant::now();
            let is_quick = now - begin <= QUICK && self.deadline.saturating_duration_since(now) > LATE;
            bits = if is_quick { LARGE } else { SMALL };
        }
        Ok(true)
    }
}

/// The number of the oldest event that is kept.
fn oldest(snapshot: &Connection, room: &Room) -> rusqlite::Result<u64> {
    let oldest: Option<i64> = snapshot
        .prepare_cached("SELECT min(id) FROM events WHERE id BETWEEN ?1 AND ?2")?
        .query_row([id_of(room.id, 0), id_of(room.id, room.seq)], |row| row.get(0))?;
    Ok(oldest.map_or(u64::MAX, seq_of))
}
