//! From tape to plan: the header makes a world, then each record in turn makes its moments.

use std::fmt;
use std::time::Duration;

use super::fault::{Faults, Strike};
use super::options::at;
use super::workload::Society;
use super::{Moment, Options, Plan, What};
use crate::tape::{Draws, RECORD, Rng, Tape};

/// All that a tape's header decides. Printed before a failure, it says what kind of run it was.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// What the world is like.
    pub options: Options,
    society: Society,
    faults: Faults,
    pace: Pace,
}

/// How much time passes between records.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// The mean.
    mean: Duration,
    /// What times are whole multiples of, so that what happens meets deadlines.
    grid: Duration,
    /// Whether some pauses are minutes.
    pauses: bool,
}

impl Plan {
    /// The plan of a tape. Every tape has one.
    #[must_use]
    pub fn from_tape(tape: &Tape) -> Self {
        Swarm::from_tape(tape).plan(tape)
    }
}

impl Swarm {
    /// What the header of `tape` decides.
    #[must_use]
    pub fn from_tape(tape: &Tape) -> Self {
        let options = Options::from_tape(tape);
        let society = Society::from_tape(tape, &options);
        Self { society, faults: Faults::from_tape(tape), pace: Pace::from_tape(tape), options }
    }

    fn plan(mut self, tape: &Tape) -> Plan {
        let mut moments = Vec::new();
        let mut now = Duration::ZERO;
        for (record, bytes) in tape.records().iter().enumerate() {
            now += self.pace.gap(bytes[0], bytes[RECORD - 1]);
            let at = self.pace.on_grid(now);
            let noise = noise(bytes);
            let mut happens = |later, what| moments.push(Moment { at: at + later, record, noise, what });
            let client = client_of(bytes, self.options.clients);
            let mut draws = Draws::new(&bytes[3..]);
            match self.faults.strike(bytes[1], client, &mut draws) {
                Some(Strike::Fault(faults)) => {
                    faults.into_iter().for_each(|(later, fault)| happens(later, What::Fault(fault)));
                }
                Some(Strike::Storm(storm)) => {
                    let acts = self.society.storm(storm, &mut draws);
                    acts.into_iter().for_each(|(later, client, act)| happens(later, What::Act(client, act)));
                }
                None => {
                    let script = self.society.act(client, record, &mut draws);
                    script.acts.into_iter().for_each(|(later, act)| happens(later, What::Act(client, act)));
                }
            }
        }
        // Stable: what a client does at one time stays in its order.
        moments.sort_by_key(|moment| moment.at);
        Plan { seed: tape.seed(), options: self.options, moments }
    }
}

/// Whom a record is about, of so many clients.
pub(crate) fn client_of(record: &[u8; RECORD], clients: usize) -> usize {
    Draws::new(&record[2..3]).below(clients)
}

/// What a record leaves to chance: nothing, when it is all zero.
fn noise(record: &[u8; RECORD]) -> u64 {
    match u64::from_le_bytes(*record) {
        0 => 0,
        number => Rng::new(number).draw(),
    }
}

impl Pace {
    fn from_tape(tape: &Tape) -> Self {
        let mut draws = Draws::new(&tape.header()[at::PACE..at::SOCIETY]);
        let mean = *draws.pick(&[20, 100, 5, 0, 50, 200, 500, 1_000]);
        let grid = *draws.pick(&[1, 50, 1, 250]);
        let (mean, grid) = (Duration::from_millis(mean), Duration::from_millis(grid));
        Self { mean, grid, pauses: draws.one_in(4) }
    }

    /// The time between a record and the one in front of it, out of two bytes of it.
    fn gap(self, byte: u8, other: u8) -> Duration {
        if self.pauses && byte > 250 {
            return Duration::from_secs(10 + u64::from(other) * 2);
        }
        self.mean * u32::from(byte) / 128
    }

    fn on_grid(self, at: Duration) -> Duration {
        let grid = self.grid.as_millis();
        Duration::from_millis(u64::try_from(at.as_millis() / grid * grid).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, society, faults, pace: Pace { mean, grid, pauses } } = self;
        let pauses = if *pauses { ", with pauses of minutes" } else { "" };
        writeln!(f, "{options}")?;
        writeln!(f, "{society}")?;
        write!(f, "{faults}; {mean:?} between records on a grid of {grid:?}{pauses}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Fault;
    use super::*;
    use crate::tape::HEADER;

    fn plans(seeds: u64) -> impl Iterator<Item = Plan> {
        (0..seeds).map(|seed| Plan::from_tape(&Tape::from_seed(seed)))
    }

    #[test]
    fn any_tape_has_a_plan_in_the_order_of_time() {
        for plan in plans(100) {
            assert!(plan.moments.is_sorted_by_key(|moment| moment.at));
        }
        assert!(Plan::from_tape(&Tape::from_bytes(&[])).moments.is_empty());
        assert!(!Plan::from_tape(&Tape::from_bytes(&[255; 4_096])).moments.is_empty());
        let simplest = Plan::from_tape(&Tape::from_bytes(&[0; HEADER + RECORD])).moments;
        let acts: Vec<_> = simplest.iter().map(|moment| moment.what.to_string()).collect();
        assert_eq!(acts, ["c0 connects", r#"c0 sends "ann\n""#, r#"c0 sends "c0 m0.0\n""#]);
    }

    #[test]
    fn dropping_a_record_leaves_later_faults_as_they_were() {
        let tape = Tape::from_seed(3);
        let fewer = Tape::new(*tape.header(), tape.records()[1..].to_vec());
        let faults = |tape: &Tape| {
            let moments = Plan::from_tape(tape).moments.into_iter();
            moments
                .filter(|moment| matches!(moment.what, What::Fault(_)))
                .map(|moment| moment.noise)
                .collect::<Vec<_>>()
        };
        assert!(faults(&tape).ends_with(&faults(&fewer)));
    }

    #[test]
    fn faults_of_every_kind_and_often_none() {
        let mut kinds = BTreeSet::new();
        let mut without = 0;
        for plan in plans(200) {
            let faults: Vec<Fault> = plan
                .moments
                .iter()
                .filter_map(|moment| if let What::Fault(fault) = moment.what { Some(fault) } else { None })
                .collect();
            without += usize::from(faults.is_empty());
            kinds
                .extend(faults.iter().map(|fault| format!("{fault:?}").split('(').next().map(str::to_owned)));
        }
        assert!(kinds.len() == 12 && (40..160).contains(&without), "{kinds:?}, {without} of 200 without");
    }
}
