//! A whole run as data: what the world is like, who does what when, and what goes wrong.
//!
//! One tape makes one plan, and every tier carries out the same one: engine on links in memory, shipping
//! adapters in turmoil, binaries on real sockets.

mod fault;
mod fit;
mod lines;
pub(crate) mod names;
mod options;
mod persona;
mod show;
mod storage;
mod swarm;
mod workload;

use std::time::Duration;

use chat_core::Config;

pub use fit::Bounds;
pub(crate) use options::{MAX_CLIENTS, PASSWORD};
pub use storage::Storage;
pub use swarm::Swarm;
pub(crate) use swarm::client_of;

/// A run. All that is left to chance in carrying it out follows from the seeds in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// For what a tier decides beyond the plan (turmoil's latencies, say).
    pub seed: u64,
    /// What the world is like.
    pub options: Options,
    /// What happens, in the order of time.
    pub moments: Vec<Moment>,
}

/// What the world is like: drawn once for each run, features switched off altogether included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The limits of the server, some of them tiny.
    pub config: Config,
    /// How many clients there are. Each has at most one connection at a time.
    pub clients: usize,
    /// How many more come and go in storms only. Their numbers follow the clients'.
    pub strangers: usize,
    /// How long bytes are under way, at least and at most.
    pub latency: (Duration, Duration),
    /// Bytes that the server's kernel takes for one peer before a write finds its buffer full.
    pub send_buffer: usize,
    /// Whether the server's reads and writes are often short, down to one byte, or told to wait.
    pub ragged: bool,
    /// Whether some connections have a transport with a handshake. Real sockets do not heed it.
    pub secure: bool,
    /// In how many events the server's turns end, at most; 1 is a turn for each.
    pub turn: usize,
    /// Clients whose addresses count (not loopback) share so few addresses; 0: all are loopback.
    pub addresses: usize,
    /// What its history store is like, if it has one. Real servers have a store of their own.
    pub storage: Storage,
    /// Whether some connections come through a proxy. Only the world of links heeds it, and the next one.
    pub proxied: bool,
    /// After how much time other addresses are banned, again and again; zero: never.
    pub bans: Duration,
}

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, since the run began. Never before the moment in front of it.
    pub at: Duration,
    /// Which record of the tape it comes from: for traces, and for shrinking.
    pub record: usize,
    /// What is left to chance in carrying it out (how bytes are cut, how long they take).
    pub noise: u64,
    /// What it is.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A client does something; ignored where it cannot (sending without a connection, say).
    Act(usize, Act),
    /// Something goes wrong.
    Fault(Fault),
}

/// What a client can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Connects, if it has no connection.
    Connect,
    /// Sends these bytes: lines, parts of lines, or anything else.
    Send(Vec<u8>),
    /// Reads in another way from now on.
    Read(Appetite),
    /// Ends its sending side, and goes on reading.
    Finish,
    /// Drops the connection as it is: a reset.
    Reset,
}

/// How a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appetite {
    /// All that there is, at once. So does every new connection.
    Eager,
    /// So many bytes every ten milliseconds.
    Trickle(usize),
    /// Nothing.
    None,
}

/// What can go wrong. Clients are named by their number; a tier that runs several on one machine lets the
/// machine suffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing arrives at this client or from it until it is released; nothing is lost.
    Hold(usize),
    /// What was held arrives.
    Release(usize),
    /// What this client sends is lost from now on, for ever.
    DeafTo(usize),
    /// What is sent to this client is lost from now on, for ever.
    MuteTo(usize),
    /// Both: power or network is gone, and nobody is told.
    SilentDeath(usize),
    /// The code that serves this client's connection panics at its next input.
    Panic(usize),
    /// Accepting fails so many times.
    AcceptError(u32),
    /// Accepting fails for lack of descriptors, for so long.
    NoDescriptors(Duration),
    /// The wall clock jumps by so many seconds.
    WallJump(i64),
    /// The server's process does nothing for so long, as if stopped; both clocks go on. A machine that sleeps is
    /// this, and a jump of the wall clock.
    Suspend(Duration),
    /// The server dies, and another with the same configuration starts so much later.
    Crash(Duration),
    /// The server is asked to end; another with the same configuration starts once it has.
    Shutdown,
}
