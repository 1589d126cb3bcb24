//! How many connections the machine allows: each holds a file descriptor, and the server holds some more.

use std::fs;
use std::io;

use crate::Error;

/// Standard input, output and error: open at the start of every process.
const STANDARD: u64 = 3;
/// The runtime's reactor: two that wait for events, one that is woken, and a pair or a timer, with one to spare.
const REACTOR: u64 = 7;
/// The pair through which signals come.
const SIGNALS: u64 = 2;
/// Files that are read again on SIGHUP, one after the other, and a socket to notify the service manager.
const FILES: u64 = 2;
/// A recording, with its lock.
pub(crate) const RECORDING: u64 = 2;
/// The socket for metrics and its clients.
pub(crate) const METRICS: u64 = chat_metrics::DESCRIPTORS as u64;
/// A store: for SQLite five connections with two files each, what they share, a lock, and files for large sorts; the
/// others have a few sockets, and look up names.
pub(crate) const STORE: u64 = 24;

/// Of so many connections, one more is taken in meanwhile to be told that the server is full,
const TURNED_AWAY_SHARE: u64 = 16;
/// but no more than these.
const TURNED_AWAY: u64 = 64;

/// What the system allows, and what is taken of it already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors {
    /// All there may be.
    pub(crate) limit: u64,
    /// Those that were open before the server opened any: standard ones, and what a service manager hands over.
    pub(crate) open: u64,
}

impl Descriptors {
    /// A machine that allows so many, and a process that was given nothing unusual.
    pub(crate) fn of(limit: u64) -> Self {
        Self { limit, open: STANDARD }
    }

    /// Raises the soft limit to the hard one, and has a look at what is open.
    pub(crate) fn raise() -> io::Result<Self> {
        let limit = rlimit::increase_nofile_limit(rlimit::INFINITY)?;
        // One of them reads the folder.
        let open = fs::read_dir("/dev/fd").map_or(STANDARD, |files| files.count() as u64 - 1);
        Ok(Self { limit, open })
    }

    /// The greatest number of connections, 0 for no limit: what was asked for if it fits, else what fits beside
    /// `others`, which the settings ask for.
    pub(crate) fn max_connections(self, asked: Option<usize>, others: u64) -> Result<usize, Error> {
        let own = self.open + REACTOR + SIGNALS + FILES + others;
        let limit = self.limit;
        // One for a connection, and one for whom it leaves no place.
        if limit < own + 2 {
            return Err(Error::FewDescriptors { needed: own + 2, limit });
        }
        match asked {
            None => {
                let rest = limit - own;
                let connections = rest - rest.div_ceil(TURNED_AWAY_SHARE + 1).min(TURNED_AWAY);
                Ok(usize::try_from(connections).unwrap_or(usize::MAX))
            }
            Some(connections) => {
                let turned_away = (connections as u64 / TURNED_AWAY_SHARE).clamp(1, TURNED_AWAY);
                let needed = (connections as u64).saturating_add(own + turned_away);
                if connections > 0 && needed > limit {
                    return Err(Error::Descriptors { connections, needed, limit });
                }
                Ok(connections)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is open or will be, with those of the tests.
    const OWN: u64 = STANDARD + REACTOR + SIGNALS + FILES + 6;

    fn max_connections(asked: Option<usize>, limit: u64) -> Result<usize, Error> {
        Descriptors::of(limit).max_connections(asked, 6)
    }

    #[test]
    fn the_default_is_what_fits_and_can_be_asked_for() {
        for limit in (OWN + 2..5_000).chain([20_000, 1 << 20]) {
            let most = max_connections(None, limit).unwrap();
            assert!((1..limit - OWN).contains(&(most as u64)), "{most} of {limit}");
            assert_eq!(max_connections(Some(most), limit).unwrap(), most);
        }
        assert_eq!(max_connections(None, 20_000).unwrap() as u64, 20_000 - OWN - TURNED_AWAY);
        assert_eq!(max_connections(Some(0), 20_000).unwrap(), 0);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_so_is_a_limit_that_is_too_low_to_serve_anybody() {
        assert_eq!(
            max_connections(Some(50_000), 20_000).unwrap_err().to_string(),
            "--max-connections 50000 needs 50084 file descriptors, but the hard limit is 20000"
        );
        for asked in [None, Some(0), Some(1)] {
            assert_eq!(
                max_connections(asked, OWN + 1).unwrap_err().to_string(),
                "the hard limit of 21 file descriptors is too low to serve anybody: it has to be 22 at least"
            );
        }
    }
}
