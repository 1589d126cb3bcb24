//! Signals that end the client, or stop it for a while: the terminal is to be given back first.

#[cfg(unix)]
pub(crate) use unix::{end_by, stop, watch};

#[cfg(not(unix))]
pub(crate) use elsewhere::{end_by, stop, watch};

/// What a signal asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// To end by this one.
    End(i32),
    /// To stop, until the client is continued.
    Stop,
    /// It was continued, and others may have changed the terminal meanwhile.
    Continue,
}

#[cfg(unix)]
mod unix {
    use std::io;
    use std::thread;
    use std::time::Duration;

    use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    use super::Signal;
    use crate::screen;

    /// How long the session may take to end by itself: it may be waiting for a terminal that nobody reads.
    const PATIENCE: Duration = Duration::from_millis(500);

    /// Tells of signals from now on, instead of what they do by themselves.
    pub(crate) fn watch(mut tell: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT])?;
        thread::spawn(move || {
            for signal in signals.forever() {
                match signal {
                    SIGTSTP => tell(Signal::Stop),
                    SIGCONT => tell(Signal::Continue),
                    ending => {
                        tell(Signal::End(ending));
                        thread::sleep(PATIENCE);
                        screen::give_back();
                        end_by(ending);
                    }
                }
            }
        });
        Ok(())
    }

    /// Ends the process by this signal, so that whoever waits for it sees that.
    pub(crate) fn end_by(signal: i32) {
        // Only a signal that there is not would fail.
        let _ = emulate_default_handler(signal);
    }

    /// Stops the process; returns when it is continued.
    pub(crate) fn stop() {
        let _ = emulate_default_handler(SIGTSTP);
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::io;

    use super::Signal;

    pub(crate) fn watch(_: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn end_by(_: i32) {}

    pub(crate) fn stop() {}
}
