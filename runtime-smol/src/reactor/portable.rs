//! smol's own reactor, where there is no `epoll`.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::task::Context;

use smol::Async;

use crate::io::Socket;

/// Has nothing to do: smol's reactor wakes whoever can go on.
pub struct Reactor;

/// Where connections are registered.
#[derive(Clone)]
pub struct Registry;

/// A TCP connection.
pub type Connection = Async<TcpStream>;

impl Reactor {
    /// One that watches nobody.
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// For the listeners.
    #[must_use]
    pub fn registry(&self) -> Registry {
        Registry
    }

    /// Nothing to be done.
    pub fn poll(&mut self, _cx: &mut Context<'_>) -> io::Result<()> {
        Ok(())
    }
}

impl Registry {
    /// Watches a connection from now on.
    pub(crate) fn register(&self, stream: TcpStream) -> io::Result<Connection> {
        Async::new(stream)
    }
}

impl Socket for Async<TcpStream> {
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.get_ref().take_error()
    }

    fn send_fin(&self) -> io::Result<()> {
        self.get_ref().shutdown(Shutdown::Write)
    }
}
