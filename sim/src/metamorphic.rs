//! Runs that must not differ: the same input, cut into other chunks and grouped into other turns, gives every
//! connection the same bytes.
//!
//! That holds as long as the wall clock stands still and no limit is met. So time does not pass here, nothing
//! is limited, nicknames are given beforehand (what else waits in a turn in which one is refused decides
//! whether it comes from a script), and nothing is asked whose answer is given in parts.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use chat_core::{Action, Cause, Close, Config, ConnId, Engine, Event, Mono, Now, TurnLimit};
use chrono::DateTime;

use crate::oracle::{Broken, Promise};
use crate::plan::{Act, Plan, What};
use crate::tape::Rng;

/// Longer input is left out: topics of that length make the list of rooms an answer in parts.
const LONG: usize = 600;

/// How input is cut and grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slicing {
    /// Where the sizes of chunks come from; none: what was sent at once comes at once.
    chunks: Option<u64>,
    /// After how many events a turn ends.
    turn: usize,
}

/// Feeds what the clients of `plan` send to an engine in several ways, and compares what they get.
///
/// # Errors
/// The first connection that gets something else.
pub fn check(plan: &Plan) -> Result<(), Broken> {
    let reference = streams(plan, Slicing { chunks: None, turn: 1 });
    for slicing in [
        Slicing { chunks: Some(plan.seed), turn: 1 },
        Slicing { chunks: None, turn: 7 },
        Slicing { chunks: Some(!plan.seed), turn: 64 },
        Slicing { chunks: None, turn: usize::MAX },
    ] {
        let streams = streams(plan, slicing);
        for (client, (expected, found)) in reference.iter().zip(&streams).enumerate() {
            if expected != found {
                let same =
                    expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
                let how = format!("{slicing:?} changes what client {client} gets from byte {same} on");
                return Err(Broken { promise: Promise::Repeatable, how });
            }
        }
    }
    Ok(())
}

/// What every client got that was not lost on the way.
fn streams(plan: &Plan, slicing: Slicing) -> Vec<Vec<u8>> {
    let mut world = World::new(plan.options.config.announce_limit, plan.options.everybody());
    let mut rng = slicing.chunks.map(Rng::new);
    let mut events = 0;
    for moment in &plan.moments {
        let What::Act(client, act) = &moment.what else { continue };
        match act {
            Act::Send(bytes) if bytes.len() <= LONG => {
                for chunk in chunks(bytes, rng.as_mut()) {
                    world.tell(*client, Event::Received(chunk));
                }
            }
            Act::Finish => world.tell(*client, Event::PeerFinished),
            Act::Reset => {
                // Its last turn may be lost with it.
                world.clients[*client].lost = true;
                world.tell(*client, Event::Disconnected(Cause::Reset));
            }
            Act::Send(_) | Act::Connect | Act::Read(_) => continue,
        }
        events += 1;
        if events % slicing.turn == 0 {
            world.drain();
        }
    }
    world.drain();
    world.clients.into_iter().map(|client| if client.lost { Vec::new() } else { client.got }).collect()
}

/// `bytes` in pieces of 1 to 16.
fn chunks<'a>(bytes: &'a [u8], rng: Option<&mut Rng>) -> Vec<&'a [u8]> {
    let Some(rng) = rng else { return vec![bytes] };
    let mut rest = bytes;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let size = 1 + usize::try_from(rng.draw() % 16).expect("below 16");
        let (chunk, behind) = rest.split_at(size.min(rest.len()));
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

/// An engine whose clients take everything at once.
struct World {
    engine: Engine,
    clients: Vec<Client>,
    client_of: BTreeMap<ConnId, usize>,
}

struct Client {
    conn: ConnId,
    got: Vec<u8>,
    finished: bool,
    gone: bool,
    lost: bool,
}

impl World {
    fn new(announce_limit: usize, clients: usize) -> Self {
        let limits = Config { announce_limit, flood: None, history: None, backlog: 0, ..Config::default() };
        let turn = TurnLimit { text: 0, copies: 0 };
        let config = Config { memory: 0, rooms_per_user: 0, turn, ..limits };
        let engine = Engine::new(config).expect("no limits contradict each other");
        let mut world = Self { engine, clients: Vec::new(), client_of: BTreeMap::new() };
        for client in 0..clients {
            let conn = world.engine.connect(now(), Ipv4Addr::LOCALHOST.into());
            world.client_of.insert(conn, client);
            world.clients.push(Client { conn, got: Vec::new(), finished: false, gone: false, lost: false });
            world.tell(client, Event::Opened);
            world.tell(client, Event::Received(format!("guest{client}\n").as_bytes()));
            world.drain();
        }
        world
    }

    /// Tells the engine, if the client is still there.
    fn tell(&mut self, client: usize, event: Event<'_>) {
        let client = &mut self.clients[client];
        match event {
            _ if client.gone => return,
            Event::Received(_) | Event::PeerFinished if client.finished => return,
            Event::PeerFinished => client.finished = true,
            Event::Disconnected(_) => client.gone = true,
            _ => {}
        }
        self.engine.handle(now(), client.conn, event);
    }

    fn drain(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            match action {
                Action::Write { conn, bytes } => {
                    let client = self.client_of[&conn];
                    self.clients[client].got.extend_from_slice(&bytes);
                    self.tell(client, Event::Wrote(bytes.len()));
                }
                Action::Close { conn, how: Close::AfterFlush | Close::Now, .. } => {
                    self.tell(self.client_of[&conn], Event::Disconnected(Cause::Closed));
                }
                Action::Reading { .. } | Action::Store(_) | Action::LookUp(_) | Action::Report(_) => {}
            }
        }
    }
}

fn now() -> Now {
    Now { mono: Mono(0), utc: DateTime::UNIX_EPOCH }
}
