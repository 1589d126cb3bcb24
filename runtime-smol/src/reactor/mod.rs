//! Who tells connections that they can go on: on Linux an `epoll` of our own, elsewhere smol's reactor.

#[cfg(target_os = "linux")]
mod epoll;
#[cfg(not(target_os = "linux"))]
mod portable;

#[cfg(target_os = "linux")]
pub use epoll::{Connection, Reactor, Registry};
#[cfg(not(target_os = "linux"))]
pub use portable::{Connection, Reactor, Registry};
