//! The engine on links in memory, with a queue of what happens when: the workhorse.
//!
//! No async, no sockets, no waiting: simulated time jumps from one happening to the next. What stands between
//! engine and links does as the driver does, in as few lines as possible.
//!
//! | file | what it holds |
//! |---|---|
//! | `queue` | what happens when |
//! | `link` | a connection: bytes under way, and both ends of it |
//! | `client` | what clients do, and how they read |
//! | `server` | the adapter made of data: turns, and what the engine wants done |
//! | `keeping` | its history store |
//! | `io` | its reads, writes and ends of one connection |
//! | `secure` | its transports: plain, or with a handshake |
//! | `faults` | what goes wrong |
//! | `liveness` | the end: what must still work once nothing more goes wrong |

mod client;
mod faults;
mod io;
mod keeping;
mod link;
mod liveness;
mod queue;
mod secure;
mod server;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use chat_core::{Addresses, Mono, Now};
use chrono::{DateTime, TimeDelta, Utc};

use self::client::Client;
use self::link::Link;
use self::queue::{Happening, Queue};
use self::server::Server;
use crate::oracle::{Broken, Marks, Promise};
use crate::plan::{Plan, What};
use crate::run::Run;
use crate::seen::Seen;
use crate::store::Store;
use crate::tape::Rng;
use crate::trace::{Keep, Trace};

/// When every run begins: just before midnight, since stamps show the time of day.
const EPOCH: i64 = 1_000_000_000 / 86_400 * 86_400 - 3;
/// Where monotonic time begins: at no special number.
const MONO: u64 = 77_000_000_001;
/// Turns that the server may take at one instant without reading or writing. More, and it is wedged.
const TURNS_AT_ONCE: u32 = 1_000;

/// Carries out a plan.
#[must_use]
pub fn run(plan: &Plan, keep: Keep) -> Run {
    let mut world = World::new(plan, keep);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| world.run())) {
        world.broken.get_or_insert_with(|| Broken::by_panic(&*panic));
    }
    world.outcome()
}

/// Everything there is.
struct World<'a> {
    plan: &'a Plan,
    /// Nanoseconds since the run began.
    now: u64,
    /// By how many seconds the wall clock is off.
    wall: i64,
    queue: Queue,
    /// What is left to chance: begun anew with every moment.
    chance: Rng,
    clients: Vec<Client>,
    /// Every connection that there ever was.
    links: Vec<Link>,
    server: Option<Server>,
    /// Where it stores what rooms say; it outlives it.
    store: Option<Store>,
    /// Who may not connect.
    bans: Addresses,
    /// How long bytes are under way, at least and at most, in nanoseconds.
    latency: (u64, u64),
    /// What the server's kernel takes for one peer, in bytes.
    send_buffer: usize,
    /// The server does nothing before this.
    asleep_until: u64,
    turns_at_once: u32,
    /// Nothing goes wrong any more, handshakes included.
    concluding: bool,
    trace: Trace,
    broken: Option<Broken>,
    marks: Marks,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, keep: Keep) -> Self {
        let mut queue = Queue::default();
        if let Some(first) = plan.moments.first() {
            queue.push(nanos(first.at), Happening::Moment(0));
        }
        if !plan.options.bans.is_zero() {
            queue.push(nanos(plan.options.bans), Happening::Ban);
        }
        Self {
            plan,
            now: 0,
            wall: 0,
            queue,
            chance: Rng::new(plan.seed),
            clients: (0..plan.options.everybody()).map(|_| Client::default()).collect(),
            links: Vec::new(),
            server: Some(Server::new(plan, Default::default())),
            store: plan.options.config.store.map(|_| Store::new(plan.options.storage, plan.seed)),
            bans: Addresses::default(),
            latency: (nanos(plan.options.latency.0), nanos(plan.options.latency.1)),
            send_buffer: plan.options.send_buffer.max(1),
            asleep_until: 0,
            turns_at_once: 0,
            concluding: false,
            trace: Trace::new(keep),
            broken: None,
            marks: Marks::default(),
        }
    }

    fn run(&mut self) {
        self.advance_to(u64::MAX);
        self.conclude();
    }

    fn outcome(mut self) -> Run {
        self.retire_server();
        Run { trace: self.trace, broken: self.broken, marks: self.marks }
    }

    /// Lets all happen that happens until `end`, and time pass to it; or, if that is never, until nothing more
    /// of the plan is left.
    fn advance_to(&mut self, end: u64) {
        while self.broken.is_none() {
            self.serve();
            let next = [self.queue.next_at(), self.server_deadline(), self.store_deadline()]
                .into_iter()
                .flatten()
                .min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            if end == u64::MAX && !self.queue.has_moments() {
                return;
            }
            if next > self.now {
                self.now = next;
                self.turns_at_once = 0;
            }
            while let Some(happening) = self.queue.pop(self.now) {
                self.happen(happening);
            }
        }
        if end != u64::MAX {
            self.now = self.now.max(end);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Moment(index) => self.moment(index),
            Happening::ToServer(link) => self.arrive_at_server(link),
            Happening::ToClient(link) => self.arrive_at_client(link),
            Happening::Secured(link) => self.secured(link),
            Happening::Writable(link) => self.wake(link),
            Happening::Bite(link) => self.bite(link),
            Happening::GiveUp(link) => self.give_up(link),
            Happening::Look(link) => self.look(link),
            Happening::Ban => self.change_bans(),
            Happening::Start => self.start_server(),
            // Time has come to this point, and that is all.
            Happening::Wake => {}
        }
    }

    /// Carries out a moment of the plan, and lines up the next one.
    fn moment(&mut self, index: usize) {
        let moment = &self.plan.moments[index];
        if let Some(next) = self.plan.moments.get(index + 1) {
            self.queue.push(nanos(next.at), Happening::Moment(index + 1));
        }
        self.chance = Rng::new(moment.noise);
        match &moment.what {
            What::Act(client, act) => self.act(*client, act),
            What::Fault(fault) => {
                self.note(&Seen::Fault(&format!("{fault:?}")));
                self.strike(*fault);
            }
        }
    }

    fn note(&mut self, seen: &Seen<'_>) {
        self.trace.note(Duration::from_nanos(self.now), seen);
    }

    /// A promise was broken outside the engine.
    fn accuse(&mut self, promise: Promise, how: impl Into<String>) {
        self.broken.get_or_insert_with(|| Broken { promise, how: how.into() });
    }

    /// Both clocks.
    fn clocks(&self) -> Now {
        let nanos = i64::try_from(self.now).expect("a run is shorter than 292 years");
        let utc = DateTime::<Utc>::from_timestamp_nanos(EPOCH * 1_000_000_000 + nanos);
        let utc = utc + TimeDelta::seconds(self.wall);
        Now { mono: Mono(MONO + self.now), utc }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.chance.draw() % bound.max(1)
    }

    /// How long something is under way.
    fn latency(&mut self) -> u64 {
        let (least, most) = self.latency;
        least + self.below(most - least + 1)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
