//! Rooms without end, and topics.

use super::stage::{Stage, rooms};
use crate::Result;

/// Each room is new, and empty again at once.
pub(super) fn new(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(100, "maker", true)?;
    let mut made = 0;
    stage.pour_and_hear(
        &all,
        |who, round| format!("/join #new{who}-{round}\n/part\n").into_bytes(),
        |bytes| made += memchr::memmem::find_iter(bytes, b"* you are in #new").count(),
    )?;
    Ok(format!("{made} rooms made"))
}

/// A topic is stored, told to all, and kept with the room.
pub(super) fn topics(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(300, "topic", true)?;
    stage.join(&all, &rooms("topics", 1))?;
    let topic = "t".repeat(4_000);
    stage.pour(&all, |who, round| format!("/topic {who} {round} {topic}\n").into_bytes())?;
    Ok(String::new())
}
