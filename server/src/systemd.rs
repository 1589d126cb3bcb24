//! What a service manager hands over, and what it is told. Without one, nothing of this does anything.

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tracing::debug;

use crate::socket;

/// The listening sockets that were handed over (`LISTEN_FDS`, see `sd_listen_fds(3)`).
pub(crate) fn sockets() -> io::Result<Vec<TcpListener>> {
    let mut handed_over = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..handed_over.len() {
        if let Some(listener) = handed_over.take_tcp_listener(index)? {
            sockets.push(socket::adopt(listener)?);
        }
    }
    Ok(sockets)
}

/// Says that connections are taken.
pub(crate) fn notify_ready() {
    notify(NotifyState::Ready);
}

/// Says that the end has begun.
pub(crate) fn notify_stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        // It does not listen: no reason not to serve.
        debug!(%error, "cannot notify the service manager");
    }
}
