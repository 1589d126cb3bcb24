//! The server's machine: the shipping adapter over turmoil's sockets.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chat_core::{Config, Engine};
use chat_driver::{Driver, HistoryStore, Listener, Stream};
use chrono::{DateTime, Utc};
use runtime_tokio::TokioClock;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep};
use turmoil::net::{TcpListener, TcpStream};

use super::Adapter;
use super::ground::{Ground, now};
use super::keeping::{self, Keeper};
use super::kernel::Kernel;
use super::secure::Secured;
use crate::oracle::Promise;

/// The server's name in the simulated network,
pub(super) const SERVER: &str = "server";
/// and its port.
pub(super) const PORT: u16 = 8080;

/// Linux's number of "too many open files".
const EMFILE: i32 = 24;
/// In what time a server that was asked to end must end.
const SHUTDOWN: Duration = Duration::from_millis(5_100);

/// What servers are made of.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) adapter: Adapter,
    pub(super) config: Config,
    pub(super) ground: Ground,
}

impl Server {
    /// Serves, and when it has been shut down starts anew, as a supervisor would have it.
    pub(super) async fn run(self) -> turmoil::Result {
        loop {
            self.ground.renew_oracle();
            match self.adapter {
                Adapter::Tokio => self.serve(runtime_tokio::Io).await?,
                Adapter::Smol => self.serve(runtime_smol::Io).await?,
            }
        }
    }

    /// Serves until it is shut down, as the binaries' `main` does.
    async fn serve<S: Stream + 'static>(&self, wrap: fn(Kernel) -> S) -> turmoil::Result {
        let ground = &self.ground;
        let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?;
        let door = Door::new(listener, ground.clone(), wrap);
        let engine = Engine::new(self.config.clone())?;
        let clock = TokioClock::new({
            let ground = ground.clone();
            move || simulated_utc() + chrono::Duration::seconds(ground.wall.get())
        });
        let driver = Driver::with_observer(engine, clock, vec![door], Some(Box::new(ground.clone())));
        let keeper = ground.config.store.map(|_| Box::new(Keeper(ground.clone())) as Box<dyn HistoryStore>);
        let driver = driver.with_store(keeper);
        ground.handle.replace(Some(driver.handle()));
        let driver = unconstrained(driver);
        let bed =
            Bed { sleeper: Box::pin(driver), ground: ground.clone(), alarm: Box::pin(sleep(Duration::ZERO)) };
        tokio::select! {
            biased;
            ended = bed => ended?,
            () = keeping::answer(ground.clone()) => {}
        }
        ground.handle.take();
        ground.end_server();
        if ground.connections.get() > 0 {
            ground.accuse(Promise::NoGhosts, "the server has ended with connections open");
        }
        Ok(())
    }

    /// How long a server may take to end.
    pub(super) fn patience() -> Duration {
        SHUTDOWN
    }
}

fn simulated_utc() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + turmoil::since_epoch().expect("the server runs on a simulated host")
}

/// A future on a machine that sleeps at times.
struct Bed<F> {
    sleeper: Pin<Box<F>>,
    ground: Ground,
    alarm: Pin<Box<Sleep>>,
}

impl<F: Future> Future for Bed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let left = self.ground.asleep_until.get().saturating_sub(now());
        if left.is_zero() {
            return self.sleeper.as_mut().poll(cx);
        }
        self.alarm.as_mut().reset(Instant::now() + left);
        ready!(self.alarm.as_mut().poll(cx));
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

type Accepting = Pin<Box<dyn Future<Output = io::Result<(TcpStream, SocketAddr)>>>>;

/// A listener of turmoil's, each of whose streams gets a kernel, and the adapter's wrapping.
struct Door<S> {
    listener: Rc<TcpListener>,
    /// The call under way: turmoil has no poll function for it.
    accepting: Accepting,
    ground: Ground,
    wrap: fn(Kernel) -> S,
}

impl<S> Door<S> {
    fn new(listener: TcpListener, ground: Ground, wrap: fn(Kernel) -> S) -> Self {
        let listener = Rc::new(listener);
        Self { accepting: accept(&listener), listener, ground, wrap }
    }
}

fn accept(listener: &Rc<TcpListener>) -> Accepting {
    let listener = Rc::clone(listener);
    Box::pin(async move { listener.accept().await })
}

impl<S: Stream> Listener for Door<S> {
    type Stream = Secured<S>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        if self.ground.no_descriptors_until.get() > now() {
            return Poll::Ready(Err(io::Error::from_raw_os_error(EMFILE)));
        }
        if self.ground.accept_errors.get() > 0 {
            self.ground.accept_errors.set(self.ground.accept_errors.get() - 1);
            return Poll::Ready(Err(io::Error::other("a planted fault")));
        }
        let result = ready!(self.accepting.as_mut().poll(cx));
        self.accepting = accept(&self.listener);
        let (stream, peer) = result?;
        let kernel = Kernel::new(stream, peer, self.ground.clone());
        Poll::Ready(Ok((Secured::new((self.wrap)(kernel), self.ground.clone()), peer)))
    }
}
