//! What goes wrong: which kinds of faults a run has, if any, and which one a record means.

use std::fmt;
use std::time::Duration;

use super::options::at;
use super::{Fault, Fault as F};
use crate::tape::{Draws, Tape};

/// The kinds, and how heavy each weighs where it exists.
const KINDS: [(&str, u32); 14] = [
    ("hold", 12),
    ("release", 1),
    ("panic", 4),
    ("wall jump", 6),
    ("suspend", 3),
    ("accept error", 3),
    ("no descriptors", 3),
    ("deaf", 2),
    ("mute", 2),
    ("silent death", 1),
    ("crash", 1),
    ("shutdown", 1),
    ("accept storm", 3),
    ("reconnect storm", 2),
];
/// How heavy "nothing after all" weighs beside them: it keeps the rare kinds rare where they are alone.
const NOTHING: u32 = 10;

/// What a record means that is a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    /// These, each so much later.
    Fault(Vec<(Duration, Fault)>),
    /// Many clients do the same at once.
    Storm(Storm),
}

/// What many do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storm {
    /// Strangers come, each of whom soon goes.
    Strangers,
    /// All clients are cut off, and come again under the same names.
    Reconnect,
}

/// Which faults a run has, and how often.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    /// Of 256 records, so many are faults.
    share: u8,
    /// Those of [`KINDS`] that exist; "nothing after all" comes first.
    weights: [u32; KINDS.len() + 1],
}

impl Faults {
    pub(super) fn from_tape(tape: &Tape) -> Self {
        let bytes = &tape.header()[at::FAULTS..at::FAULTS + 3];
        let mask = u16::from_le_bytes([bytes[1], bytes[2]]);
        let share = *Draws::new(&bytes[..1]).pick(&[0, 0, 0, 8, 16, 32, 64]);
        let mut weights = [NOTHING; KINDS.len() + 1];
        for (kind, (_, weight)) in KINDS.iter().enumerate() {
            weights[kind + 1] = if mask & 1 << kind == 0 { 0 } else { *weight };
        }
        Self { share, weights }
    }

    /// What a record with this choice of its kind means; none, when it is no fault.
    pub(super) fn strike(&self, kind: u8, client: usize, draws: &mut Draws<'_>) -> Option<Strike> {
        // The high numbers are faults, so that zero is something that a client does.
        if u8::MAX - kind >= self.share {
            return None;
        }
        let kind = draws.weighted(&self.weights).checked_sub(1)?;
        let now = |fault| Strike::Fault(vec![(Duration::ZERO, fault)]);
        let millis = |millis: usize| Duration::from_millis(millis as u64);
        Some(match KINDS[kind].0 {
            "hold" => Strike::Fault(hold(client, draws)),
            "release" => now(F::Release(client)),
            "panic" => now(F::Panic(client)),
            "wall jump" => now(F::WallJump(wall_jump(draws))),
            "suspend" => now(F::Suspend(millis(*draws.pick(&[1_000, 5_000, 20_000, 60_000, 600_000])))),
            "accept error" => now(F::AcceptError(1 + draws.below(5) as u32)),
            "no descriptors" => now(F::NoDescriptors(millis(100 + draws.below(5_000)))),
            "deaf" => now(F::DeafTo(client)),
            "mute" => now(F::MuteTo(client)),
            "silent death" => now(F::SilentDeath(client)),
            "crash" => now(F::Crash(millis(100 + draws.below(3_000)))),
            "shutdown" => now(F::Shutdown),
            "accept storm" => Strike::Storm(Storm::Strangers),
            _ => Strike::Storm(Storm::Reconnect),
        })
    }
}

/// A glitch that heals, mostly soon.
fn hold(client: usize, draws: &mut Draws<'_>) -> Vec<(Duration, Fault)> {
    let until = match draws.weighted(&[12, 3, 1]) {
        0 => draws.millis_below(2_000),
        1 => draws.millis_below(30_000),
        _ => return vec![(Duration::ZERO, F::Hold(client))],
    };
    vec![(Duration::ZERO, F::Hold(client)), (until, F::Release(client))]
}

/// In seconds, back as often as forth.
fn wall_jump(draws: &mut Draws<'_>) -> i64 {
    let far = *draws.pick(&[1, 30, 61, 3_600, 86_400, 40 * 365 * 86_400]);
    if draws.one_in(2) { -far } else { far }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = KINDS.iter().zip(&self.weights[1..]).filter(|(_, weight)| **weight > 0);
        let kinds: Vec<_> = kinds.map(|((name, _), _)| *name).collect();
        match self.share {
            0 => f.write_str("no faults"),
            _ if kinds.is_empty() => f.write_str("no faults"),
            share => write!(f, "faults in {share} of 256 records: {}", kinds.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_the_faults_of_its_mask_only() {
        let mut bytes = [0; 64];
        bytes[at::FAULTS..at::FAULTS + 3].copy_from_slice(&[255, 1 << 2, 0]);
        let faults = Faults::from_tape(&Tape::from_bytes(&bytes));
        let panics_now = Strike::Fault(vec![(Duration::ZERO, Fault::Panic(3))]);
        let mut panics = 0;
        for seed in 1..=100_u8 {
            let struck = faults.strike(255, 3, &mut Draws::new(&[seed.wrapping_mul(7), seed]));
            panics += usize::from(struck.is_some());
            assert!(struck.is_none_or(|struck| struck == panics_now));
        }
        assert!((10..90).contains(&panics), "{panics} of 100");
        assert_eq!(faults.strike(0, 3, &mut Draws::new(&[255, 255])), None);
    }
}
