//! Coming in, and having to leave: passwords, bans, descriptors, the end of the server.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::crew::address;
use super::stage::{PASSWORD, Stage, rooms};
use super::turns::ROOMS;
use crate::Result;

/// The file of bans, in the server's folder.
pub(super) const BANS: &str = "bans";
/// Connections that guess at one time.
const GUESSERS: usize = 128;
/// Tries a second of a whole flood that are few enough: a password of four words holds for ever.
const GUESSES: u64 = 20;
/// Somebody who knows the password comes so often.
const WELCOME: Duration = Duration::from_secs(1);

/// From 64 networks of one /48.
pub(super) fn guesses_v6(stage: &mut Stage<'_>) -> Result<String> {
    guesses(stage, |try_| {
        format!("2001:db8:66:{:x}::{:x}", try_ % 64, try_ / 64 + 1).parse().expect("an address")
    })
}

/// From one address.
pub(super) fn guesses_v4(stage: &mut Stage<'_>) -> Result<String> {
    guesses(stage, |_| Ipv4Addr::new(10, 66, 6, 6).into())
}

/// Each answer to a wrong one is waited for: a script that does not is sent away at once.
fn guesses(stage: &mut Stage<'_>, from: impl Fn(usize) -> IpAddr) -> Result<String> {
    stage.begin();
    let (mut came, mut guesses, mut right, mut known) = (0, 0_u64, 0, 0);
    let mut guessers: Vec<usize> = Vec::new();
    let mut friends: Vec<usize> = Vec::new();
    let mut next = Instant::now();
    while stage.is_on() {
        if next <= Instant::now() {
            next += WELCOME;
            let from = Ipv4Addr::new(198, 51, 100, u8::try_from(friends.len() % 250)?).into();
            let hello = format!("{PASSWORD}\nfriend{}\n", friends.len());
            friends.push(stage.crew.come(from, hello.as_bytes(), true)?);
        }
        if guessers.len() < GUESSERS {
            guessers.push(stage.crew.come(from(came), b"guess\n", true)?);
            came += 1;
        }
        for guesser in &guessers {
            if !stage.crew.is_here(*guesser) {
                stage.crew.come_again(*guesser, from(came), b"guess\n", true)?;
                came += 1;
            }
        }
        let mut wrong = Vec::new();
        stage.crew.hear(Duration::from_millis(1), |who, bytes| {
            right +=
                usize::from(friends.contains(&who) && memchr::memmem::find(bytes, b"* welcome").is_some());
            if guessers.contains(&who) && is_wrong(bytes) {
                wrong.push(who);
            }
        })?;
        guesses += wrong.len() as u64;
        for who in wrong {
            stage.crew.send(who, b"guess\n")?;
        }
        known = friends.len();
    }
    // The last one may still be on its way.
    let kept_out = known.saturating_sub(right + 1);
    let bad = if guesses > GUESSES * stage.seconds() || kept_out > 0 { "**" } else { "" };
    Ok(format!(
        "{bad}{guesses} guesses of {came} connections; {kept_out} of {known} who know it are kept out{bad}"
    ))
}

/// Whether an answer says that this was not the password, and not that it was not looked at.
fn is_wrong(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"not the password").is_some()
}

/// All have to leave in one turn, and each of their rooms is told of each of them.
pub(super) fn ban(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(300, "banned", true)?;
    stage.join(&all, &rooms("bans", ROOMS))?;
    // So that somebody is there to hear it.
    stage.begin();
    stage.crew.hear_until(Instant::now() + Duration::from_secs(1))?;
    fs::write(stage.folder().join(BANS), "10.66.0.0/23\n")?;
    stage.process.signal(Signal::HUP)?;
    stage.crew.hear_until(stage.until())?;
    let left = all.iter().filter(|&&who| stage.crew.is_here(who)).count();
    Ok(if left == 0 { String::new() } else { format!("**{left} are still here**") })
}

/// More connections than descriptors; and whether there is a place again as soon as one of them has gone.
pub(super) fn descriptors(stage: &mut Stage<'_>) -> Result<String> {
    let mut all = Vec::new();
    for who in 0..400 {
        all.push(stage.crew.come(address(who), format!("d{who}\n").as_bytes(), true)?);
    }
    stage.begin();
    stage.crew.hear_until(Instant::now() + Duration::from_secs(3))?;
    let here = all.iter().filter(|&&who| stage.crew.is_here(who)).count();
    all.iter().take(350).for_each(|&who| stage.crew.leave(who));
    stage.crew.hear_until(Instant::now() + Duration::from_secs(1))?;
    let late = stage.crew.come(address(5_000), b"late\n", true)?;
    let came_in = stage.crew.wait_for([(late, "* welcome".into())]).is_ok() && stage.crew.is_here(late);
    stage.crew.hear_until(stage.until())?;
    let bad = if came_in { "" } else { "**nobody comes in afterwards**; " };
    Ok(format!("{bad}{here} of 400 were let in"))
}

/// They are here when the server is told to end, which it is after every flood.
pub(super) fn members(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(2_000, "member", true)?;
    let rooms = rooms("end", ROOMS);
    stage.join(&all, &rooms[..10])?;
    stage.begin();
    stage.crew.hear_until(stage.until())?;
    Ok(String::new())
}
