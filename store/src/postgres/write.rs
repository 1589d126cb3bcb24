//! Storing events: one statement, which is a transaction of its own, unless there are new rooms.

use std::borrow::Cow;
use std::collections::HashMap;

use ::postgres::Error;
use chat_core::{Kind, RoomRecord};
use chrono::{DateTime, Utc};

use super::read::number;
use super::session::Session;
use super::signed;
use crate::words::indexed;
use crate::{RoomInfo, StoreError};

const NEW_ROOMS: &str = "
    INSERT INTO chat.rooms (key, name) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT (key) DO NOTHING";

const FIND_ROOMS: &str = "SELECT key, id FROM chat.rooms WHERE key = ANY($1::text[])";

/// Events that are there already come back from no insert, and so their bytes do not count again. Nothing happens if the
/// history is not this server's: another one that takes it over waits for transactions that have found it theirs.
const STORE: &str = "
    WITH owner AS (
        SELECT 1 FROM chat.notes
        WHERE space = 'server' AND name = 'writer' AND value = to_jsonb($13::text) FOR SHARE
    ),
    new AS (
        INSERT INTO chat.events (room, seq, at, kind, nick, text, search)
        SELECT room, seq, at, kind, nick, text, array_to_tsvector(string_to_array(terms, ' '))
        FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
            AS given (room, seq, at, kind, nick, text, terms)
        WHERE EXISTS (SELECT FROM owner)
        ON CONFLICT DO NOTHING
        RETURNING room, octet_length(nick) + octet_length(text) AS bytes
    ),
    sums AS (SELECT room, sum(bytes)::bigint AS bytes, count(*) AS count FROM new GROUP BY room)
    UPDATE chat.rooms SET
        name = CASE WHEN given.seq >= rooms.seq THEN given.name ELSE rooms.name END,
        seq = greatest(rooms.seq, given.seq),
        topic = CASE WHEN given.topic_seq > rooms.topic_seq THEN nullif(given.topic, '') ELSE rooms.topic END,
        topic_seq = greatest(rooms.topic_seq, given.topic_seq),
        bytes = rooms.bytes + coalesce(sums.bytes, 0)
    FROM unnest($8::bigint[], $9::text[], $10::bigint[], $11::text[], $12::bigint[])
        AS given (room, name, seq, topic, topic_seq)
        LEFT JOIN sums USING (room)
    WHERE rooms.id = given.room AND EXISTS (SELECT FROM owner)
    RETURNING coalesce(sums.count, 0)";

/// An event that is there, and is another one than that which was to be stored.
const DIFFERENT: &str = "
    SELECT rooms.key, events.seq FROM chat.events JOIN
        unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[]) AS given (room, seq, kind, nick, text)
        USING (room, seq)
        JOIN chat.rooms ON rooms.id = events.room
    WHERE (events.kind, events.nick, events.text) <> (given.kind, given.nick, given.text) LIMIT 1";

const RESTORE: &str = "
    INSERT INTO chat.rooms (key, name, seq, topic, topic_seq) VALUES ($1, $2, $3, $4, $3)
    ON CONFLICT (key) DO UPDATE SET
        name = excluded.name, seq = excluded.seq, topic = excluded.topic, topic_seq = excluded.topic_seq
    WHERE rooms.seq <= excluded.seq";

/// Fails in two ways: if there is no answer, or if what is stored already is something else.
pub(super) fn write(
    session: &mut Session,
    (writer, known): (&str, &mut HashMap<String, i64>),
    events: &[RoomRecord],
) -> Result<Result<(), StoreError>, Error> {
    if events.is_empty() {
        return Ok(Ok(()));
    }
    learn_rooms(session, known, events)?;
    let room = |event: &RoomRecord| known.get(&*event.key).copied().unwrap_or_default();
    let rooms: Vec<i64> = events.iter().map(room).collect();
    let seqs: Vec<i64> = events.iter().map(|event| signed(event.seq)).collect();
    let stamps: Vec<DateTime<Utc>> = events.iter().map(|event| event.at).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.word()).collect();
    let nicks: Vec<Cow<'_, str>> = events.iter().map(|event| plain(&event.nick)).collect();
    let texts: Vec<Cow<'_, str>> = events.iter().map(|event| plain(&event.text)).collect();
    let searched = |event: &RoomRecord, room| event.kind.is_talk().then(|| searched(&event.text, room));
    let terms: Vec<Option<String>> =
        events.iter().zip(&rooms).map(|(event, &room)| searched(event, room)).collect();

    let mut changes: HashMap<i64, Change<'_>> = HashMap::new();
    for (event, &room) in events.iter().zip(&rooms) {
        changes.entry(room).or_insert(Change { newest: event, topic: None }).take(event);
    }
    let ids: Vec<i64> = changes.keys().copied().collect();
    let names: Vec<&str> = changes.values().map(|change| &*change.newest.room).collect();
    let newest: Vec<i64> = changes.values().map(|change| signed(change.newest.seq)).collect();
    let topics: Vec<Option<Cow<'_, str>>> =
        changes.values().map(|change| change.topic.map(|event| plain(&event.text))).collect();
    let topic_seqs: Vec<i64> =
        changes.values().map(|change| change.topic.map_or(0, |event| signed(event.seq))).collect();
    let new = session.query(
        STORE,
        &[
            &rooms,
            &seqs,
            &stamps,
            &kinds,
            &nicks,
            &texts,
            &terms,
            &ids,
            &names,
            &newest,
            &topics,
            &topic_seqs,
            &writer,
        ],
    )?;
    let mut count = 0;
    for row in &new {
        count += number(row, 0)?;
    }
    if count == events.len() as u64 {
        return Ok(Ok(()));
    }
    if let Err(error) = session.is_owned_by(writer)? {
        return Ok(Err(error));
    }
    if new.len() < ids.len() {
        return Ok(Err(StoreError::new("somebody has removed rooms from this history")));
    }
    let different = session.query(DIFFERENT, &[&rooms, &seqs, &kinds, &nicks, &texts])?;
    let Some(row) = different.first() else { return Ok(Ok(())) };
    Ok(Err(StoreError::different(row.try_get(0)?, number(row, 1)?)))
}

/// What a batch comes to for one room.
struct Change<'a> {
    newest: &'a RoomRecord,
    topic: Option<&'a RoomRecord>,
}

impl<'a> Change<'a> {
    fn take(&mut self, event: &'a RoomRecord) {
        if event.seq >= self.newest.seq {
            self.newest = event;
        }
        if event.kind == Kind::Topic && self.topic.is_none_or(|topic| topic.seq < event.seq) {
            self.topic = Some(event);
        }
    }
}

/// Has an id for every room of these events.
fn learn_rooms(
    session: &mut Session,
    known: &mut HashMap<String, i64>,
    events: &[RoomRecord],
) -> Result<(), Error> {
    let unknown: HashMap<&str, &str> = events
        .iter()
        .filter(|event| !known.contains_key(&*event.key))
        .map(|event| (&*event.key, &*event.room))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let (keys, names): (Vec<&str>, Vec<&str>) = unknown.into_iter().unzip();
    session.execute(NEW_ROOMS, &[&keys, &names])?;
    for row in session.query(FIND_ROOMS, &[&keys])? {
        known.insert(row.try_get(0)?, row.try_get(1)?);
    }
    Ok(())
}

/// What is searched: the terms, and the room, so that the index alone finds those of a room.
pub(super) fn searched(text: &str, room: i64) -> String {
    format!("{} #{room}", indexed(text)).trim_start().to_owned()
}

/// PostgreSQL has no text with this character in it, and would refuse the batch for ever.
fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

pub(super) fn restore(session: &mut Session, room: &RoomInfo) -> Result<(), Error> {
    let topic = room.topic.as_deref().map(plain);
    session.execute(RESTORE, &[&room.key, &room.name, &signed(room.seq), &topic])
}
