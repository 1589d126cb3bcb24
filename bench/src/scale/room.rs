//! One room, small or large.

use std::time::{Duration, Instant};

use super::figures::{Figure, Figures};
use super::world::{BURST, World, line, nick, said};
use crate::Result;

const ROOM: &str = "#room";
/// Messages in a full turn.
const MESSAGES: usize = 64;
/// Turns of each kind: at most so many, and no more once that time is over.
const TURNS: usize = 1_001;
const TURNS_AT_LEAST: usize = 51;
const TIME: Duration = Duration::from_secs(2);

/// All figures for a room of so many members, in which joins are announced up to `announce_limit`.
pub(super) fn measure(members: usize, announce_limit: usize) -> Result<Figures> {
    let (mut world, mut figures) = (crowd(members, announce_limit)?, Figures::default());
    messages(&mut world, members, &mut figures)?;
    joins(&mut world, members, announce_limit, &mut figures)?;
    Ok(figures)
}

/// Only what a join and a leave take there.
pub(super) fn measure_joins(members: usize, announce_limit: usize) -> Result<Figures> {
    let (mut world, mut figures) = (crowd(members, announce_limit)?, Figures::default());
    joins(&mut world, members, announce_limit, &mut figures)?;
    Ok(figures)
}

fn crowd(members: usize, announce_limit: usize) -> Result<World> {
    let mut world = World::new(members, announce_limit)?;
    world.join_all(members, BURST, |_| ROOM.into())?;
    world.take_written();
    Ok(world)
}

/// Turns in which the first member says one message, or many.
fn messages(world: &mut World, members: usize, figures: &mut Figures) -> Result<()> {
    let listeners = members - 1;
    let mut said_so_far = 0;
    for (name, messages) in [("message", 1), ("full", MESSAGES)] {
        let text = line().repeat(messages);
        let turns = repeat(|| world.turn(&[0], &text, listeners))?;
        figures.add(name, times(&turns, |turn| turn.length));
        figures.add(&format!("{name}-first"), times(&turns, |turn| turn.first));
        figures.add(&format!("{name}-last"), times(&turns, |turn| turn.last));
        world.checked_turn(0, &text, (said(ROOM, 0, &text), listeners))?;
        said_so_far += (turns.len() + 1) * messages;
    }
    let due = (said_so_far * said(ROOM, 0, &line()).len()) as u64;
    for (id, written) in world.take_written().into_iter().enumerate() {
        if written != if id == 0 { 0 } else { due } {
            return Err(format!("member {id} was written {written} bytes instead of {due}").into());
        }
    }
    Ok(())
}

/// Turns in which the last member leaves, and those in which it joins again.
fn joins(world: &mut World, members: usize, announce_limit: usize, figures: &mut Figures) -> Result<()> {
    let visitor = members as u32 - 1;
    let announced = announce_limit == 0 || members <= announce_limit;
    let writes = if announced { members } else { 1 };
    let event = |what| format!("[00:00:00] {ROOM} -- {} {what}\n", nick(visitor));
    let (join, leave) = (format!("/join {ROOM}\n"), "/part\n");
    let turns =
        repeat(|| Ok((world.turn(&[visitor], leave, writes)?, world.turn(&[visitor], &join, writes)?)))?;
    figures.add("leave", times(&turns, |(leave, _)| leave.length));
    figures.add("join", times(&turns, |(_, join)| join.length));
    world.checked_turn(visitor, leave, (event("left (part)"), writes))?;
    world.checked_turn(visitor, &join, (event("joined"), writes))
}

/// Repeats a turn, or a pair of them, while there is time; the first is no measurement.
fn repeat<T>(mut turn: impl FnMut() -> Result<T>) -> Result<Vec<T>> {
    let mut turns = Vec::new();
    let start = Instant::now();
    while turns.len() < TURNS && (turns.len() < TURNS_AT_LEAST || start.elapsed() < TIME) {
        turns.push(turn()?);
    }
    Ok(turns)
}

fn times<T>(turns: &[T], of: impl Fn(&T) -> Duration) -> Figure {
    Figure::of_times(&turns.iter().map(of).collect::<Vec<_>>())
}
