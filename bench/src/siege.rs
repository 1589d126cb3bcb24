//! Strangers who mean no good, all at once, and what ordinary users notice of them.

use std::error::Error;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use clap::Args;

use crate::Result;
use crate::dialect::{Dialect, Role};
use crate::load::{Crowd, Size, at_rate};
use crate::server::{self, Known, Process};

/// What each kind of stranger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Sends a byte of a nickname now and then.
    Slow,
    /// Begins a TLS handshake, and leaves it at that.
    HalfOpen,
    /// Joins the room, and never reads.
    Deaf,
}

/// How often each slow stranger sends its byte, and each half-open one is looked after.
const ROUND: Duration = Duration::from_secs(3);
/// Strangers looked after without a break.
const SLICE: usize = 50;
/// The ordinary users.
const USERS: usize = 100;
/// Messages a second among them.
const RATE: u32 = 20;
/// The beginning of a ClientHello: a record of 512 bytes, of which no more comes.
const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// Slow, deaf and half-open strangers by the thousand, and how late ordinary messages are then
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Strangers of each of the three kinds
    #[arg(long, default_value_t = 5_000)]
    strangers: usize,
    /// How long the siege lasts
    #[arg(long, default_value_t = 30)]
    seconds: u32,
}

/// Besieges the server on each runtime.
pub(crate) fn run(options: &Options) -> Result<()> {
    server::build()?;
    println!(
        "| server | delay p50, ms | delay p99, ms | most resident memory, MB | strangers cut off and back again |"
    );
    println!("|---|--:|--:|--:|--:|");
    for known in [Known::Tokio, Known::Smol] {
        let server = known.server()?.with_flags(["--tls-self-signed"]);
        let Outcome { delays, resident, replaced } = besiege(options, &Process::start(&server)?)?;
        let quantile = |share: f64| f64::from(delays[((delays.len() - 1) as f64 * share) as usize]) / 1e3;
        let (median, late, memory) = (quantile(0.5), quantile(0.99), resident as f64 / 1e6);
        println!("| {server} | {median:.1} | {late:.1} | {memory:.0} | {replaced} |");
    }
    Ok(())
}

struct Outcome {
    /// Of every message to every user, in microseconds, sorted.
    delays: Vec<u32>,
    /// Bytes at most.
    resident: u64,
    /// Strangers that the server cut off, and that came again.
    replaced: usize,
}

fn besiege(options: &Options, server: &Process) -> Result<Outcome> {
    let mut strangers = Vec::with_capacity(3 * options.strangers);
    let mut come = |kind| {
        for _ in 0..options.strangers {
            strangers.push(Stranger::come(kind, strangers.len(), server.addr)?);
        }
        Ok::<_, Box<dyn Error>>(())
    };
    // In a room of so many nobody is told of joins, so the users hear nothing but each other.
    come(Kind::Deaf)?;
    let size = Size { rooms: 1, listeners: USERS, members: 0, speakers: 1 };
    let mut crowd = Crowd::join(Dialect::Plain, server.addr, size)?;
    crowd.get_in_step()?;
    // Who has no nickname yet can be kept out by these, when they reach their limit; who has one cannot.
    come(Kind::Slow)?;
    come(Kind::HalfOpen)?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let annoying = scope.spawn(|| annoy(strangers, server, &over).map_err(|error| error.to_string()));
        let delays = at_rate(&mut crowd, RATE, Duration::from_secs(options.seconds.into()));
        over.store(true, Ordering::Relaxed);
        let (resident, replaced) = annoying.join().map_err(|_| "a panic")??;
        let mut delays = delays?;
        delays.sort_unstable();
        Ok(Outcome { delays, resident, replaced })
    })
}

/// Keeps the strangers annoying until it is over. The most memory that the server had meanwhile, and how many were
/// replaced.
fn annoy(mut strangers: Vec<Stranger>, server: &Process, over: &AtomicBool) -> Result<(u64, usize)> {
    let (mut resident, mut replaced) = (0, 0);
    let pause = ROUND / u32::try_from(strangers.len().div_ceil(SLICE))?;
    while !over.load(Ordering::Relaxed) {
        for start in (0..strangers.len()).step_by(SLICE) {
            let began = Instant::now();
            let end = strangers.len().min(start + SLICE);
            for (index, stranger) in strangers[start..end].iter_mut().enumerate() {
                if !stranger.go_on() {
                    *stranger = Stranger::come(stranger.kind, start + index, server.addr)?;
                    replaced += 1;
                }
            }
            resident = resident.max(server.resident()?);
            sleep(pause.saturating_sub(began.elapsed()));
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    Ok((resident, replaced))
}

struct Stranger {
    kind: Kind,
    stream: TcpStream,
}

impl Stranger {
    fn come(kind: Kind, number: usize, addr: SocketAddr) -> Result<Self> {
        let mut stream = TcpStream::connect(addr)?;
        match kind {
            Kind::Slow => {}
            Kind::HalfOpen => stream.write_all(HELLO)?,
            Kind::Deaf => {
                stream.write_all(&Dialect::Plain.hello(&format!("deaf{number}"), 0, Role::Listener))?;
            }
        }
        stream.set_nonblocking(true)?;
        Ok(Self { kind, stream })
    }

    /// Does what its kind does; false when the server has cut it off.
    fn go_on(&mut self) -> bool {
        let is_waiting = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        match self.kind {
            Kind::Deaf => true,
            Kind::Slow => self.stream.write_all(b"x").is_ok(),
            Kind::HalfOpen => self.stream.read(&mut [0; 64]).is_err_and(|error| is_waiting(&error)),
        }
    }
}
