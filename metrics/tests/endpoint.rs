//! The endpoint, beside a driver that is not polled, and then is.

use std::future::Future as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use chat_core::{Config, Engine, Mono, Now};
use chat_driver::{Clock, Driver, Incoming, Listener, Stream};
use chrono::DateTime;

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Now {
        Now { mono: Mono(0), utc: DateTime::UNIX_EPOCH }
    }

    fn poll_until(&mut self, _: &mut Context<'_>, _: Mono) -> Poll<()> {
        Poll::Pending
    }
}

/// Where nobody comes.
enum Nowhere {}

impl Listener for Nowhere {
    type Stream = Nobody;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(Nobody, SocketAddr)>> {
        match *self {}
    }
}

enum Nobody {}

impl Stream for Nobody {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<Incoming>> {
        match *self {}
    }

    fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match *self {}
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        match *self {}
    }
}

fn get(addr: SocketAddr, path: &str) -> String {
    let mut client = TcpStream::connect(addr).unwrap();
    write!(client, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_driver_that_does_not_answer_is_not_healthy_until_it_does() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    let (meter, endpoint) = chat_metrics::metrics(listener, chat_metrics::Surroundings::default);
    let engine = Engine::new(Config::default()).unwrap();
    let mut driver = Driver::with_observer(engine, Still, Vec::<Nowhere>::new(), Some(Box::new(meter)));
    endpoint.serve(driver.handle()).unwrap();

    let both = ["/healthz", "/metrics"].map(|path| thread::spawn(move || get(addr, path)));
    assert!(get(addr, "/").starts_with("HTTP/1.1 404 "));
    for answer in both {
        assert!(answer.join().unwrap().starts_with("HTTP/1.1 503 "));
    }

    let asking = thread::spawn(move || get(addr, "/healthz"));
    // Whichever turn comes after the question answers it.
    while !asking.is_finished() {
        assert!(Pin::new(&mut driver).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        thread::yield_now();
    }
    assert!(asking.join().unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
}
