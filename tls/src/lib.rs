//! TLS for the driver: any stream, secured.
//!
//! rustls does the work, through its interface without buffers: an idle connection has none. Nothing here knows a
//! runtime, or a socket.
//!
//! | file | what it holds |
//! |---|---|
//! | `acceptor` | [`Acceptor`]: certificate and key, and how they are renewed |
//! | `self_signed` | a certificate for trying it out |
//! | `listener` | [`SecureListener`]: which connections are secured |
//! | `stream` | [`SecureStream`]: a connection, secured or not |
//! | `session` | TLS of one connection, without its socket |

mod acceptor;
mod listener;
mod self_signed;
mod session;
mod stream;

pub use acceptor::{Acceptor, Error};
pub use listener::{SecureListener, Security};
pub use self_signed::self_signed;
pub use stream::SecureStream;
