//! Rooms that nobody is in: who joins one has the store asked for its last events, which may be large.

use std::path::Path;
use std::time::Duration;

use chat_core::{Kind, RoomRecord};
use chat_store::{Opened, Retention};
use chrono::{DateTime, Utc};

use super::stage::{Stage, rooms};
use crate::Result;

const ROOMS: usize = 50;
/// As many as are looked at when somebody joins.
const EVENTS: u64 = 200;
/// As large as a line can become.
const TEXT: usize = 12_000;
/// Events that are stored at once.
const BATCH: usize = 1_000;

pub(super) fn settings(folder: &Path) -> Result<Vec<String>> {
    let text = "x".repeat(TEXT);
    let rooms = rooms("large", ROOMS);
    fill(folder, rooms.iter().flat_map(|room| (1..=EVENTS).map(|seq| said(room, seq, text.clone()))))?;
    Ok(Vec::new())
}

/// They join and leave, each another room than the one before.
pub(super) fn joins(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(100, "end", true)?;
    stage.pour(&all, |who, round| format!("/join #large{}\n/part\n", (who + round) % ROOMS).into_bytes())?;
    stage.crew.hear(Duration::ZERO, |_, _| {})?;
    Ok(String::new())
}

/// Makes a history in the folder of a server that does not run yet.
pub(super) fn fill(folder: &Path, events: impl Iterator<Item = RoomRecord>) -> Result<()> {
    let url = format!("sqlite:{}", folder.join("history.db").display());
    let Opened { mut stores, .. } = chat_store::open(&url, false, Retention::default())?;
    let mut events = events.peekable();
    while events.peek().is_some() {
        let batch: Vec<_> = events.by_ref().take(BATCH).collect();
        stores.writer.write(&batch)?;
    }
    while stores.writer.catch_up()? {}
    Ok(())
}

pub(super) fn said(room: &str, seq: u64, text: String) -> RoomRecord {
    let at = DateTime::<Utc>::from_timestamp(1_700_000_000 + seq as i64, 0).unwrap_or_default();
    RoomRecord {
        room: room.into(),
        key: room.into(),
        seq,
        at,
        nick: "somebody".into(),
        kind: Kind::Said,
        text,
    }
}
