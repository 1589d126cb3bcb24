//! Searching: first the newest events one by one, then the index, then what an older version has indexed in its own way.
//!
//! Terms that are common are among the newest events, and the index would find far too many; terms that are rare are
//! found by the index at once. The questions are put so that PostgreSQL cannot confuse the two: in the first one, terms
//! come after a fence; in the second one, the room is one of the terms. Neither knows which terms stand together: where that
//! matters, the text of what they find is looked at.

use std::time::{Duration, Instant};

use ::postgres::error::SqlState;
use ::postgres::{Error, Row};
use chat_core::{Found, Query};

use super::read::{self, Room, number, record};
use super::session::Session;
use super::signed;
use crate::finds::Finds;
use crate::words::Wanted;

/// The time for all of it, but for the way to whoever asked.
const TIME: Duration = Duration::from_millis(Query::SEARCH_MILLIS * 7 / 8);
/// The time for the newest events.
const NEWEST: Duration = Duration::from_millis(Query::SEARCH_MILLIS / 8);
/// Events that are looked at first; then four times as many, and so on.
const FIRST: u64 = 1_000;
const MORE: u64 = 4;
/// Texts that are looked at here in one go.
const PAGE: usize = 500;
/// Of these, between two looks at the clock.
const GLANCE: usize = 16;
/// The time that any other question may take.
const USUAL: &str = "5s";

const SCAN: &str = "
    SELECT seq, at, kind, nick, text FROM (
        SELECT seq, at, kind, nick, text, search FROM chat.events
        WHERE room = $1 AND seq > $2 AND seq <= $3 ORDER BY seq DESC OFFSET 0
    ) AS newest
    WHERE search @@ $4::text::tsquery LIMIT $5";
const ASK: &str = "
    WITH hits AS MATERIALIZED (SELECT room, seq FROM chat.events WHERE search @@ $4::text::tsquery)
    SELECT seq, at, kind, nick, text
    FROM (
        SELECT room, seq FROM hits WHERE room = $1 AND seq > $2 AND seq <= $3 ORDER BY seq DESC LIMIT $5
    ) AS newest
    JOIN chat.events USING (room, seq) ORDER BY seq DESC";
const READ: &str = "
    SELECT seq, at, kind, nick, text FROM chat.events
    WHERE room = $1 AND seq > $2 AND seq <= $3 AND search IS NOT NULL ORDER BY seq DESC LIMIT $4";
const LIMIT: &str = "SELECT set_config('statement_timeout', $1, false)";

pub(super) fn search(
    session: &mut Session,
    key: &str,
    wanted: &str,
    to: u64,
    count: usize,
) -> Result<Found, Error> {
    let begin = Instant::now();
    let room = read::find(session, key)?;
    let wanted = Wanted::new(wanted);
    let Some(room) = room.filter(|_| !wanted.is_empty()) else {
        return Ok(Found::Events { events: Vec::new(), complete: true });
    };
    let phrase = |term: &String| format!("'{term}' & ");
    let terms = wanted.terms().iter().map(phrase).collect::<String>() + &format!("'#{}'", room.id);
    let mut search = Search { room, wanted, terms, begin, finds: Finds::new(count) };
    let done = search.run(session, to);
    // An answer of the other kind ends the connection, and with it this limit.
    let in_time = match done {
        Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => false,
        done => done?,
    };
    // What was found was found.
    session.is_spoilt = session.execute(LIMIT, &[&USUAL]).is_err();
    Ok(search.finds.answer(in_time))
}

struct Search {
    room: Room,
    wanted: Wanted,
    /// What the index is asked for.
    terms: String,
    begin: Instant,
    finds: Finds,
}

impl Search {
    /// Says whether there was time for all.
    fn run(&mut self, session: &mut Session, to: u64) -> Result<bool, Error> {
        let stale = self.room.stale;
        let mut high = to.min(self.room.seq);
        let mut window = FIRST;
        while high > stale {
            let scans = self.begin.elapsed() < NEWEST;
            let low = if scans { high.saturating_sub(window).max(stale) } else { stale };
            if !self.ask(session, if scans { SCAN } else { ASK }, low, high)? {
                return Ok(false);
            }
            high = low;
            window *= MORE;
        }
        self.ask(session, READ, 0, high)
    }

    /// Takes what a question finds above number `low` and up to `high`; says whether there was time for all.
    fn ask(
        &mut self,
        session: &mut Session,
        question: &'static str,
        low: u64,
        mut high: u64,
    ) -> Result<bool, Error> {
        let is_sure = self.wanted.is_exact() && question != READ;
        while high > low && !self.finds.is_full() {
            if !self.limit(session)? {
                return Ok(false);
            }
            let most = if is_sure { self.finds.left() } else { PAGE };
            let (room, from, to) = (&self.room.id, &signed(low), &signed(high));
            let limit = &i64::try_from(most).unwrap_or(i64::MAX);
            let found = if question == READ {
                session.query(question, &[room, from, to, limit])?
            } else {
                session.query(question, &[room, from, to, &self.terms, limit])?
            };
            if !self.take(&found, is_sure)? {
                return Ok(false);
            }
            high = match found.last() {
                Some(oldest) if found.len() == most => number(oldest, 0)? - 1,
                _ => low,
            };
        }
        Ok(true)
    }

    /// Takes of these what is looked for; says whether there was time for all.
    fn take(&mut self, found: &[Row], is_sure: bool) -> Result<bool, Error> {
        for (index, row) in found.iter().enumerate() {
            if index % GLANCE == GLANCE - 1 && self.begin.elapsed() >= TIME {
                return Ok(false);
            }
            if is_sure || self.wanted.is_in(row.try_get(4)?) {
                record(&self.room, row)?.into_iter().for_each(|event| self.finds.push(event));
            }
            if self.finds.is_full() {
                break;
            }
        }
        Ok(true)
    }

    /// Has the next question end with the time for all of it; says whether there is any left.
    fn limit(&self, session: &mut Session) -> Result<bool, Error> {
        let left = TIME.saturating_sub(self.begin.elapsed()).as_millis();
        if left == 0 {
            return Ok(false);
        }
        session.execute(LIMIT, &[&left.to_string()])?;
        Ok(true)
    }
}
