//! TCP connections.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::task::{Context, Poll, ready};

use chat_driver::Listener;
use smol::Async;

use crate::io::Io;
use crate::reactor::{Connection, Registry};

/// A listening TCP socket.
pub struct SmolListener {
    listener: Async<TcpListener>,
    /// Whether somebody may be waiting.
    ready: bool,
    registry: Registry,
}

impl SmolListener {
    /// Takes over a socket that is listening. What it accepts is watched by the reactor of this registry.
    pub fn new(listener: TcpListener, registry: Registry) -> io::Result<Self> {
        Ok(Self { listener: Async::new(listener)?, ready: true, registry })
    }
}

impl Listener for SmolListener {
    type Stream = Io<Connection>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        loop {
            if !self.ready {
                ready!(self.listener.poll_readable(cx))?;
                self.ready = true;
            }
            match self.listener.get_ref().accept() {
                Ok((stream, peer)) => {
                    chat_server::tune(&stream);
                    return Poll::Ready(Ok((Io(self.registry.register(stream)?), peer)));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready = false,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}
