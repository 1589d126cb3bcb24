//! What clients, kernels, server and run share. A run has one thread, so they take turns.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use chat_core::{Action, Cause, ConnId, Engine, Event, Now};
use chat_driver::{Handle, Input, Observer};
use tokio::sync::Notify;

use super::broken;
use crate::oracle::{Broken, Ledger, Marks, Oracle, Promise};
use crate::plan::Plan;
use crate::run::Run;
use crate::seen::Seen;
use crate::store::Store;
use crate::tape::Rng;
use crate::trace::{Keep, Trace};
use crate::transcript::Transcript;

/// What both kernels know of one connection.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Bytes that the server's kernel took and the client has not read.
    pub(super) unread: usize,
    /// When the client reset it.
    pub(super) reset: Option<Duration>,
    /// Its code panics at the next input.
    pub(super) bomb: bool,
    /// Who waits for room.
    pub(super) waker: Option<Waker>,
}

/// Handles to it are equal.
#[derive(Clone)]
pub(super) struct Ground(Rc<Shared>);

pub(super) struct Shared {
    pub(super) oracle: RefCell<Oracle>,
    /// The connections of servers that have ended in order.
    pub(super) past: RefCell<Vec<Ledger>>,
    trace: RefCell<Trace>,
    broken: RefCell<Option<Broken>>,
    marks: Cell<Marks>,
    pub(super) transcripts: RefCell<Vec<Transcript>>,
    pub(super) wires: RefCell<BTreeMap<SocketAddr, Rc<RefCell<Wire>>>>,
    /// Machines that cannot be reached, and since when.
    pub(super) dark: RefCell<BTreeMap<IpAddr, Duration>>,
    /// To shut the server down with, while it runs.
    pub(super) handle: RefCell<Option<Handle>>,
    /// How many servers have ended in order.
    pub(super) ended: Cell<u32>,
    /// Connections of the engine, when it was last asked.
    pub(super) connections: Cell<usize>,
    pub(super) accept_errors: Cell<u32>,
    pub(super) no_descriptors_until: Cell<Duration>,
    pub(super) asleep_until: Cell<Duration>,
    /// By how many seconds the wall clock is off.
    pub(super) wall: Cell<i64>,
    pub(super) send_buffer: Cell<usize>,
    /// The longest that anything is under way.
    pub(super) latency: Duration,
    /// Where the chance of short reads and writes comes from; none: all are whole.
    pub(super) ragged: RefCell<Option<Rng>>,
    /// Where the chance of transports with a handshake comes from; none: all are plain, and those that are not stay sound.
    pub(super) secure: RefCell<Option<Rng>>,
    recount: bool,
    pub(super) config: chat_core::Config,
    /// Where the server stores what rooms say; it outlives it.
    pub(super) store: RefCell<Option<Store>>,
    /// The store was asked for something.
    pub(super) asked: Notify,
}

impl std::ops::Deref for Ground {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Ground {
    pub(super) fn new(plan: &Plan, keep: Keep) -> Self {
        let options = &plan.options;
        Self(Rc::new(Shared {
            oracle: RefCell::new(Oracle::new(&options.config, true)),
            past: RefCell::default(),
            trace: RefCell::new(Trace::new(keep)),
            broken: RefCell::new(None),
            marks: Cell::new(Marks::default()),
            transcripts: RefCell::default(),
            wires: RefCell::default(),
            dark: RefCell::default(),
            handle: RefCell::new(None),
            ended: Cell::new(0),
            connections: Cell::new(0),
            accept_errors: Cell::new(0),
            no_descriptors_until: Cell::new(Duration::ZERO),
            asleep_until: Cell::new(Duration::ZERO),
            wall: Cell::new(0),
            send_buffer: Cell::new(options.send_buffer.max(1)),
            latency: options.latency.1,
            ragged: RefCell::new(options.ragged.then(|| Rng::new(plan.seed))),
            secure: RefCell::new(options.secure.then(|| Rng::new(plan.seed))),
            recount: true,
            config: options.config.clone(),
            store: RefCell::new(options.config.store.map(|_| Store::new(options.storage, plan.seed))),
            asked: Notify::new(),
        }))
    }

    /// Adds to the trace. Within a simulated host only.
    pub(super) fn note(&self, seen: &Seen<'_>) {
        self.trace.borrow_mut().note(now(), seen);
    }

    /// Adds to the trace what happens outside all hosts.
    pub(super) fn note_at(&self, at: Duration, seen: &Seen<'_>) {
        self.trace.borrow_mut().note(at, seen);
    }

    pub(super) fn accuse(&self, promise: Promise, how: impl Into<String>) {
        self.broken.borrow_mut().get_or_insert_with(|| broken(promise, how));
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.borrow().is_some()
    }

    /// The record of the connection from this address.
    pub(super) fn wire(&self, from: SocketAddr) -> Rc<RefCell<Wire>> {
        Rc::clone(self.wires.borrow_mut().entry(from).or_default())
    }

    /// A server has ended in order: what it wrote must reach its clients.
    pub(super) fn end_server(&self) {
        self.past.borrow_mut().extend_from_slice(self.oracle.borrow().ledgers());
        self.store.borrow_mut().iter_mut().for_each(Store::settle);
        self.ended.set(self.ended.get() + 1);
    }

    /// Another server starts: what the old one's oracle saw counts.
    pub(super) fn renew_oracle(&self) {
        let heads = self.store.borrow().as_ref().map(Store::heads).unwrap_or_default();
        let old = self.oracle.replace(Oracle::new(&self.config, self.recount).after(heads));
        let mut marks = self.marks.get();
        marks.merge(old.marks());
        self.marks.set(marks);
        self.connections.set(0);
    }

    pub(super) fn finish(self) -> (Run, Vec<Transcript>) {
        self.renew_oracle();
        let (trace, broken) = (self.trace.borrow().clone(), self.broken.take());
        (Run { trace, broken, marks: self.marks.get() }, self.transcripts.take())
    }
}

/// The oracle, and the trace, as the driver's observer.
impl Observer for Ground {
    fn handled(&mut self, now: Now, input: Input<'_>, engine: &Engine) {
        match &input {
            Input::Connect { conn, peer } => self.note(&Seen::Connected(*conn, usize::from(peer.port()))),
            Input::Event { conn, event } => self.note(&Seen::event(*conn, event, &mut String::new())),
            Input::Timeout => self.note(&Seen::Timeout),
            Input::Bans(bans) => self.note(&Seen::bans(bans, &mut Vec::new())),
            Input::StoreAnswered(answer) => self.note(&Seen::answered(answer, &mut String::new())),
            Input::Shutdown => self.note(&Seen::Shutdown),
        }
        self.oracle.borrow_mut().handled(now, input, engine);
        if let Input::Event { conn, event: Event::Disconnected(Cause::Panicked) } = input {
            self.check_panic(conn);
        }
    }

    fn panicked(&mut self, input: Option<(Now, Input<'_>)>, engine: &Engine) {
        let mut oracle = self.oracle.borrow_mut();
        oracle.panicked(input, engine);
        if let Some(broken) = oracle.broken() {
            self.accuse(broken.promise, broken.how.clone());
        }
    }

    fn polled(&mut self, action: Option<&Action>, engine: &Engine) {
        if let Some(action) = action {
            self.note(&Seen::action(action, &mut String::new()));
        }
        self.oracle.borrow_mut().polled(action, engine);
        self.connections.set(engine.connections());
        if let Some(broken) = self.oracle.borrow().broken() {
            self.accuse(broken.promise, broken.how.clone());
        }
    }
}

impl Ground {
    /// The code of a connection has panicked, which is only right if that was planted.
    fn check_panic(&self, conn: ConnId) {
        let oracle = self.oracle.borrow();
        let peer = oracle.ledgers().iter().rfind(|ledger| ledger.conn == conn).map(|ledger| ledger.peer);
        if !peer.is_some_and(|peer| self.wire(peer).borrow().bomb) {
            self.accuse(Promise::Robust, format!("the code of {conn} panics"));
        }
    }
}

/// Simulated time since the run began. Within a simulated host only.
pub(super) fn now() -> Duration {
    turmoil::sim_elapsed().expect("the caller runs on a simulated host")
}
