//! What refusals write into the log.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::stage::{LOG, Stage};
use crate::Result;

/// How large the log may become, in bytes a second: the lines of a busy day, not of a flood.
const RATE: u64 = 20_000;

/// Connections of a banned network, as many as come through.
pub(super) fn banned(stage: &mut Stage<'_>) -> Result<String> {
    let log = stage.folder().join(LOG);
    let before = fs::metadata(&log)?.len();
    stage.begin();
    let mut tries: usize = 0;
    while stage.is_on() {
        for _ in 0..20 {
            let from = Ipv4Addr::new(203, 0, 113, tries as u8).into();
            let who = stage.crew.come(from, b"banned\n", true)?;
            tries += 1;
            if let Some(old) = who.checked_sub(500) {
                stage.crew.leave(old);
            }
        }
        stage.crew.hear(Duration::from_millis(1), |_, _| {})?;
    }
    let written = fs::metadata(&log)?.len() - before;
    let too_much = if written > RATE * stage.seconds() { "**" } else { "" };
    Ok(format!("{too_much}{tries} tries, {} KB of log{too_much}", written / 1_000))
}
