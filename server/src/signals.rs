//! Ctrl-C and SIGTERM: the first ends the server politely, the second at once. SIGHUP reads the certificate and the bans
//! again, where there are any, and ends nothing; nor does SIGXFSZ.

use std::io;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::thread;

use chat_driver::Handle;
use chat_tls::Acceptor;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use tracing::info;

use crate::{bans, log, systemd, tls};

/// The exit code after a second signal: what a shell reports for a program ended by Ctrl-C.
const EXIT_INTERRUPTED: i32 = 130;

/// The signals that concern the server, held back until somebody can act on them.
pub struct Signals {
    signals: signal_hook::iterator::Signals,
    acceptor: Option<Arc<Acceptor>>,
    bans: Option<PathBuf>,
}

impl Signals {
    /// From now on, these signals do not kill the process.
    pub(crate) fn hold_back(acceptor: Option<Arc<Acceptor>>, bans: Option<PathBuf>) -> io::Result<Self> {
        // A file that may not grow is an error of writing it, as a full disk is.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        // Who sends SIGHUP wants something to be read again, and never that the server ends, whatever there is to read.
        let signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        Ok(Self { signals, acceptor, bans })
    }

    /// Sends them on, those that came meanwhile included, from a thread of their own.
    pub fn shut_down(mut self, handle: Handle) -> io::Result<()> {
        thread::Builder::new().name(String::from("signals")).spawn(move || {
            let mut ending = false;
            for signal in self.signals.forever() {
                match signal {
                    SIGHUP if self.acceptor.is_none() && self.bans.is_none() => {
                        info!("there is nothing to be read again: neither a certificate nor bans");
                    }
                    SIGHUP => {
                        self.acceptor.iter().for_each(|acceptor| tls::reload(acceptor));
                        self.bans.iter().for_each(|path| bans::reload(path, &handle));
                    }
                    _ if ending => {
                        log::finish_at_once();
                        process::exit(EXIT_INTERRUPTED);
                    }
                    _ => {
                        ending = true;
                        info!("shutting down; a second signal stops at once");
                        systemd::notify_stopping();
                        handle.shutdown();
                    }
                }
            }
        })?;
        Ok(())
    }
}
