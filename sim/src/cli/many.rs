//! Commands that are about many seeds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use sim::oracle::{Broken, Marks, Promise};
use sim::tape::{Rng, Tape};
use sim::tier::On;
use sim::trace::Keep;

use super::report::{failure, missing};
use super::{Crowd, Mishap, Verdict};

/// How many seeds there are to one that is run twice, to see that it does the same again.
const REPEATED: u64 = 32;
const MINUTE: Duration = Duration::from_secs(60);

/// Runs `count` seeds from `from` on. Fails, too, when a situation was never met: then it proves less than it
/// seems to.
pub(super) fn sweep(count: u64, from: u64, crowd: &Crowd) -> Result<Verdict, Mishap> {
    let total = run_all(Seeds { from, count, until: None }, crowd, false);
    if total.fails(crowd)? {
        if let Some((seed, broken)) = total.broken.first_key_value() {
            println!("caught after {} seeds: {broken}", seed.wrapping_sub(from) + 1);
        }
        return Ok(Verdict::Failed);
    }
    println!("{}", total.summary());
    if let Some(missing) = missing(total.marks, crowd.on.on) {
        println!("never met: {missing}");
        return Ok(Verdict::Failed);
    }
    Ok(Verdict::Fine)
}

/// Runs seeds for so many minutes.
pub(super) fn soak(minutes: u64, from: Option<u64>, crowd: &Crowd) -> Result<Verdict, Mishap> {
    let from = from.unwrap_or_else(fresh);
    println!("seeds from {from:#x} on {}", crowd.on.on.name());
    let until = Instant::now() + MINUTE * u32::try_from(minutes).map_err(|_| "too many minutes")?;
    let total = run_all(Seeds { from, count: u64::MAX, until: Some(until) }, crowd, true);
    let failed = total.fails(crowd)?;
    println!("{}", total.summary());
    if let Some(missing) = missing(total.marks, crowd.on.on) {
        println!("never met: {missing}");
    }
    Ok(if failed { Verdict::Failed } else { Verdict::Fine })
}

/// A seed to begin with that nobody has begun with before.
fn fresh() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Rng::new(now.as_nanos() as u64).draw()
}

/// Which seeds are run.
#[derive(Clone, Copy, Debug)]
struct Seeds {
    from: u64,
    count: u64,
    /// When no more are begun.
    until: Option<Instant>,
}

/// What one seed came to.
struct Outcome {
    seed: u64,
    broken: Option<Broken>,
    marks: Marks,
    events: u64,
    worlds: u64,
}

/// What all seeds together came to.
struct Total {
    began: Instant,
    seeds: u64,
    worlds: u64,
    events: u64,
    marks: Marks,
    /// Failures by seed. Seeds are begun in order, and none after a failure, so the lowest of these is the
    /// lowest of all.
    broken: BTreeMap<u64, Broken>,
}

/// Runs seeds on several threads until there are no more, or one has failed.
fn run_all(seeds: Seeds, crowd: &Crowd, progress: bool) -> Total {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (outcomes, done) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..crowd.jobs() {
            let (next, stop, outcomes, on) = (&next, &stop, outcomes.clone(), crowd.on.on);
            scope.spawn(move || work(seeds, on, next, stop, &outcomes));
        }
        drop(outcomes);
        let mut total = Total::new();
        let mut tell_at = total.began + MINUTE;
        loop {
            match done.recv_timeout(tell_at.saturating_duration_since(Instant::now())) {
                Ok(outcome) => total.add(outcome),
                Err(RecvTimeoutError::Disconnected) => return total,
                Err(RecvTimeoutError::Timeout) => {
                    tell_at += MINUTE;
                    if progress {
                        println!("{}", total.summary());
                    }
                }
            }
        }
    })
}

fn work(seeds: Seeds, on: On, next: &AtomicU64, stop: &AtomicBool, outcomes: &Sender<Outcome>) {
    while !stop.load(Ordering::Relaxed) && seeds.until.is_none_or(|until| Instant::now() < until) {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= seeds.count {
            return;
        }
        let outcome = outcome(seeds.from.wrapping_add(index), index.is_multiple_of(REPEATED), on);
        if outcome.broken.is_some() {
            stop.store(true, Ordering::Relaxed);
        }
        if outcomes.send(outcome).is_err() {
            return;
        }
    }
}

fn outcome(seed: u64, repeat: bool, on: On) -> Outcome {
    let tape = Tape::from_seed(seed);
    let run = on.run(&tape, Keep::Digest);
    let mut broken = run.broken;
    let (mut events, mut worlds) = (run.trace.events(), 1);
    if repeat && broken.is_none() {
        let again = on.run(&tape, Keep::Digest);
        (events, worlds) = (events + again.trace.events(), 2);
        let (one, two) = (run.trace.digest(), again.trace.digest());
        let how = || format!("digest {one:016x}, and {two:016x} when it was run again");
        broken = (one != two).then(|| Broken { promise: Promise::Repeatable, how: how() });
    }
    Outcome { seed, broken, marks: run.marks, events, worlds }
}

impl Total {
    fn new() -> Self {
        let (marks, broken) = (Marks::default(), BTreeMap::new());
        Self { began: Instant::now(), seeds: 0, worlds: 0, events: 0, marks, broken }
    }

    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.worlds += outcome.worlds;
        self.events += outcome.events;
        self.marks.merge(outcome.marks);
        if let Some(broken) = outcome.broken {
            self.broken.insert(outcome.seed, broken);
        }
    }

    fn summary(&self) -> String {
        let Self { began, seeds, worlds, events, .. } = self;
        let seconds = began.elapsed().as_secs_f64().max(1e-3);
        let (per_minute, per_second) = (*worlds as f64 / seconds * 60.0, *events as f64 / seconds);
        format!(
            "{seeds} seeds, {worlds} worlds, {events} events in {seconds:.1} s: \
             {per_minute:.0} worlds a minute, {per_second:.0} events a second"
        )
    }

    /// Prints the failures; tells whether there are any.
    fn fails(&self, crowd: &Crowd) -> Result<bool, Mishap> {
        for (&seed, broken) in &self.broken {
            failure(seed, broken, crowd.on.on, &crowd.out.out)?;
        }
        Ok(!self.broken.is_empty())
    }
}
