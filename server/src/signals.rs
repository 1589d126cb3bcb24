//! Ctrl-C and SIGTERM: the first ends the server politely, the second at once. SIGXFSZ ends nothing.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use chat_driver::Handle;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use tracing::info;

/// The exit code after a second signal: what a shell reports for a program ended by Ctrl-C.
const EXIT_INTERRUPTED: i32 = 130;

/// The signals that end the server, held back until somebody can act on them.
pub struct Signals(signal_hook::iterator::Signals);

impl Signals {
    /// From now on, these signals do not kill the process.
    pub(crate) fn hold_back() -> io::Result<Self> {
        // A file that may not grow is an error of writing it, as a full disk is.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map(Self)
    }

    /// Sends them on, those that came meanwhile included, from a thread of their own.
    pub fn shut_down(mut self, handle: Handle) -> io::Result<()> {
        thread::Builder::new().name(String::from("signals")).spawn(move || {
            let mut signals = self.0.forever();
            signals.next();
            info!("shutting down; a second signal stops at once");
            handle.shutdown();
            signals.next();
            process::exit(EXIT_INTERRUPTED);
        })?;
        Ok(())
    }
}
