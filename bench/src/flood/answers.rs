//! Little that is asked, and much that is answered; and private messages.

use super::stage::{BURST, Stage, rooms};
use crate::Result;

/// Those who ask, or write to each other.
const MANY: usize = 300;
/// A private message as long as can be.
const LINE: usize = 4_070;

/// They take what they are answered.
pub(super) fn lists(stage: &mut Stage<'_>) -> Result<String> {
    ask(stage, true)
}

/// They do not.
pub(super) fn deaf(stage: &mut Stage<'_>) -> Result<String> {
    ask(stage, false)
}

fn ask(stage: &mut Stage<'_>, reads: bool) -> Result<String> {
    // Something to be told of: a room with members, long lines and a topic.
    let tellers = stage.gather(20, "teller", true)?;
    stage.join(&tellers, &rooms("told", 10))?;
    for (&who, room) in tellers.iter().zip(rooms("told", 10).iter().cycle()) {
        let text = "x".repeat(4_000);
        stage.crew.send(who, format!("/msg {room} {text}\n/join {room}\n/topic {text}\n").as_bytes())?;
    }
    let all = stage.gather(MANY, "asker", reads)?;
    for &who in &all {
        stage.crew.send(who, b"/join #told0\n")?;
    }
    stage.pour(&all, |_, round| {
        let questions: &[u8] = match round % 4 {
            0 => b"/who\n",
            1 => b"/rooms\n",
            2 => b"/history 1000\n",
            _ => b"/help\n",
        };
        questions.to_vec()
    })?;
    Ok(String::new())
}

/// Each to the next one.
pub(super) fn private(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(MANY, "private", true)?;
    let (first, text) = (all[0], "x".repeat(LINE));
    stage.pour(&all, |who, _| {
        let next = first + (who - first + 1) % MANY;
        format!("/msg private{next} {text}\n").into_bytes()
    })?;
    Ok(String::new())
}

/// Those who do not read owe the server's whole memory, though none of them more than one reader may.
pub(super) fn hoard(stage: &mut Stage<'_>) -> Result<String> {
    let writers = stage.gather(MANY, "writer", true)?;
    let deaf = stage.gather(MANY, "deaf", false)?;
    let text = "x".repeat(LINE);
    let first = writers[0];
    stage.pour(&writers, |who, _| {
        let reader = deaf[who - first];
        format!("/msg deaf{reader} {text}\n").repeat(BURST / 4).into_bytes()
    })?;
    Ok(String::new())
}
