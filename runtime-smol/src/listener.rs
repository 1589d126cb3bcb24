//! TCP connections.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::task::{Context, Poll, ready};

use chat_driver::Listener;
use smol::Async;

use crate::io::Io;

/// A listening TCP socket.
pub struct SmolListener(Async<TcpListener>);

impl SmolListener {
    /// Takes over a socket that is listening.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        Async::new(listener).map(Self)
    }
}

impl Listener for SmolListener {
    type Stream = Io<Async<TcpStream>>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        loop {
            match self.0.get_ref().accept() {
                Ok((stream, peer)) => {
                    chat_server::tune(&stream);
                    return Poll::Ready(Ok((Io(Async::new(stream)?), peer)));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}
