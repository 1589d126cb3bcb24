//! A plan out of a seed.

use std::time::Duration;

use crate::adapters::client::{Client, Step};
use crate::adapters::host::Adapter;
use crate::adapters::plan::{Fault, HOSTS, Plan};
use crate::adapters::rng::Rng;

/// When clients begin to come: the server listens by then.
const FIRST: Duration = Duration::from_millis(20);
/// Until when they come and talk, roughly.
const TALK: Duration = Duration::from_secs(6);
/// How long a held machine is held at most: well below what kernels put up with.
const HOLD_MILLIS: usize = 2_000;
/// How long it takes after the talk until everything has arrived.
const CALM: Duration = Duration::from_secs(10);
/// How long until every kernel has given up a machine that cannot be reached: the first line that it does not
/// acknowledge may come as late as the kernel's patience, and be met with as much patience again.
const GIVEN_UP: Duration = Duration::from_secs(250);
/// How long a shutdown may take, and the ends of it to arrive.
const SHUTDOWN: Duration = Duration::from_secs(6);

impl Plan {
    /// A run in which a few clients come, talk in one room or two, and go, each in its own way, while
    /// machines fail; at last the server is shut down.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut plan = Self::new(rng.draw(), Duration::ZERO);
        plan.adapter = if rng.one_in(2) { Adapter::Smol } else { Adapter::Tokio };
        plan.ragged = rng.one_in(2);
        plan.latency = Duration::from_millis(1)..=Duration::from_millis(1) + rng.millis_below(200);
        for number in 0..3 + rng.below(10) {
            plan.clients.push(client(&mut rng, number));
        }
        let mut end = FIRST + TALK + CALM;
        // The first machine is always well, so that somebody hears how it ends for the others.
        for &host in &HOSTS[1..] {
            let at = FIRST + rng.millis_below(TALK.as_millis() as usize);
            match rng.below(6) {
                0 => plan.faults.push((at, Fault::Crash(host))),
                1 => {
                    plan.faults.push((at, Fault::Partition(host)));
                    end = FIRST + TALK + GIVEN_UP;
                }
                2 | 3 => {
                    plan.faults.push((at, Fault::Hold(host)));
                    plan.faults.push((at + rng.millis_below(HOLD_MILLIS), Fault::Release(host)));
                }
                _ => {}
            }
        }
        plan.length = end + SHUTDOWN;
        plan.fault(end, Fault::Shutdown)
    }
}

fn client(rng: &mut Rng, number: usize) -> Client {
    let nick = format!("user{number}");
    let host = HOSTS[rng.below(HOSTS.len())];
    let from = FIRST + rng.millis_below(TALK.as_millis() as usize / 2);
    let mut client = Client::new(&nick, host, from);
    // The chatty leave many lines under way at once, the others few.
    let pause = if rng.one_in(3) { 30 } else { 300 };
    for line in 0..rng.below(30) {
        client = match rng.below(12) {
            0 => client.say("/join #side"),
            1 => client.say("/part #side"),
            2 => client.then(Step::Ignore(rng.millis_below(500))),
            _ => client.say(format!("{nick} says {line}")),
        };
        if !rng.one_in(3) {
            client = client.wait(rng.millis_below(pause));
        }
    }
    match rng.below(6) {
        0 => client.say("/quit enough"),
        1 => client.then(Step::Finish),
        2 => client.then(Step::Drop),
        3 => client.then(Step::Ignore(rng.millis_below(1_000))).then(Step::Drop),
        _ => client,
    }
}
