//! The PROXY protocol, versions 1 and 2, for the driver: connections that proxies make in the name of others.
//!
//! It is spoken by those that are named, and has to be; whoever else begins like that says something strange.
//! (<https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>)
//!
//! | file | what it holds |
//! |---|---|
//! | `header` | what a proxy says first, from bytes to an address |
//! | `listener` | a listener, some of whose peers are proxies |
//! | `stream` | a connection, which may still have to say its header |

mod header;
mod listener;
mod stream;

pub use listener::ProxyListener;
pub use stream::ProxyStream;
