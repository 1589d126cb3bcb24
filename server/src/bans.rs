//! The file of bans: an address or a network on each line, and comments behind `#`.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;

use chat_core::Addresses;
use chat_driver::Handle;
use tracing::{error, info};

use crate::Error;
use crate::text_file;
use crate::value::Network;

/// Reads a list of bans.
///
/// # Errors
/// When it cannot be read, or a line of it is neither an address nor a network.
pub(crate) fn read(path: &Path) -> Result<Addresses, Error> {
    let text = text_file::read("bans", path)?;
    let ranges = (1..).zip(text.lines()).filter_map(|(line, text)| {
        let text = text.split('#').next().unwrap_or_default().trim();
        let refuse = |what| Error::File { path: path.to_owned(), line, what };
        (!text.is_empty()).then(|| text.parse().map(Network::range).map_err(refuse))
    });
    ranges.collect::<Result<Vec<RangeInclusive<IpAddr>>, _>>().map(Addresses::from_iter)
}

/// Reads it again, and cuts off who is on it now.
pub(crate) fn reload(path: &Path, handle: &Handle) {
    match read(path) {
        Ok(bans) => {
            let ranges = bans.ranges().count();
            handle.ban(bans);
            // In this order: whoever reads that it is so can rely on it.
            info!(file = %path.display(), ranges, "bans are read again");
        }
        Err(error) => error!(%error, "the bans stay as they were"),
    }
}
