//! TCP connections.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use chat_driver::Listener;
use tokio::net::{TcpListener, TcpStream};

use crate::io::Io;

/// A listening TCP socket.
pub struct TokioListener(TcpListener);

impl TokioListener {
    /// Takes over a socket that is listening and non-blocking. Must be called within the runtime.
    pub fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        TcpListener::from_std(listener).map(Self)
    }
}

impl Listener for TokioListener {
    type Stream = Io<TcpStream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        let (stream, peer) = ready!(self.0.poll_accept(cx))?;
        chat_server::tune(&stream);
        Poll::Ready(Ok((Io(stream), peer)))
    }
}
