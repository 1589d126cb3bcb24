//! Little that its sender says, and that many rooms hear: renames, quits, joins and leaves.

use std::time::{Duration, Instant};

use super::crew::{PATIENCE, address};
use super::stage::{BURST, Stage, rooms};
use super::turns::ROOMS;
use crate::Result;

/// A reason that costs four lines.
const REASON: usize = 4_000;
/// Between two looks at who is there.
const LOOK: Duration = Duration::from_millis(10);

/// A rename is heard in each of 50 rooms.
pub(super) fn renames(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(100, "name", true)?;
    stage.join(&all, &rooms("names", ROOMS))?;
    stage.pour(&all, |who, round| format!("/nick n{who}x{round}\n").into_bytes())?;
    Ok(String::new())
}

/// So is a quit, with its reason.
pub(super) fn quits(stage: &mut Stage<'_>) -> Result<String> {
    let hearers = stage.gather(50, "hearer", true)?;
    let rooms = rooms("quits", ROOMS);
    stage.join(&hearers, &rooms)?;
    let joins: String = rooms.iter().map(|room| format!("/join {room}\n")).collect();
    let visit = |who: usize| format!("gone{who}\n{joins}/quit {}\n", "y".repeat(REASON)).into_bytes();
    let mut visitors = Vec::new();
    for who in 100..200 {
        visitors.push((who, stage.crew.come(address(who), &visit(who), true)?));
    }
    // Flood control lets them join all rooms in ten seconds.
    let patience = Instant::now() + PATIENCE;
    while visitors.iter().all(|&(_, place)| stage.crew.is_here(place)) && Instant::now() < patience {
        stage.crew.hear(LOOK, |_, _| {})?;
    }
    stage.begin();
    let mut quits = 0;
    while stage.is_on() {
        for &(who, place) in &visitors {
            if !stage.crew.is_here(place) {
                quits += 1;
                stage.crew.come_again(place, address(who), &visit(who), true)?;
            }
        }
        stage.crew.hear(LOOK, |_, _| {})?;
    }
    Ok(format!("{quits} quits, or refusals to let in"))
}

/// Who comes into a large room, and who goes, is told to all.
pub(super) fn moves(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(900, "member", true)?;
    stage.join(&all, &rooms("moves", 1))?;
    stage.volleys(&all[..100], |_, _| "/part\n/join #moves0\n".repeat(BURST / 2).into_bytes())?;
    Ok(String::new())
}
