//! What a plan can be carried out on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::adapters::{self, Adapter};
use crate::oracle::{Broken, Mark, Marks};
use crate::plan::Plan;
use crate::run::Run;
use crate::tape::Tape;
use crate::trace::{Keep, Trace};
use crate::{metamorphic, world};
use clap::ValueEnum;

/// A tier: carries out a plan.
type Tier = fn(&Plan, Keep) -> Run;

/// Which tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum On {
    /// The engine, on links in memory
    Engine,
    /// The tokio adapter, in turmoil
    Tokio,
    /// The smol adapter, in turmoil
    Smol,
}

impl On {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        }
    }

    /// The situations that are to be met on it, and were not.
    ///
    /// In turmoil, all come from addresses that nobody bans, and through no proxy: `tests/tests/proxies.rs` has the
    /// shipping adapters meet these. A shutdown in the midst of what a store does is too seldom for so few worlds, and so
    /// are a long answer that is given up since the store stands still, a clock that is wrong for a minute, and dozens of
    /// guesses.
    pub fn missing(self, marks: Marks) -> impl Iterator<Item = Mark> {
        let only_on_links = [
            Mark::Banned,
            Mark::BannedInChat,
            Mark::Forwarded,
            Mark::ShutdownWithHeldTurns,
            Mark::AnswerGivenUp,
            Mark::ClockBelieved,
            Mark::GuessUnheard,
        ];
        marks.missing().filter(move |mark| self == Self::Engine || !only_on_links.contains(mark))
    }

    /// Carries out the plan of a tape. A panic breaks a promise like any other.
    #[must_use]
    pub fn run(self, tape: &Tape, keep: Keep) -> Run {
        let plan = Plan::from_tape(tape);
        let carry_out = AssertUnwindSafe(|| self.tier()(&plan, keep));
        let mut run = catch_unwind(carry_out).unwrap_or_else(|panic| {
            let (trace, marks) = (Trace::new(keep), Marks::default());
            Run { trace, broken: Some(Broken::by_panic(&*panic)), marks }
        });
        if self == Self::Engine && run.broken.is_none() {
            let check = AssertUnwindSafe(|| metamorphic::check(&plan).err());
            run.broken = catch_unwind(check).unwrap_or_else(|panic| Some(Broken::by_panic(&*panic)));
        }
        run
    }

    fn tier(self) -> Tier {
        match self {
            Self::Engine => world::run,
            Self::Tokio => |plan, keep| adapters::run(plan, Adapter::Tokio, keep),
            Self::Smol => |plan, keep| adapters::run(plan, Adapter::Smol, keep),
        }
    }
}
