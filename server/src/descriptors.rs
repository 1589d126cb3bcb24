//! How many connections the machine allows: each holds a file descriptor.

use std::io;

use crate::Error;

/// Descriptors kept for all that is not a connection: listeners, the reactor, the log, and connections that
/// are taken in only to be told that the server is full.
const RESERVED: u64 = 100;

/// Raises the soft limit to the hard one, and says what it is now.
pub(crate) fn raise() -> io::Result<u64> {
    rlimit::increase_nofile_limit(rlimit::INFINITY)
}

/// The greatest number of connections, 0 for no limit: what was asked for if it fits, else what fits.
pub(crate) fn max_connections(asked: Option<usize>, limit: u64) -> Result<usize, Error> {
    let Some(connections) = asked else {
        // At least one, since none would mean no limit.
        return Ok(usize::try_from(limit.saturating_sub(RESERVED)).unwrap_or(usize::MAX).max(1));
    };
    let needed = (connections as u64).saturating_add(RESERVED);
    if connections > 0 && needed > limit {
        return Err(Error::Descriptors { connections, needed, limit });
    }
    Ok(connections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_fits_and_only_an_explicit_number_can_fail() {
        assert_eq!(max_connections(None, 20_000).unwrap(), 19_900);
        assert_eq!(max_connections(None, 50).unwrap(), 1);
        assert_eq!(max_connections(Some(19_900), 20_000).unwrap(), 19_900);
        assert_eq!(max_connections(Some(0), 20_000).unwrap(), 0);
        assert_eq!(
            max_connections(Some(50_000), 20_000).unwrap_err().to_string(),
            "--max-connections 50000 needs 50100 file descriptors, but the hard limit is 20000"
        );
    }
}
