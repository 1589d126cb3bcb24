//! Much that has to be worked out in one turn: for each member something else, or more of it than there should be.

use super::stage::{BURST, Stage, rooms};
use crate::Result;

/// Rooms that one user may be in.
pub(super) const ROOMS: usize = 50;
/// A nickname and a name of a room may have so many characters, and these take four bytes each.
const NICK: usize = 30;
const ROOM: usize = 49;
/// Letters of four bytes, as a number in base four: long names, of which no two are alike.
const LETTERS: [char; 4] = ['𐐨', '𐐩', '𐐪', '𐐫'];

/// Everybody renames itself, leaves a room and joins it, so that nobody hears the same as anybody else.
pub(super) fn moved(stage: &mut Stage<'_>, count: usize) -> Result<String> {
    let all = stage.gather(count, "turn", true)?;
    let rooms: Vec<String> = (0..ROOMS).map(|number| format!("#{}", long_name(number, ROOM))).collect();
    stage.join(&all, &rooms)?;
    let (first, last) = (&rooms[0], &rooms[ROOMS - 1]);
    let nick =
        |who: usize, number: usize| format!("/nick {}\n", long_name(who * 1_000 + number % 1_000, NICK));
    stage.volleys(&all, |who, volley| {
        let renames: String = (0..BURST - 2).map(|line| nick(who, volley * BURST + line)).collect();
        // What was left in the volley before is joined again first.
        let join = if volley == 0 { nick(who, 999) } else { format!("/join {first}\n") };
        format!("{join}{renames}/part {first}\n/join {last}\n").into_bytes()
    })?;
    Ok(String::new())
}

/// Everybody speaks in all of its rooms, and no two have the same ones.
pub(super) fn sets(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(300, "set", true)?;
    let rooms = rooms("set", 2 * ROOMS);
    let own = |who: usize| -> Vec<String> {
        // One of each two rooms, as the bits of a number say that is its own.
        let bits = (who as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..ROOMS).map(|pair| rooms[2 * pair + (bits >> (pair + 7) & 1) as usize].clone()).collect()
    };
    stage.join_own(&all, own)?;
    stage.volleys(&all, |who, volley| {
        let own = own(who);
        let say =
            |line: usize| format!("/msg {} {}\n", own[(volley * BURST + line) % ROOMS], "x".repeat(900));
        (0..BURST).map(say).collect::<String>().into_bytes()
    })?;
    Ok(String::new())
}

/// Everybody says what is one byte on the way in, and three on the way out, in all its rooms.
pub(super) fn long(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(300, "long", true)?;
    let rooms = rooms("long", ROOMS);
    stage.join(&all, &rooms)?;
    stage.volleys(&all, |who, volley| {
        // Four lines: each whole KiB of one costs as much as a line.
        let room = |line: usize| format!("/msg {} ", rooms[(who + volley * 4 + line) % ROOMS]);
        (0..4)
            .flat_map(|line| [room(line).into_bytes(), vec![0xff; 4_080], b"\n".to_vec()].concat())
            .collect()
    })?;
    Ok(String::new())
}

/// As many as a room may have while it still announces everybody, all of them talking.
pub(super) fn crowd(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(1_000, "crowd", true)?;
    stage.join(&all, &rooms("crowd", 1))?;
    stage.volleys(&all, |who, volley| {
        format!("{who} says something for the {volley}th time\n").repeat(BURST).into_bytes()
    })?;
    Ok(String::new())
}

/// A name as long as may be, of which no two are alike.
fn long_name(number: usize, length: usize) -> String {
    let mut name = String::new();
    let mut rest = number;
    for _ in 0..length {
        name.push(LETTERS[rest % LETTERS.len()]);
        rest /= LETTERS.len();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_differ_and_are_as_long_as_may_be() {
        assert_ne!(long_name(1_000, NICK), long_name(1_001, NICK));
        assert_eq!((long_name(7, ROOM).chars().count(), long_name(7, ROOM).len()), (ROOM, 4 * ROOM));
    }
}
