//! A plan cut to what a tier can do in a moment.

use std::time::Duration;

use super::{Fault, Moment, Plan, What};

/// How much of a plan a tier carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Clients of it that come.
    pub clients: usize,
    /// Strangers that come in its storms.
    pub strangers: usize,
    /// Moments of it that happen to anybody but strangers.
    pub moments: usize,
    /// Those that happen to strangers.
    pub stranger_moments: usize,
    /// The longest time between two moments.
    pub gap: Duration,
    /// The longest that anything is under way.
    pub latency: Duration,
    /// The longest that the server's machine sleeps, or lacks something.
    pub lack: Duration,
}

impl Plan {
    /// The plan with fewer clients and moments and shorter pauses, so that many seeds can be run where time
    /// has its price.
    #[must_use]
    pub fn fit(&self, bounds: &Bounds) -> Self {
        let mut options = self.options.clone();
        options.clients = options.clients.min(bounds.clients);
        options.strangers = options.strangers.min(bounds.strangers);
        let (least, most) = options.latency;
        options.latency = (least.min(bounds.latency), most.min(bounds.latency));
        let mut fitting = Self { seed: self.seed, moments: Vec::new(), options };
        let (mut left, mut left_to_strangers) = (bounds.moments, bounds.stranger_moments);
        let (mut at, mut before) = (Duration::ZERO, Duration::ZERO);
        for moment in &self.moments {
            let Some(what) = self.fitting(&moment.what, &fitting, bounds) else { continue };
            let stranger = matches!(what, What::Act(client, _) if client >= fitting.options.clients);
            let left = if stranger { &mut left_to_strangers } else { &mut left };
            let Some(less) = left.checked_sub(1) else { continue };
            *left = less;
            at += (moment.at - before).min(bounds.gap);
            before = moment.at;
            fitting.moments.push(Moment { at, what, ..moment.clone() });
        }
        fitting
    }

    /// What happens in the fitting plan for this; nothing, if it happens to somebody who does not come.
    fn fitting(&self, what: &What, fitting: &Self, bounds: &Bounds) -> Option<What> {
        let clients = fitting.options.clients;
        Some(match *what {
            What::Act(client, ref act) => {
                // Strangers follow the clients, who may be fewer now.
                let number = match client.checked_sub(self.options.clients) {
                    Some(stranger) => {
                        Some(stranger).filter(|&nth| nth < fitting.options.strangers).map(|nth| clients + nth)
                    }
                    None => Some(client).filter(|&client| client < clients),
                };
                What::Act(number?, act.clone())
            }
            What::Fault(
                Fault::Hold(client)
                | Fault::Release(client)
                | Fault::DeafTo(client)
                | Fault::MuteTo(client)
                | Fault::SilentDeath(client)
                | Fault::Panic(client),
            ) if client >= clients => return None,
            What::Fault(fault) => What::Fault(match fault {
                Fault::NoDescriptors(time) => Fault::NoDescriptors(time.min(bounds.lack)),
                Fault::Suspend(time) => Fault::Suspend(time.min(bounds.lack)),
                Fault::Crash(time) => Fault::Crash(time.min(bounds.lack)),
                other => other,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::Tape;

    #[test]
    fn a_fitting_plan_keeps_its_bounds_and_its_order() {
        let gap = Duration::from_millis(3);
        let bounds = Bounds {
            clients: 4,
            strangers: 3,
            moments: 40,
            stranger_moments: 20,
            gap,
            latency: gap,
            lack: gap,
        };
        let mut crowded = 0;
        for seed in 0..200 {
            let plan = Plan::from_tape(&Tape::from_seed(seed)).fit(&bounds);
            assert!(plan.options.clients <= 4 && plan.options.strangers <= 3 && plan.moments.len() <= 60);
            assert!(plan.moments.is_sorted_by(|one, two| one.at <= two.at && two.at - one.at <= gap));
            for moment in &plan.moments {
                match moment.what {
                    What::Act(client, _) => assert!(client < plan.options.everybody(), "{moment}"),
                    What::Fault(Fault::Suspend(time) | Fault::Crash(time)) => assert!(time <= gap),
                    What::Fault(_) => {}
                }
                crowded +=
                    u32::from(matches!(moment.what, What::Act(client, _) if client >= plan.options.clients));
            }
        }
        assert!(crowded > 0);
    }
}
