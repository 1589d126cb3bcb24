//! People without a nickname: how long they last, and what they hold.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::crew::address;
use super::stage::Stage;
use crate::Result;

const STRANGERS: usize = 1_000;
/// Seconds that the server gives them for a nickname: fewer than a flood lasts.
const TIMEOUT: u64 = 5;
/// How much longer some may be seen than that: a turn, and a busy machine.
const GRACE: Duration = Duration::from_secs(2);
/// Bytes that the server may have for each of them.
const EACH: u64 = 10 << 10;

pub(super) fn settings(_: &Path) -> Result<Vec<String>> {
    Ok(vec!["--registration-timeout".into(), TIMEOUT.to_string()])
}

/// A line that never ends: more of it than flood control takes in at once, so that it is always held back.
pub(super) fn endless(stage: &mut Stage<'_>) -> Result<String> {
    outstay(stage, &[b'x'; 32 << 10])
}

/// Lines that are too long by one byte.
pub(super) fn too_long(stage: &mut Stage<'_>) -> Result<String> {
    let mut line = vec![b'x'; 4_097];
    line.push(b'\n');
    outstay(stage, &line.repeat(8))
}

/// They come, and send pieces until the server lets go of them.
fn outstay(stage: &mut Stage<'_>, piece: &[u8]) -> Result<String> {
    let before = stage.process.resident()?;
    let came = Instant::now();
    let mut all = Vec::new();
    for who in 0..STRANGERS {
        all.push(stage.crew.come(address(who), &piece[..1], true)?);
    }
    stage.begin();
    let (mut most, mut last) = (before, None);
    while stage.is_on() {
        let mut here = 0;
        for &who in &all {
            here += usize::from(stage.crew.is_here(who));
            if stage.crew.has_sent_all(who) {
                stage.crew.send(who, piece)?;
            }
        }
        last = if here == 0 { last.or(Some(came.elapsed())) } else { None };
        most = most.max(stage.process.resident()?);
        stage.crew.hear(Duration::from_millis(20), |_, _| {})?;
        sleep(Duration::from_millis(20));
    }
    let each = (most - before) / STRANGERS as u64;
    let too_large = if each > EACH { "**more than 10 KiB for each**: " } else { "" };
    let lasted = match last {
        Some(last) if last <= Duration::from_secs(TIMEOUT) + GRACE => {
            format!("all gone after {:.1} s", last.as_secs_f64())
        }
        Some(last) => return Ok(format!("**they last {:.1} s**", last.as_secs_f64())),
        None => {
            let here = all.iter().filter(|&&who| stage.crew.is_here(who)).count();
            return Ok(format!("**{here} outlast {TIMEOUT} s**; {each} bytes for each"));
        }
    };
    Ok(format!("{too_large}{each} bytes for each; {lasted}"))
}

/// Who connects, says a nickname and leaves is in the log each time.
pub(super) fn visits(stage: &mut Stage<'_>) -> Result<String> {
    stage.begin();
    let mut visits = 0;
    while stage.is_on() {
        for _ in 0..20 {
            // Each from an address of its own, so that no limit of an address is met.
            let from = address(visits % 6_000_000 * 100);
            let who = stage.crew.come(from, format!("v{visits}\n/quit\n").as_bytes(), true)?;
            visits += 1;
            if let Some(old) = who.checked_sub(500) {
                stage.crew.leave(old);
            }
        }
        stage.crew.hear(Duration::from_millis(1), |_, _| {})?;
    }
    Ok(format!("{visits} visits"))
}
