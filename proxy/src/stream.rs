//! A connection, which may still have to say its header.

use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll, ready};

use chat_core::Violation;
use chat_driver::{Incoming, Stream};

use crate::header::Header;

/// A connection, which may still have to say its header.
pub struct ProxyStream<S> {
    inner: S,
    /// What came of the header, until it is whole. Behind a pointer, since most connections have none.
    header: Option<Box<Header>>,
}

impl<S> ProxyStream<S> {
    /// A connection, from a proxy at this address if it is from one.
    pub(crate) fn new(inner: S, proxy: Option<IpAddr>) -> Self {
        Self { inner, header: proxy.map(|proxy| Box::new(Header::new(proxy))) }
    }
}

impl<S: Stream> Stream for ProxyStream<S> {
    fn is_open(&self) -> bool {
        self.header.is_none() && self.inner.is_open()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Incoming>> {
        while let Some(header) = &mut self.header {
            let most = header.wants().min(buf.len());
            let count = match ready!(self.inner.poll_read(cx, &mut buf[..most]))? {
                Incoming::Text(count) => count,
                incoming => return Poll::Ready(Ok(incoming)),
            };
            let Some(said) = header.receive(&buf[..count]) else { continue };
            self.header = None;
            return Poll::Ready(Ok(match said {
                Ok(peer) => Incoming::Forwarded(peer),
                Err(_) => Incoming::Violated(Violation::Unforwarded),
            }));
        }
        self.inner.poll_read(cx, buf)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner.poll_write(cx, bytes)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_shutdown(cx)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}
