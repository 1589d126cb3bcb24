//! What turmoil 0.7.2 lacks of a network, and `sim/src/adapters` works around. A test that fails after an
//! update of turmoil is good news: its message says which workaround may go, and the test may go with it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

const CLIENT: &str = "client";
const SERVER: &str = "server";
const PORT: u16 = 8080;

/// Segments under way in one direction of a connection, and connections that wait to be accepted.
const CAPACITY: usize = 4;
/// Longer than any message is under way, so what is sent in one tick arrives together in the next.
const TICK: Duration = Duration::from_secs(1);
/// Longer than a kernel waits for a silent peer.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// TCP sends again what a broken link lost. turmoil does not, and withholds for ever what comes later, with
/// an error on neither side. So a glitch that heals is a hold and a release: see the invariants in
/// `adapters/mod.rs`.
#[test]
fn a_repaired_partition_leaves_a_stream_stalled() {
    let ends = connection(
        async |mut stream| {
            turmoil::partition(CLIENT, SERVER);
            stream.write_all(b"lost").await?;
            turmoil::repair(CLIENT, SERVER);
            stream.write_all(b"late").await?;
            read(&mut stream).await
        },
        async |mut stream| read(&mut stream).await,
    );
    assert!(
        matches!(ends, (Ok(None), Ok(None))),
        "a repaired partition no longer stalls a stream: {ends:?}. If all arrives, a glitch may be one, and \
         that invariant in adapters/mod.rs may go"
    );
}

/// TCP delivers the end as soon as there is room. turmoil loses an end that finds the peer's window full.
/// With `TCP_CAPACITY` in `adapters/mod.rs` none is ever full; slow readers fill the send buffer in
/// `adapters/kernel.rs` instead.
#[test]
fn an_end_behind_a_full_window_is_lost() {
    let ends = connection(
        async |mut stream| {
            for _ in 0..CAPACITY {
                stream.write_all(b"x").await?;
            }
            stream.shutdown().await?;
            read(&mut stream).await
        },
        async |mut stream| {
            sleep(10 * TICK).await;
            stream.read_exact(&mut [0; CAPACITY]).await?;
            read(&mut stream).await
        },
    );
    assert!(
        matches!(ends, (Ok(None), Ok(None))),
        "an end behind a full window is no longer lost: {ends:?}. If it arrives, TCP_CAPACITY in \
         adapters/mod.rs need not keep windows from filling"
    );
}

/// A panic in a task should end the run. turmoil lets tokio swallow it, unless built with `tokio_unstable`.
/// So in `adapters/client.rs` a `JoinSet` awaits every task. The server's driver spawns none.
#[test]
fn a_panic_in_a_spawned_task_is_swallowed() {
    let mut sim = network();
    sim.client(CLIENT, async {
        let task = spawn_local(async { panic!("a planted fault") });
        sleep(TICK).await;
        assert!(task.is_finished(), "the task had no time to panic");
        Ok(())
    });
    let run = catch_unwind(AssertUnwindSafe(|| sim.run()));
    assert!(
        matches!(run, Ok(Ok(()))),
        "a panic in a spawned task ends the run: {run:?}. The JoinSet in adapters/client.rs may go"
    );
}

/// When too many connections come at once, a kernel lets them wait or try again. turmoil panics, however fast
/// the server accepts. `TCP_CAPACITY` in `adapters/mod.rs` is more than ever come.
#[test]
fn more_connects_at_once_than_the_capacity_panic_the_simulator() {
    let mut sim = network();
    sim.host(SERVER, async || {
        let listener = listen().await?;
        loop {
            listener.accept().await?;
        }
    });
    sim.client(CLIENT, async {
        let mut calls = JoinSet::new();
        for _ in 0..=CAPACITY {
            calls.spawn_local(TcpStream::connect((SERVER, PORT)));
        }
        while let Some(call) = calls.join_next().await {
            call??;
        }
        Ok(())
    });
    let panic = catch_unwind(AssertUnwindSafe(|| sim.run())).expect_err(
        "many connects at once no longer panic. TCP_CAPACITY in adapters/mod.rs may be less than they are",
    );
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(message.ends_with("server socket buffer full"), "another panic: {message}");
}

/// A kernel takes what its send buffer has room for. turmoil takes any write whole, even if nobody reads.
/// `adapters/kernel.rs` makes short ones: see its `share_of`, and its `poll_write` for the buffer.
#[test]
fn a_huge_write_is_accepted_whole() {
    const HUGE: usize = 1 << 20;
    let (written, _unread) =
        connection(async |mut stream| stream.write(&vec![0; HUGE]).await, async |unread| Ok(unread));
    assert!(
        matches!(written, Ok(HUGE)),
        "a huge write is not accepted whole: {written:?}. If it is in part, share_of and the send buffer may \
         go from poll_write in adapters/kernel.rs"
    );
}

/// A kernel gives up a peer that acknowledges neither data nor keepalive, and fails reads and writes. turmoil
/// has neither timeout. `adapters/kernel.rs` has both, as patient as the server makes its real sockets.
#[test]
fn a_peer_that_fell_silent_is_never_given_up() {
    let ends = connection(
        async |mut stream| {
            turmoil::partition(CLIENT, SERVER);
            stream.write_all(b"anybody there?").await?;
            let heard = read(&mut stream).await?;
            stream.write_all(b"still nobody?").await?;
            Ok(heard)
        },
        async |mut stream| read(&mut stream).await,
    );
    assert!(
        matches!(ends, (Ok(None), Ok(None))),
        "a silent peer is given up: {ends:?}. The deadlines in adapters/kernel.rs may go"
    );
}

/// A program can reset a real connection at will, by closing it with no linger. turmoil has only the drop,
/// which is polite if all input was read. Where a reset is meant, `poll_read` in `adapters/kernel.rs` makes
/// the end one.
#[test]
fn a_stream_that_is_dropped_with_all_input_read_ends_politely() {
    let (_, read) = connection(
        async |mut stream| {
            stream.read_exact(&mut [0; 5]).await?;
            drop(stream);
            Ok(())
        },
        async |mut stream| {
            stream.write_all(b"hello").await?;
            read(&mut stream).await
        },
    );
    assert!(
        matches!(read, Ok(Some(0))),
        "a stream that is dropped does not end politely: {read:?}. If it is reset, poll_read in \
         adapters/kernel.rs need not make a reset of an end"
    );
}

/// The same seed should see the same time of day. turmoil's clock begins at the real time, unless told
/// otherwise: `EPOCH` in `adapters/mod.rs` tells it.
#[test]
fn a_run_begins_at_the_real_time_unless_told_otherwise() {
    // Many, since a coarse clock may show the same time twice.
    let begins: BTreeSet<_> = (0..1_000).map(|_| Builder::new().rng_seed(1).build().since_epoch()).collect();
    assert!(
        begins.len() > 1,
        "all runs begin at the same time: {begins:?}. EPOCH in adapters/mod.rs is only needed if the time of \
         day matters"
    );
}

/// A network in which nothing is left to chance.
fn network() -> Sim<'static> {
    Builder::new()
        .rng_seed(1)
        .epoch(SystemTime::UNIX_EPOCH)
        .tick_duration(TICK)
        .simulation_duration(10 * HOUR)
        .tcp_capacity(CAPACITY)
        .build()
}

/// Lets both ends of a connection do their parts, and gives what each came to.
fn connection<C: 'static, S: 'static>(
    client: impl AsyncFnOnce(TcpStream) -> io::Result<C> + 'static,
    server: impl AsyncFnOnce(TcpStream) -> io::Result<S> + 'static,
) -> (io::Result<C>, io::Result<S>) {
    let mut sim = network();
    let (client_end, server_end) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None)));
    // A machine on which nothing runs hears nothing, so both run on until both are done.
    let done = Rc::new(Barrier::new(2));
    let (end, both) = (Rc::clone(&server_end), Rc::clone(&done));
    sim.client(SERVER, async move {
        let (stream, _) = listen().await?.accept().await?;
        end.set(Some(server(stream).await));
        both.wait().await;
        Ok(())
    });
    let (end, both) = (Rc::clone(&client_end), done);
    sim.client(CLIENT, async move {
        let stream = TcpStream::connect((SERVER, PORT)).await?;
        end.set(Some(client(stream).await));
        both.wait().await;
        Ok(())
    });
    sim.run().expect("both ends are done in time");
    (client_end.take().expect("the client is done"), server_end.take().expect("the server is done"))
}

async fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await
}

/// How much comes, and 0 for the end; none, if nothing does in an hour.
async fn read(stream: &mut TcpStream) -> io::Result<Option<usize>> {
    timeout(HOUR, stream.read(&mut [0; 64])).await.ok().transpose()
}
