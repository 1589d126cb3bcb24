//! A server with many connections, all of them in rooms of ten.

use std::time::{Duration, Instant};

use super::figures::{Figure, Figures};
use super::world::{BURST, Turn, World, line, said};
use crate::Result;

/// Members of each room.
const MEMBERS: usize = 10;
/// Rooms that speak in one turn.
const ROOMS_AT_ONCE: usize = 100;
/// Turns of each kind.
const TURNS: usize = 1_001;
/// How often everybody joins, and in how many turns a join is measured, at least. All but the largest servers are made
/// several times for that.
const CROWDS: usize = 5;
const JOIN_TURNS: usize = 25;
/// The largest server that is made more than once, in connections.
const LARGEST_AGAIN: usize = 100_000;

/// All figures for so many connections.
pub(super) fn measure(connections: usize, announce_limit: usize) -> Result<Figures> {
    let mut figures = Figures::default();
    let rooms = connections / MEMBERS;
    let mut world = World::new(connections, announce_limit)?;
    let start = Instant::now();
    let mut joins = join_all(&mut world, connections)?;
    let mut all = vec![start.elapsed()];
    let resident = world.resident()? as f64;
    figures.add("memory", Figure::of(vec![resident]));
    world.take_written();

    let mut said_in = vec![0; rooms];
    for (name, at_once, step) in [("one", 1, 1), ("same", 1, 0), ("hundred", ROOMS_AT_ONCE.min(rooms), 1)] {
        let times = turns(&mut world, &mut said_in, at_once, step)?;
        figures.add(name, Figure::of_times(&times.iter().map(|turn| turn.length).collect::<Vec<_>>()));
    }
    check(&mut world, &said_in)?;

    while connections <= LARGEST_AGAIN && (all.len() < CROWDS || joins.len() < JOIN_TURNS) {
        let mut world = World::new(connections, announce_limit)?;
        let start = Instant::now();
        joins.extend(join_all(&mut world, connections)?);
        all.push(start.elapsed());
    }
    figures.add("join", Figure::of_times(&joins));
    figures.add("join-all", Figure::of_times(&all));
    Ok(figures)
}

/// Everybody joins; how long it took each of the last tenth, who all find nine members in their room.
///
/// Members of one room do not join one after another, so that they do not lie side by side in memory, either.
fn join_all(world: &mut World, connections: usize) -> Result<Vec<Duration>> {
    let rooms = connections / MEMBERS;
    let joined = world.join_all(connections, rooms.min(BURST), |id| room(id as usize % rooms))?;
    let last = joined.into_iter().filter(|joined| joined.before >= connections - rooms);
    Ok(last.map(|joined| joined.each).collect())
}

/// Turns in which the first member of each of `at_once` rooms speaks: of others each time, or of the same.
fn turns(world: &mut World, said_in: &mut [u64], at_once: usize, step: usize) -> Result<Vec<Turn>> {
    let rooms = said_in.len();
    let mut turns = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        // A prime, so that it visits them all before it comes back.
        let first = turn * step * 611_953 % rooms;
        let speakers: Vec<u32> =
            (0..at_once).map(|index| ((first + index * (rooms / at_once)) % rooms) as u32).collect();
        turns.push(world.turn(&speakers, &line(), at_once * (MEMBERS - 1))?);
        speakers.iter().for_each(|&speaker| said_in[speaker as usize] += 1);
    }
    Ok(turns)
}

/// Whether everybody was written as many bytes as was said in its room, and the right ones.
fn check(world: &mut World, said_in: &[u64]) -> Result<()> {
    let rooms = said_in.len();
    let length = said(&room(0), 0, &line()).len() as u64;
    for (id, written) in world.take_written().into_iter().enumerate() {
        let due = if id < rooms { 0 } else { said_in[id % rooms] * length };
        if written != due {
            return Err(format!("connection {id} was written {written} bytes instead of {due}").into());
        }
    }
    for speaker in [0, rooms / 2, rooms - 1] {
        let expected = said(&room(speaker), speaker as u32, &line());
        world.checked_turn(speaker as u32, &line(), (expected, MEMBERS - 1))?;
    }
    Ok(())
}

fn room(number: usize) -> String {
    format!("#room{number:06}")
}
