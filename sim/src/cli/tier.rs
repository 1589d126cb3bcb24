//! What a plan can be carried out on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::ValueEnum;
use sim::metamorphic;
use sim::oracle::{Broken, Marks, Promise};
use sim::plan::Plan;
use sim::run::Run;
use sim::tape::Tape;
use sim::trace::{Keep, Trace};

/// A tier: carries out a plan.
type Tier = fn(&Plan, Keep) -> Run;

/// Which tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum On {
    /// The engine, on links in memory
    Engine,
    /// The tokio adapter, in turmoil
    Tokio,
    /// The smol adapter, in turmoil
    Smol,
}

impl On {
    /// Its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        }
    }

    /// Carries out the plan of a tape. A panic breaks a promise like any other.
    pub(super) fn run(self, tape: &Tape, keep: Keep) -> Run {
        let plan = Plan::from_tape(tape);
        let carry_out = || {
            let mut run = self.tier()(&plan, keep);
            if self == Self::Engine && run.broken.is_none() {
                run.broken = metamorphic::check(&plan).err();
            }
            run
        };
        catch_unwind(AssertUnwindSafe(carry_out)).unwrap_or_else(|panic| Run {
            trace: Trace::new(keep),
            broken: Some(Broken { promise: Promise::Robust, how: format!("panicked: {}", message(&*panic)) }),
            marks: Marks::default(),
        })
    }

    fn tier(self) -> Tier {
        match self {
            Self::Engine => sim::world::run,
            Self::Tokio | Self::Smol => stub,
        }
    }
}

/// Stands in until the tiers are there: sees the plan's moments, and nothing else.
fn stub(plan: &Plan, keep: Keep) -> Run {
    #[derive(Hash)]
    struct Line(String);
    impl std::fmt::Display for Line {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(&self.0)
        }
    }
    let mut trace = Trace::new(keep);
    for moment in &plan.moments {
        trace.note(moment.at, &Line(moment.what.to_string()));
    }
    Run { trace, broken: None, marks: Marks::default() }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
