//! The tables, and how older ones become today's.

use ::postgres::Client;

use super::session::explain;
use crate::StoreError;

/// Each makes the tables of the version before it those of its own; the first one has number 1. They never change: a
/// database remembers only which of them it has seen.
const MIGRATIONS: [&str; 2] = ["
    CREATE TABLE chat.rooms (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        key text COLLATE \"C\" NOT NULL UNIQUE,
        name text NOT NULL,
        seq bigint NOT NULL DEFAULT 0,
        topic text,
        topic_seq bigint NOT NULL DEFAULT 0,
        bytes bigint NOT NULL DEFAULT 0
    );
    COMMENT ON TABLE chat.rooms IS 'What outlives the events of a room';
    COMMENT ON COLUMN chat.rooms.key IS 'The same for all ways of writing the name';
    COMMENT ON COLUMN chat.rooms.seq IS 'The number of the newest event';
    COMMENT ON COLUMN chat.rooms.bytes IS 'Of nicknames and text that are kept';
    -- A reference to rooms would be checked for every event. Nothing removes a room.
    CREATE TABLE chat.events (
        room bigint NOT NULL,
        seq bigint NOT NULL,
        at timestamptz NOT NULL,
        kind text NOT NULL,
        nick text NOT NULL,
        text text NOT NULL,
        redacted timestamptz,
        message text,
        extra jsonb,
        search tsvector,
        PRIMARY KEY (room, seq)
    );
    COMMENT ON COLUMN chat.events.room IS 'An id of chat.rooms';
    COMMENT ON COLUMN chat.events.search IS 'Words in lower case, and # with the id of the room';
    CREATE INDEX events_search ON chat.events USING gin (search);
    CREATE TABLE chat.notes (
        space text NOT NULL,
        name text NOT NULL,
        value jsonb NOT NULL,
        PRIMARY KEY (space, name)
    );
    COMMENT ON TABLE chat.notes IS 'Small things by name, such as accounts and read markers';
    CREATE VIEW chat.history AS
        SELECT rooms.name AS room, events.seq, at, kind, nick, text
        FROM chat.events JOIN chat.rooms ON rooms.id = events.room;
    COMMENT ON VIEW chat.history IS 'For people who want to read';
",
    "
    -- Terms where there were words: see `words`. Those of events that are there come anew, room by room: see `terms`.
    ALTER TABLE chat.rooms ADD COLUMN stale bigint NOT NULL DEFAULT 0;
    UPDATE chat.rooms SET stale = seq;
    COMMENT ON COLUMN chat.rooms.stale IS 'Up to this number, events may still have words in place of terms';
    COMMENT ON COLUMN chat.events.search IS 'Words, letters and signs in one form each, and # with the id of the room';
"];

/// Makes today's tables of whatever there is. The writer's lock keeps others from doing the same.
pub(super) fn migrate(client: &mut Client) -> Result<(), StoreError> {
    let seen = seen(client)?;
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(seen) {
        let mut apply = || {
            let mut transaction = client.transaction()?;
            transaction.batch_execute(
                "CREATE SCHEMA IF NOT EXISTS chat;
                CREATE TABLE IF NOT EXISTS chat.migrations (
                    number integer PRIMARY KEY,
                    at timestamptz NOT NULL DEFAULT now()
                );",
            )?;
            transaction.batch_execute(migration)?;
            let number = i32::try_from(number + 1).unwrap_or(i32::MAX);
            transaction.execute("INSERT INTO chat.migrations (number) VALUES ($1)", &[&number])?;
            transaction.commit()
        };
        apply().map_err(|error| explain(&error))?;
    }
    Ok(())
}

/// Whether this role may do with the tables what a server does: they may be somebody else's.
pub(super) fn check_rights(client: &mut Client) -> Result<(), StoreError> {
    const MISSING: &str = "
        SELECT may || ' on ' || name
        FROM unnest(ARRAY['chat.rooms', 'chat.events', 'chat.notes']) AS name,
            unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS may
        WHERE NOT has_table_privilege(name, may)";
    let mut ask = || {
        let rows = client.query(MISSING, &[])?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()
    };
    let missing = ask().map_err(|error| explain(&error))?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(StoreError::new(format_args!("this role lacks some rights (GRANT): {}", missing.join(", "))))
}

/// Whether the tables are today's.
pub(super) fn check(client: &mut Client) -> Result<(), StoreError> {
    if seen(client)? == MIGRATIONS.len() {
        return Ok(());
    }
    Err(StoreError::new("it has no history of this version: start the server on it once"))
}

/// How many migrations the database has seen.
fn seen(client: &mut Client) -> Result<usize, StoreError> {
    let mut ask = || {
        let exists = client.query_one("SELECT to_regclass('chat.migrations') IS NOT NULL", &[])?;
        if !exists.try_get::<_, bool>(0)? {
            return Ok(0);
        }
        client.query_one("SELECT coalesce(max(number), 0) FROM chat.migrations", &[])?.try_get::<_, i32>(0)
    };
    let seen = ask().map_err(|error| explain(&error))?;
    let seen = usize::try_from(seen).unwrap_or_default();
    if seen > MIGRATIONS.len() {
        return Err(StoreError::new(format_args!(
            "it was written by a newer version (its format is {seen}, and this version knows {})",
            MIGRATIONS.len()
        )));
    }
    Ok(seen)
}
