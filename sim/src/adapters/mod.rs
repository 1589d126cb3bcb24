//! The shipping adapters in turmoil's network: `chat_driver::Driver` over the `Io` of `runtime-tokio` or
//! `runtime-smol`, and tokio's clock. Only what lies below is turmoil's: sockets, links, time.
//!
//! | file | what it holds |
//! |---|---|
//! | `ground` | what clients, kernels, server and run share: the oracle, the trace, each connection's record |
//! | `host` | the server's machine |
//! | `keeping` | its history store |
//! | `secure` | transports with a handshake |
//! | `kernel` | what turmoil's sockets lack of a kernel |
//! | `client` | the clients, who do what they are told and keep what they hear |
//! | `faults` | what goes wrong |
//! | `finale` | the end: what must still work, and what clients must have heard |
//!
//! Invariants:
//! - nothing here reads a clock, an address or a hash order that could differ from run to run;
//! - links do not heal from a partition: turmoil never sends again what it lost, as TCP would. A glitch that
//!   heals is a hold and a release;
//! - several clients share one machine, which suffers for any of them; those on the first one are spared what
//!   is for good.

mod client;
mod faults;
mod finale;
mod ground;
mod host;
mod keeping;
mod kernel;
mod secure;

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use turmoil::{Builder, Sim};

use self::client::Client;
use self::ground::Ground;
use self::host::SERVER;
use crate::oracle::{Broken, Promise};
use crate::plan::{Bounds, Plan, What};
use crate::run::Run;
use crate::trace::Keep;
use crate::transcript::Transcript;

/// The clients' machines. A run slows down with the square of their number, not with that of the clients.
const HOSTS: [&str; 3] = ["alder", "birch", "cedar"];
/// How far time moves at once: messages arrive in these steps, so several often arrive together.
const TICK: Duration = Duration::from_millis(5);
/// Segments under way in one direction of a connection, and connections that wait to be accepted: more than any
/// run has. turmoil loses the end of a stream that is behind a full window, and panics when more wait, so neither
/// ever happens.
const TCP_CAPACITY: usize = 1 << 20;
/// When every run begins: just before midnight, since stamps show the time of day.
const EPOCH: Duration = Duration::from_secs(1_000_000_000 / 86_400 * 86_400 - 3);
/// When the plan begins: the server listens by then.
const FIRST: Duration = Duration::from_millis(20);

/// turmoil takes its time for every step of simulated time, also for one in which nothing happens.
const BOUNDS: Bounds = Bounds {
    clients: 10,
    strangers: 70,
    moments: 150,
    stranger_moments: 400,
    gap: Duration::from_millis(250),
    latency: Duration::from_millis(200),
    lack: Duration::from_secs(4),
};

/// Whose connections are under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// That of `runtime-tokio`.
    Tokio,
    /// That of `runtime-smol`. Its clock is bound to real time, so tokio's stands in.
    Smol,
}

/// Carries out a plan, as much of it as turmoil can in a moment.
#[must_use]
pub fn run(plan: &Plan, adapter: Adapter, keep: Keep) -> Run {
    let mut plan = plan.fit(&BOUNDS);
    // turmoil knows whole milliseconds, of which it takes at least one.
    let whole = |time: Duration| Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(1).max(1));
    let (least, most) = plan.options.latency;
    plan.options.latency = (whole(least), whole(most));
    carry_out(&plan, adapter, keep).0
}

/// Carries out a plan; also gives what clients have seen of each connection, in the order of their making.
#[must_use]
pub fn carry_out(plan: &Plan, adapter: Adapter, keep: Keep) -> (Run, Vec<Transcript>) {
    hush_planted_faults();
    let ground = Ground::new(plan, keep);
    let simulate = || World::new(plan, adapter, &ground).run();
    if catch_unwind(AssertUnwindSafe(simulate)).is_err() {
        // A panic in the code of one connection is caught below; this one is anybody else's.
        ground.accuse(Promise::Robust, "the server or a client panicked");
    }
    ground.finish()
}

/// Planted panics are what a run is about, and no news: from now on, nothing is printed of them.
fn hush_planted_faults() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some(kernel::PLANTED) {
                others(info);
            }
        }));
    });
}

/// Everything there is.
struct World<'a> {
    plan: &'a Plan,
    sim: Sim<'static>,
    ground: Ground,
    clients: Vec<Client>,
    /// The next moment of the plan.
    next: usize,
    /// When the server that has crashed starts again.
    bounce_at: Option<Duration>,
    /// Something can never be reached again.
    dark: bool,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, adapter: Adapter, ground: &Ground) -> Self {
        let mut sim = builder(plan).build();
        let server = host::Server { adapter, config: plan.options.config.clone(), ground: ground.clone() };
        sim.host(SERVER, move || server.clone().run());
        let clients: Vec<_> =
            (0..plan.options.everybody()).map(|number| Client::new(number, ground.clone())).collect();
        for (index, host) in HOSTS.into_iter().enumerate() {
            let here: Vec<_> = clients.iter().skip(index).step_by(HOSTS.len()).cloned().collect();
            sim.host(host, move || client::all(here.clone()));
        }
        Self { plan, sim, ground: ground.clone(), clients, next: 0, bounce_at: None, dark: false }
    }

    fn run(mut self) {
        let last = self.plan.moments.last().map_or(Duration::ZERO, |moment| moment.at);
        self.advance_to(FIRST + last + 2 * TICK);
        self.conclude();
    }

    /// Lets everything happen until `end`; stops early when a promise is broken.
    fn advance_to(&mut self, end: Duration) {
        while self.sim.elapsed() < end && !self.ground.is_broken() {
            let now = self.sim.elapsed();
            while let Some(moment) =
                self.plan.moments.get(self.next).filter(|moment| FIRST + moment.at <= now)
            {
                self.next += 1;
                match &moment.what {
                    What::Act(client, act) => self.clients[*client].tell(act.clone()),
                    What::Fault(fault) => self.strike(*fault),
                }
            }
            if self.bounce_at.is_some_and(|at| at <= now) {
                self.bounce_at = None;
                self.sim.bounce(SERVER);
            }
            if let Err(error) = self.sim.step() {
                self.ground.accuse(Promise::Robust, format!("the simulation stops: {error}"));
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.advance_to(self.sim.elapsed() + time);
    }
}

fn builder(plan: &Plan) -> Builder {
    let mut builder = Builder::new();
    let (least, most) = plan.options.latency;
    builder
        .rng_seed(plan.seed)
        .epoch(SystemTime::UNIX_EPOCH + EPOCH)
        .tick_duration(TICK)
        .simulation_duration(Duration::MAX)
        .min_message_latency(least)
        .max_message_latency(most.max(least + Duration::from_millis(1)))
        .tcp_capacity(TCP_CAPACITY)
        .enable_random_order();
    builder
}

/// A promise that was broken.
fn broken(promise: Promise, how: impl Into<String>) -> Broken {
    Broken { promise, how: how.into() }
}
