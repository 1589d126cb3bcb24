//! A whole run as data, and its execution.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::pending;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use chat_core::Config;
use tokio::task::JoinSet;
use turmoil::{Builder, Sim};

use crate::adapters::client::{Client, Transcript};
use crate::adapters::host::{Adapter, SERVER, Server};
use crate::adapters::kernel::{Temper, Weather};
use crate::adapters::record::{Log, Record, Recorder};
use crate::adapters::rng::Rng;
use crate::adapters::trace::Trace;

/// The clients' machines. A run slows down with the square of their number, not with that of the clients.
pub const HOSTS: [&str; 3] = ["alder", "birch", "cedar"];

/// How far time moves at once: messages arrive in these steps, so several often arrive together.
const TICK: Duration = Duration::from_millis(5);
/// Segments under way in one direction of a connection: more than any run has. turmoil loses the end of a
/// stream that is behind a full window, so there is never one.
const TCP_CAPACITY: usize = 1 << 20;
/// When every run begins: just before midnight, since stamps show the time of day.
const EPOCH: Duration = Duration::from_secs(1_000_000_000 / 86_400 * 86_400 - 3);

/// Something that befalls a machine, or the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine dies; its kernel still ends the connections.
    Crash(&'static str),
    /// Nothing reaches the machine or comes from it, ever again.
    Partition(&'static str),
    /// Nothing reaches the machine or comes from it, for now.
    Hold(&'static str),
    /// What was held arrives.
    Release(&'static str),
    /// The server is asked to end.
    Shutdown,
}

/// A run: all that happens in it, and when, follows from this.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where latencies, the order of machines within a step, and short reads and writes come from.
    pub seed: u64,
    /// Whose connections are under test.
    pub adapter: Adapter,
    /// The server's limits.
    pub config: Config,
    /// How long a message is under way.
    pub latency: RangeInclusive<Duration>,
    /// Whether the server's reads and writes are often short.
    pub ragged: bool,
    /// Reading these bytes panics.
    pub bomb: Option<&'static str>,
    /// Who comes.
    pub clients: Vec<Client>,
    /// What befalls whom, and when.
    pub faults: Vec<(Duration, Fault)>,
    /// Whether the server is shut down while clients still have something to say.
    pub abrupt: bool,
    /// When the run ends.
    pub length: Duration,
}

impl Plan {
    /// A run of this length, in which nothing happens yet. Flood control is off: clients are in a hurry.
    #[must_use]
    pub fn new(seed: u64, length: Duration) -> Self {
        Self {
            seed,
            adapter: Adapter::Tokio,
            config: Config { flood: None, report_messages: true, ..Config::default() },
            latency: Duration::from_millis(1)..=Duration::from_millis(80),
            ragged: false,
            bomb: None,
            clients: Vec::new(),
            faults: Vec::new(),
            abrupt: false,
            length,
        }
    }

    /// Adds a client.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, at: Duration, fault: Fault) -> Self {
        self.faults.push((at, fault));
        self
    }

    /// Runs it.
    ///
    /// # Panics
    /// If the server or a client panics, or the server stops with a fault.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let trace = Trace::default();
        let recorder = Recorder::new(trace.clone());
        let log = recorder.log();
        let (transcripts, ended) = tracing::subscriber::with_default(recorder, || self.simulate(&trace));
        let Log { records, opened, closed } = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Outcome { trace, records, transcripts, opened, closed, ended }
    }

    fn simulate(&self, trace: &Trace) -> (Vec<Transcript>, bool) {
        let mut sim = self.builder().build();
        let weather = Weather::default();
        let server = self.server(&weather);
        let (handle, ended) = (Rc::clone(&server.handle), Rc::clone(&server.ended));
        sim.host(SERVER, move || server.clone().run());
        let transcripts: Vec<_> = self.clients.iter().map(|_| Rc::default()).collect();
        for host in HOSTS {
            self.populate(&mut sim, host, &transcripts, trace);
        }

        let mut faults = self.faults.clone();
        faults.sort_by_key(|&(at, _)| at);
        let mut faults = faults.into_iter().peekable();
        while sim.elapsed() < self.length {
            while let Some((_, fault)) = faults.next_if(|&(at, _)| at <= sim.elapsed()) {
                match fault {
                    Fault::Shutdown => handle.borrow().as_ref().expect("the server runs").shutdown(),
                    _ => strike(&mut sim, &weather, fault),
                }
            }
            sim.step().expect("neither the server nor a client panics");
        }
        drop(sim);
        let transcripts = transcripts.into_iter().map(|transcript| transcript.take()).collect();
        (transcripts, ended.get())
    }

    fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder
            .rng_seed(self.seed)
            .epoch(SystemTime::UNIX_EPOCH + EPOCH)
            .tick_duration(TICK)
            .min_message_latency(*self.latency.start())
            .max_message_latency(*self.latency.end())
            .tcp_capacity(TCP_CAPACITY)
            .enable_random_order();
        builder
    }

    fn server(&self, weather: &Weather) -> Server {
        Server {
            adapter: self.adapter,
            config: self.config.clone(),
            weather: weather.clone(),
            temper: Temper { ragged: self.ragged.then(|| Rng::new(self.seed)), bomb: self.bomb },
            handle: Rc::new(RefCell::new(None)),
            ended: Rc::new(Cell::new(false)),
        }
    }

    /// Puts the clients of one machine on it.
    fn populate(
        &self,
        sim: &mut Sim<'_>,
        host: &'static str,
        transcripts: &[Rc<RefCell<Transcript>>],
        trace: &Trace,
    ) {
        let clients = self.clients.iter().cloned().zip(transcripts.iter().cloned());
        let clients: Vec<_> = clients.filter(|(client, _)| client.host == host).collect();
        let trace = trace.clone();
        sim.host(host, move || {
            let (clients, trace) = (clients.clone(), trace.clone());
            async move {
                let mut running = JoinSet::new();
                for (client, transcript) in clients {
                    running.spawn_local(client.run(transcript, trace.clone()));
                }
                while let Some(result) = running.join_next().await {
                    result?;
                }
                // A machine outlives its clients: it still answers for their connections.
                pending().await
            }
        });
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, adapter, config, latency, ragged, bomb, clients, faults, abrupt, length } = self;
        writeln!(f, "seed {seed:#x}, {adapter:?}, latency {latency:?}, ragged {ragged}, bomb {bomb:?}")?;
        writeln!(f, "abrupt {abrupt}, length {length:?}, {config:?}")?;
        for client in clients {
            writeln!(f, "{client:?}")?;
        }
        writeln!(f, "{faults:?}")
    }
}

fn strike(sim: &mut Sim<'_>, weather: &Weather, fault: Fault) {
    match fault {
        Fault::Crash(host) => sim.crash(host),
        Fault::Partition(host) => {
            sim.partition(host, SERVER);
            weather.darken(sim.lookup(host), sim.elapsed());
        }
        Fault::Hold(host) => {
            sim.hold(host, SERVER);
            weather.darken(sim.lookup(host), sim.elapsed());
        }
        Fault::Release(host) => {
            sim.release(host, SERVER);
            weather.clear_up(sim.lookup(host));
        }
        Fault::Shutdown => unreachable!("befalls no machine"),
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Everything that was seen.
    pub trace: Trace,
    /// The rooms' own sequences, mingled, in the order of time.
    pub records: Vec<Record>,
    /// What the clients heard, in the order of the plan.
    pub transcripts: Vec<Transcript>,
    /// The server's connections that were accepted,
    pub opened: Vec<String>,
    /// and that ended.
    pub closed: Vec<String>,
    /// Whether the server ended in an orderly way.
    pub ended: bool,
}
