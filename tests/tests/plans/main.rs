//! The simulation's plans, carried out over real sockets by real processes, and judged by its oracle.
//!
//! The server records. When it has ended, its recording is replayed: the engine must answer as it did, the
//! simulation's oracle looks on, and what every client saw must be what the engine meant. So a failure here is
//! one that can be looked into: `sim replay FILE --judge` shows it again, step by step.

mod clients;
mod flags;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use conformance::{Binary, DEADLINE, Server, scenarios};
use sim::oracle::{Mark, Marks};
use sim::plan::{Act, Appetite, Bounds, Fault, Plan, What};
use sim::recording::{How, replay};
use sim::tape::Tape;
use sim::transcript::Transcript;

use crate::clients::Clients;

scenarios! {
    plans_keep_their_promises_over_real_sockets,
}

/// How many seeds.
const SEEDS: u64 = 20;
/// Situations that these seeds meet however fast the machine is.
const MET: [Mark; 11] = [
    Mark::NameCollision,
    Mark::LookAlike,
    Mark::RoomRecreated,
    Mark::NameTakenAgain,
    Mark::QuietAndLively,
    Mark::Refused,
    Mark::Private,
    Mark::LineTooLong,
    Mark::InvalidUtf8,
    Mark::Telnet,
    Mark::PausedAndResumed,
];
/// As much of a plan as takes about a second.
const BOUNDS: Bounds = Bounds {
    clients: 12,
    strangers: 70,
    moments: 250,
    stranger_moments: 300,
    gap: Duration::from_millis(5),
    latency: Duration::ZERO,
    lack: Duration::from_millis(120),
};

/// How long the last lines may take: dozens of clients have theirs at once.
const PATIENCE: Duration = Duration::from_secs(4 * DEADLINE.as_secs());

fn plans_keep_their_promises_over_real_sockets(binary: Binary) {
    let mut marks = Marks::default();
    for seed in 0..SEEDS {
        let file = recording(binary, seed);
        let transcripts = carry_out(binary, seed, &file);
        marks.merge(judge(seed, &file, &transcripts));
        fs::remove_file(&file).expect("the recording was there");
    }
    let missing: Vec<_> = MET.into_iter().filter(|&mark| !marks.contains(mark)).collect();
    assert!(missing.is_empty(), "the plans prove less than they seem to: never met: {missing:?}");
}

fn recording(binary: Binary, seed: u64) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{seed}.recording", binary.name()))
}

/// Carries out the plan of a seed; gives what the clients saw. The server has ended by then, in order.
fn carry_out(binary: Binary, seed: u64, file: &Path) -> Vec<Transcript> {
    let plan = Plan::from_tape(&Tape::from_seed(seed)).fit(&BOUNDS);
    let mut command = binary.command();
    command.args(flags::of(&plan.options.config)).arg("--record").arg(file);
    let mut server = Server::spawn(command);
    let mut clients = Clients::new(&plan.options, server.addr());
    let began = Instant::now();
    let mut lack = Lack::default();
    for moment in &plan.moments {
        clients.run_until(began + moment.at);
        lack.end(&server, Instant::now());
        match &moment.what {
            What::Act(client, act) => clients.act(*client, act),
            // Everything behind it is for another server, which is for another seed to test.
            What::Fault(Fault::Shutdown) => break,
            What::Fault(fault) => lack.begin(&server, *fault),
        }
    }
    lack.end(&server, Instant::now() + BOUNDS.lack);
    clients.act_all(&Act::Read(Appetite::Eager));
    // With flood control, what was sent may take minutes to be served: then the server ends in the midst of it.
    if plan.options.config.flood.is_none() {
        clients.act_all(&Act::Finish);
        clients.run_to_end(Instant::now() + PATIENCE);
    }
    server.terminate();
    clients.run_to_end(Instant::now() + PATIENCE);
    assert!(server.wait().success(), "seed {seed:#x}: {:#?}", server.log());
    clients.transcripts()
}

/// Something that the server has to do without for a while.
#[derive(Default)]
struct Lack {
    asleep_until: Option<Instant>,
    no_descriptors_until: Option<Instant>,
}

impl Lack {
    fn begin(&mut self, server: &Server, fault: Fault) {
        let now = Instant::now();
        match fault {
            Fault::Suspend(time) => {
                server.suspend();
                self.asleep_until = Some(now + time);
            }
            Fault::NoDescriptors(time) => {
                server.exhaust_descriptors();
                self.no_descriptors_until = Some(now + time);
            }
            // The others are for those who can reach into kernels, networks and processes.
            _ => {}
        }
    }

    fn end(&mut self, server: &Server, now: Instant) {
        if self.asleep_until.take_if(|until| *until <= now).is_some() {
            server.resume();
        }
        if self.no_descriptors_until.take_if(|until| *until <= now).is_some() {
            server.restore_descriptors();
        }
    }
}

/// Replays the recording, and holds what clients saw against it.
fn judge(seed: u64, file: &Path, transcripts: &[Transcript]) -> Marks {
    let bytes = fs::read(file).expect("the server has recorded");
    let how = How { until: None, print: false, judge: true };
    let replayed =
        replay(&bytes, how, &mut std::io::sink()).expect("nothing is printed").expect("a recording");
    let oracle = replayed.oracle.as_ref().expect("it looked on");
    let again =
        || format!("seed {seed:#x}; again: cargo run -p sim --release -- replay {} --judge", file.display());
    assert_eq!(replayed.differs, None, "{}", again());
    assert_eq!(oracle.broken(), None, "{}", again());
    assert!(replayed.remainder == 0 && replayed.state.conns.is_empty(), "{}\n{replayed}", again());
    for seen in transcripts {
        // A port that was used twice tells no two connections apart.
        let alone = transcripts.iter().filter(|other| other.from == seen.from).count() == 1;
        let ledger = oracle.ledgers().iter().find(|ledger| Some(ledger.peer) == seen.from);
        match ledger.filter(|_| alone) {
            Some(ledger) => assert_eq!(seen.check(ledger, true), Ok(()), "{}", again()),
            None => assert!(!alone || seen.received.is_empty(), "{seen:?} came from nowhere; {}", again()),
        }
    }
    oracle.marks()
}
