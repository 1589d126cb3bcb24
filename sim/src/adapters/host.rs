//! The server's machine: the shipping adapter over turmoil's sockets.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use chat_core::{Config, Engine};
use chat_driver::{Driver, Handle, Listener, Stream};
use chrono::{DateTime, Utc};
use runtime_tokio::TokioClock;
use tokio::task::unconstrained;
use turmoil::net::{TcpListener, TcpStream};

use crate::adapters::kernel::{Kernel, Temper, Weather};

/// The server's name in the simulated network,
pub(crate) const SERVER: &str = "server";
/// and its port.
pub(crate) const PORT: u16 = 8080;

/// Whose `Io` the connections go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// That of `runtime-tokio`.
    Tokio,
    /// That of `runtime-smol`. Its clock is bound to real time, so tokio's stands in.
    Smol,
}

/// What a server is made of, and what it leaves behind for the run to see.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) adapter: Adapter,
    pub(crate) config: Config,
    pub(crate) weather: Weather,
    pub(crate) temper: Temper,
    /// To shut it down with, once it runs.
    pub(crate) handle: Rc<RefCell<Option<Handle>>>,
    /// Whether the driver has resolved, and without a fault.
    pub(crate) ended: Rc<Cell<bool>>,
}

impl Server {
    /// Serves until it is shut down, as the binaries' `main` does.
    pub(crate) async fn run(self) -> turmoil::Result {
        match self.adapter {
            Adapter::Tokio => self.drive(runtime_tokio::Io).await,
            Adapter::Smol => self.drive(runtime_smol::Io).await,
        }
    }

    async fn drive<S: Stream + 'static>(self, wrap: fn(Kernel) -> S) -> turmoil::Result {
        let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?;
        let listener = Door::new(listener, self.weather, self.temper, wrap);
        let engine = Engine::new(self.config)?;
        let driver = Driver::new(engine, TokioClock::new(simulated_utc), vec![listener]);
        self.handle.replace(Some(driver.handle()));
        unconstrained(driver).await?;
        self.ended.set(true);
        // The machine outlives the server: it still answers for what was its port.
        pending().await
    }
}

fn simulated_utc() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + turmoil::since_epoch().expect("the server runs on a simulated host")
}

type Accepting = Pin<Box<dyn Future<Output = io::Result<(TcpStream, SocketAddr)>>>>;

/// A listener of turmoil's, each of whose streams gets a kernel, and the adapter's wrapping.
struct Door<S> {
    listener: Rc<TcpListener>,
    /// The call under way: turmoil has no poll function for it.
    accepting: Accepting,
    weather: Weather,
    temper: Temper,
    wrap: fn(Kernel) -> S,
}

impl<S> Door<S> {
    fn new(listener: TcpListener, weather: Weather, temper: Temper, wrap: fn(Kernel) -> S) -> Self {
        let listener = Rc::new(listener);
        Self { accepting: accept(&listener), listener, weather, temper, wrap }
    }
}

fn accept(listener: &Rc<TcpListener>) -> Accepting {
    let listener = Rc::clone(listener);
    Box::pin(async move { listener.accept().await })
}

impl<S: Stream> Listener for Door<S> {
    type Stream = S;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(S, SocketAddr)>> {
        let result = ready!(self.accepting.as_mut().poll(cx));
        self.accepting = accept(&self.listener);
        let (stream, peer) = result?;
        let kernel = Kernel::new(stream, peer.ip(), self.weather.clone(), self.temper.split());
        Poll::Ready(Ok(((self.wrap)(kernel), peer)))
    }
}
