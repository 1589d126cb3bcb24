//! The terms of events that an older version has stored, with words in their place: they come anew, in steps, the newest first.

use ::postgres::Error;

use super::read::number;
use super::session::Session;
use super::signed;
use super::write::searched;

/// Events in one step: some tens of milliseconds.
const STEP: usize = 500;

const ROOM: &str = "SELECT id, stale FROM chat.rooms WHERE stale > 0 LIMIT 1";
const OLD: &str = "
    SELECT seq, text FROM chat.events WHERE room = $1 AND seq <= $2 AND search IS NOT NULL ORDER BY seq DESC LIMIT $3";
/// What would be the same is left alone: it takes place to write it again.
const RENEW: &str = "
    WITH owner AS (
        SELECT 1 FROM chat.notes
        WHERE space = 'server' AND name = 'writer' AND value = to_jsonb($5::text) FOR SHARE
    ),
    given AS (
        SELECT seq, array_to_tsvector(string_to_array(terms, ' ')) AS terms
        FROM unnest($3::bigint[], $4::text[]) AS given (seq, terms)
    ),
    renewed AS (
        UPDATE chat.events SET search = given.terms FROM given
        WHERE events.room = $1 AND events.seq = given.seq AND events.search <> given.terms
            AND EXISTS (SELECT FROM owner)
    )
    UPDATE chat.rooms SET stale = $2 WHERE id = $1 AND EXISTS (SELECT FROM owner)";

/// One step, by the server with this name; says whether there may be more.
pub(super) fn renew(session: &mut Session, writer: &str) -> Result<bool, Error> {
    let stale = session.query(ROOM, &[])?;
    let Some(room) = stale.first() else { return Ok(false) };
    let (id, stale) = (room.try_get::<_, i64>(0)?, number(room, 1)?);
    let old = session.query(OLD, &[&id, &signed(stale), &signed(STEP as u64)])?;
    let mut seqs: Vec<i64> = Vec::with_capacity(old.len());
    let mut terms: Vec<String> = Vec::with_capacity(old.len());
    for row in &old {
        seqs.push(row.try_get(0)?);
        terms.push(searched(row.try_get(1)?, id));
    }
    let rest = if old.len() < STEP { 0 } else { seqs.last().map_or(0, |oldest| oldest - 1) };
    session.execute(RENEW, &[&id, &rest, &seqs, &terms, &writer])?;
    Ok(true)
}
