//! A failing tape to a smaller one that fails in the same way.

use crate::plan::{MAX_CLIENTS, Plan, client_of};
use crate::tape::{HEADER, RECORD, Tape};

/// The seed: what follows from it has no order, so that no seed is simpler than another.
const SEED: usize = 8;

/// Makes `tape` smaller and simpler for as long as `still_fails` says that it fails, in the way that matters to
/// the caller, and until that was asked `budget` times. Drops records, then clients; simplifies what the world is
/// like, then what happens; and begins again as long as that helps. `tape` itself is taken to fail.
#[must_use]
pub fn shrink(tape: &Tape, still_fails: impl FnMut(&Tape) -> bool, budget: usize) -> Tape {
    let mut shrinker = Shrinker { best: tape.clone(), plan: Plan::from_tape(tape), still_fails, budget };
    loop {
        let before = shrinker.best.clone();
        shrinker.drop_records();
        shrinker.drop_clients();
        shrinker.simplify_header();
        shrinker.simplify_records();
        if shrinker.best == before || shrinker.budget == 0 {
            return shrinker.best;
        }
    }
}

struct Shrinker<F> {
    /// The smallest tape that fails.
    best: Tape,
    /// The plan of it.
    plan: Plan,
    still_fails: F,
    /// How many runs are left.
    budget: usize,
}

impl<F: FnMut(&Tape) -> bool> Shrinker<F> {
    /// Takes `tape` for the best if it fails.
    fn consider(&mut self, tape: Tape) -> bool {
        if tape == self.best {
            return false;
        }
        let plan = Plan::from_tape(&tape);
        // What makes no difference needs no run.
        if plan != self.plan {
            if self.budget == 0 {
                return false;
            }
            self.budget -= 1;
            if !(self.still_fails)(&tape) {
                return false;
            }
        }
        (self.best, self.plan) = (tape, plan);
        true
    }

    /// Drops ever smaller pieces.
    fn drop_records(&mut self) {
        let mut size = self.best.records().len();
        while size > 0 && self.budget > 0 {
            let mut start = 0;
            while start < self.best.records().len() {
                let mut records = self.best.records().to_vec();
                records.drain(start..records.len().min(start + size));
                if !self.consider(Tape::new(*self.best.header(), records)) {
                    start += size;
                }
            }
            size /= 2;
        }
    }

    fn drop_clients(&mut self) {
        for client in 0..MAX_CLIENTS {
            let clients = self.plan.options.clients;
            let records = self.best.records().iter().copied();
            let others = records.filter(|record| client_of(record, clients) != client).collect();
            self.consider(Tape::new(*self.best.header(), others));
        }
    }

    fn simplify_header(&mut self) {
        for at in SEED..HEADER {
            self.lower(self.best.header()[at], |tape, byte| {
                let mut header = *tape.header();
                header[at] = byte;
                Tape::new(header, tape.records().to_vec())
            });
        }
    }

    fn simplify_records(&mut self) {
        for record in 0..self.best.records().len() {
            for at in 0..RECORD {
                self.lower(self.best.records()[record][at], |tape, byte| {
                    let mut records = tape.records().to_vec();
                    records[record][at] = byte;
                    Tape::new(*tape.header(), records)
                });
            }
        }
    }

    /// Zeroes one byte, or else makes it as low as bisection finds that it can be.
    fn lower(&mut self, byte: u8, with: impl Fn(&Tape, u8) -> Tape) {
        if byte == 0 || self.consider(with(&self.best, 0)) {
            return;
        }
        let (mut passes, mut fails) = (0, byte);
        while fails - passes > 1 {
            let between = passes + (fails - passes) / 2;
            let failed = self.consider(with(&self.best, between));
            *(if failed { &mut fails } else { &mut passes }) = between;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::What;

    /// Fails when a client whose number is above two does something while there is history.
    fn fails(tape: &Tape) -> bool {
        let plan = Plan::from_tape(tape);
        plan.options.config.history.is_some()
            && plan.moments.iter().any(|moment| matches!(&moment.what, What::Act(3.., _)))
    }

    #[test]
    fn what_is_needed_is_left() {
        let short = |tape: &Tape| tape.records().len() < 100 && fails(tape);
        let tape = (0..).map(Tape::from_seed).find(short).expect("some seed");
        let small = shrink(&tape, fails, 5_000);
        assert!(fails(&small) && small.records().len() == 1, "{small:?}");
        assert_eq!(small.seed(), tape.seed());
        let plan = Plan::from_tape(&small);
        // Fewer still would take a change of two bytes at once: how many there are, and which of them does something.
        assert!((4..=12).contains(&plan.options.clients), "{small:?}");
        let zeros = small.header()[SEED..].iter().filter(|&&byte| byte == 0).count();
        assert!(zeros >= HEADER - SEED - 4, "{small:?}");
    }

    #[test]
    fn the_budget_is_kept() {
        let mut asked = 0;
        let tape = Tape::new([7; HEADER], vec![[9; RECORD]; 50]);
        let same = shrink(
            &tape,
            |_| {
                asked += 1;
                false
            },
            20,
        );
        assert_eq!((asked, same.records()), (20, tape.records()));
    }
}
