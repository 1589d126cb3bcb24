//! TLS for the driver: any stream, secured.
//!
//! rustls does the work, through its interface without buffers: an idle connection has none. Nothing here knows a
//! runtime, or a socket.
//!
//! | file | what it holds |
//! |---|---|
//! | `acceptor` | [`Acceptor`]: certificate and key, and how they are renewed |
//! | `pem` | what files hold, and what is wrong with those that hold none |
//! | `chain` | how long a certificate chain lasts, and what clients may not like about it |
//! | `self_signed` | a certificate for trying it out |
//! | `listener` | [`SecureListener`]: which connections are secured |
//! | `stream` | [`SecureStream`]: a connection, secured or not |
//! | `names` | names that clients ask for and that are none of DNS |
//! | `session` | TLS of one connection, without its socket |

mod acceptor;
mod chain;
mod listener;
mod names;
mod pem;
mod self_signed;
mod session;
mod stream;

pub use acceptor::{Acceptor, Error};
pub use chain::Warning;
pub use listener::{SecureListener, Security};
pub use self_signed::self_signed;
pub use stream::SecureStream;
