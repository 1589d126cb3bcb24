//! Which connections are secured.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use chat_driver::Listener;

use crate::acceptor::Acceptor;
use crate::stream::SecureStream;

/// What the connections of one listener may be.
#[derive(Clone, Debug)]
pub enum Security {
    /// Plain text only.
    Plain,
    /// Plain text or TLS, as the first byte says.
    Either(Arc<Acceptor>),
    /// TLS only.
    Required(Arc<Acceptor>),
}

/// A listener whose connections may be secured.
pub struct SecureListener<L> {
    inner: L,
    security: Security,
}

impl<L> SecureListener<L> {
    /// One that accepts what `inner` does.
    pub fn new(inner: L, security: Security) -> Self {
        Self { inner, security }
    }
}

impl<L: Listener> Listener for SecureListener<L> {
    type Stream = SecureStream<L::Stream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        let (stream, peer) = ready!(self.inner.poll_accept(cx))?;
        Poll::Ready(Ok((SecureStream::new(stream, &self.security), peer)))
    }
}
