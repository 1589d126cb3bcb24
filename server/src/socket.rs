//! Listening sockets, and what is set on accepted ones.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::net::SendFlags;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tracing::{debug, info, warn};

use crate::Error;
use crate::value::Listen;

/// Connections that may wait to be accepted: a community that comes back after a restart does so at once.
const ACCEPT_BACKLOG: i32 = 4_096;
/// A silent peer is asked after this long whether it is still there,
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// then again each time this much later,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// and is given up after so many questions.
const KEEPALIVE_RETRIES: u32 = 3;
/// The same patience for a peer that does not acknowledge what we send; keepalive does not ask these.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// Whether accepted connections have the options of their listening socket: Linux has it so, and saves six system
/// calls for each.
const INHERITED: bool = cfg!(target_os = "linux");

/// Listens on all of these.
pub(crate) fn listen_all(addresses: &[Listen]) -> Result<Vec<TcpListener>, Error> {
    let mut listeners = Vec::new();
    for address in addresses {
        match *address {
            Listen::At(addr) => listeners.push(listen(addr).map_err(|error| Error::Listen { addr, error })?),
            Listen::Everywhere(port) => {
                let addr = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
                match listen(addr) {
                    Ok(listener) => listeners.push(listener),
                    Err(error) if is_absent(&error) => info!(%error, "no IPv6 on this machine"),
                    Err(error) => return Err(Error::Listen { addr, error }),
                }
                let addr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
                listeners.push(listen(addr).map_err(|error| Error::Listen { addr, error })?);
            }
        }
    }
    Ok(listeners)
}

/// Prepares a listening socket that somebody else has made.
pub(crate) fn adopt(listener: TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    prepare(&SockRef::from(&listener));
    Ok(listener)
}

/// One listening, non-blocking socket. One for IPv6 serves only that: IPv4 has its own.
pub(crate) fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // So that a restart need not wait for the connections of the last run to time out.
    socket.set_reuse_address(true)?;
    prepare(&SockRef::from(&socket));
    socket.bind(&addr.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Gives a listening socket the options that its connections will have.
fn prepare(socket: &SockRef<'_>) {
    if INHERITED && let Err(error) = set_options(socket) {
        warn!(%error, "connections will not be watched for silence, or will wait for more to send");
    }
}

/// Whether the machine lacks the address family, rather than the right or the port.
fn is_absent(error: &io::Error) -> bool {
    /// `EAFNOSUPPORT`, which the standard library has no name for.
    const FAMILY_NOT_SUPPORTED: i32 = if cfg!(target_os = "linux") { 97 } else { 47 };
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(FAMILY_NOT_SUPPORTED)
}

/// Sets what the server wants of an accepted connection, where it does not have it from the listening socket.
pub fn tune(stream: &impl AsFd) {
    if INHERITED {
        return;
    }
    if let Err(error) = set_options(&SockRef::from(stream)) {
        // The peer has gone already, most likely; reading will tell.
        debug!(%error, "cannot tune a connection");
    }
}

/// Writes what fits at once. A runtime asks its reactor only after this came to nothing: nearly all writes fit, and what
/// the reactor knows of a socket stands in memory that nobody else needs for a write.
///
/// # Errors
/// Those of `send(2)`; `WouldBlock` if nothing fits.
pub fn send(stream: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    // Elsewhere the standard library has set the like on the socket.
    #[cfg(target_os = "linux")]
    const FLAGS: SendFlags = SendFlags::NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    const FLAGS: SendFlags = SendFlags::empty();
    Ok(retry_on_intr(|| rustix::net::send(stream, bytes, FLAGS))?)
}

/// No delay (batching is done above), an end to peers that have fallen silent, and urgent bytes in their place: telnet's
/// Synch ends in one, and without it the byte behind would be taken for the rest of a command.
fn set_options(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_out_of_band_inline(true)?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES),
    )?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn an_accepted_connection_does_not_wait_and_does_not_stay_silent_for_ever() {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        tune(&stream);
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap() && socket.out_of_band_inline().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_RETRIES);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
    }
}
