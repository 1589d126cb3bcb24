//! A plan cut to what turmoil can do in a moment.

use std::time::Duration;

use crate::plan::{Act, Fault, Moment, Plan, What};

/// Clients of a plan that come.
const CLIENTS: usize = 10;
/// Moments of it that happen.
const MOMENTS: usize = 150;
/// The longest time between two of them.
const GAP: Duration = Duration::from_millis(250);
/// The longest that anything is under way.
const LATENCY: Duration = Duration::from_millis(200);
/// The longest that the server's machine sleeps, or lacks something.
const LACK: Duration = Duration::from_secs(4);

/// The plan with fewer clients and moments and shorter pauses, so that many seeds can be run: turmoil takes its
/// time for every step of simulated time, also for one in which nothing happens.
#[must_use]
pub fn fit(plan: &Plan) -> Plan {
    let mut fitting = Plan { moments: Vec::new(), ..plan.clone() };
    let options = &mut fitting.options;
    options.clients = options.clients.min(CLIENTS);
    let clients = options.clients;
    // turmoil knows whole milliseconds, of which it takes at least one.
    let whole = |time: Duration| Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(1).max(1));
    options.latency = (whole(options.latency.0.min(LATENCY)), whole(options.latency.1.min(LATENCY)));
    let (mut at, mut before) = (Duration::ZERO, Duration::ZERO);
    for moment in plan.moments.iter().filter(|moment| concerns(&moment.what, clients)).take(MOMENTS) {
        at += (moment.at - before).min(GAP);
        before = moment.at;
        fitting.moments.push(Moment { at, what: shorter(&moment.what), ..moment.clone() });
    }
    fitting
}

/// Whether this happens to somebody who comes.
fn concerns(what: &What, clients: usize) -> bool {
    match *what {
        What::Act(client, _)
        | What::Fault(
            Fault::Hold(client)
            | Fault::Release(client)
            | Fault::DeafTo(client)
            | Fault::MuteTo(client)
            | Fault::SilentDeath(client)
            | Fault::Panic(client),
        ) => client < clients,
        What::Fault(_) => true,
    }
}

fn shorter(what: &What) -> What {
    match what {
        What::Fault(Fault::NoDescriptors(time)) => What::Fault(Fault::NoDescriptors((*time).min(LACK))),
        What::Fault(Fault::Suspend(time)) => What::Fault(Fault::Suspend((*time).min(LACK))),
        What::Fault(Fault::Crash(time)) => What::Fault(Fault::Crash((*time).min(LACK))),
        What::Act(client, act) => What::Act(*client, Act::clone(act)),
        other => other.clone(),
    }
}
