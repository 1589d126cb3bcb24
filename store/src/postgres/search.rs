//! Searching: first the newest events one by one, then the index.
//!
//! Words that are common are among the newest events, and the index would find far too many; words that are rare are
//! found by the index at once. The questions are put so that PostgreSQL cannot confuse the two: in the first one, words
//! come after a fence; in the second one, the room is one of the words.

use std::time::{Duration, Instant};

use ::postgres::error::SqlState;
use ::postgres::{Error, Row};
use chat_core::{Found, Query, RoomRecord};

use super::read::{self, Room, record};
use super::session::Session;
use super::signed;
use crate::words::words;

/// The time for all of it, but for the way to whoever asked.
const TIME: Duration = Duration::from_millis(Query::SEARCH_MILLIS * 7 / 8);
/// The time for the newest events.
const NEWEST: Duration = Duration::from_millis(Query::SEARCH_MILLIS / 8);
/// Events that are looked at first; then four times as many, and so on.
const FIRST: u64 = 1_000;
const MORE: u64 = 4;
/// The time that any other question may take.
const USUAL: &str = "5s";

const SCAN: &str = "
    SELECT seq, at, kind, nick, text FROM (
        SELECT seq, at, kind, nick, text, search FROM chat.events
        WHERE room = $1 AND seq > $2 AND seq <= $3 ORDER BY seq DESC OFFSET 0
    ) AS newest
    WHERE search @@ $4::text::tsquery LIMIT $5";
const ASK: &str = "
    WITH hits AS MATERIALIZED (SELECT room, seq FROM chat.events WHERE search @@ $3::text::tsquery)
    SELECT seq, at, kind, nick, text
    FROM (SELECT room, seq FROM hits WHERE room = $1 AND seq <= $2 ORDER BY seq DESC LIMIT $4) AS newest
    JOIN chat.events USING (room, seq) ORDER BY seq DESC";
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
    let wanted = words(wanted);
    let Some(room) = room.filter(|_| !wanted.is_empty()) else {
        return Ok(Found::Events { events: Vec::new(), complete: true });
    };
    let phrase = |word: &String| format!("'{word}' & ");
    let wanted = wanted.iter().map(phrase).collect::<String>() + &format!("'#{}'", room.id);
    let mut search = Search { room, wanted, count, begin, events: Vec::new() };
    let done = search.run(session, to);
    // An answer of the other kind ends the connection, and with it this limit.
    let complete = match done {
        Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => false,
        done => done?,
    };
    // What was found was found.
    session.is_spoilt = session.execute(LIMIT, &[&USUAL]).is_err();
    Ok(Found::Events { events: search.events, complete })
}

struct Search {
    room: Room,
    wanted: String,
    count: usize,
    begin: Instant,
    events: Vec<RoomRecord>,
}

impl Search {
    /// Says whether there was time for all.
    fn run(&mut self, session: &mut Session, to: u64) -> Result<bool, Error> {
        let mut high = to.min(self.room.seq);
        let mut window = FIRST;
        while self.events.len() < self.count && high > 0 && self.begin.elapsed() < NEWEST {
            if !self.limit(session)? {
                return Ok(false);
            }
            let low = high.saturating_sub(window);
            let left = self.left();
            let found =
                session.query(SCAN, &[&self.room.id, &signed(low), &signed(high), &self.wanted, &left])?;
            self.take(&found)?;
            high = low;
            window *= MORE;
        }
        if self.events.len() < self.count && high > 0 {
            if !self.limit(session)? {
                return Ok(false);
            }
            let left = self.left();
            let found = session.query(ASK, &[&self.room.id, &signed(high), &self.wanted, &left])?;
            self.take(&found)?;
        }
        Ok(true)
    }

    fn take(&mut self, found: &[Row]) -> Result<(), Error> {
        for row in found {
            self.events.extend(record(&self.room, row)?);
        }
        Ok(())
    }

    fn left(&self) -> i64 {
        i64::try_from(self.count - self.events.len()).unwrap_or(i64::MAX)
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
