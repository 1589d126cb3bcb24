//! A listener, some of whose peers are proxies.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use chat_core::Addresses;
use chat_driver::Listener;

use crate::stream::ProxyStream;

/// A listener, some of whose peers are proxies.
pub struct ProxyListener<L> {
    inner: L,
    proxies: Arc<Addresses>,
}

impl<L> ProxyListener<L> {
    /// One that accepts what `inner` does. From `proxies`, a header has to come first.
    pub fn new(inner: L, proxies: Arc<Addresses>) -> Self {
        Self { inner, proxies }
    }
}

impl<L: Listener> Listener for ProxyListener<L> {
    type Stream = ProxyStream<L::Stream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        let (stream, peer) = ready!(self.inner.poll_accept(cx))?;
        let proxy = Some(peer.ip()).filter(|&ip| self.proxies.contains(ip));
        Poll::Ready(Ok((ProxyStream::new(stream, proxy), peer)))
    }
}
