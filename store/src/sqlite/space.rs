//! How much place there is, and how much of it the history takes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::fs::statvfs;

use crate::diet::{Diet, excess};
use crate::{Retention, StoreError, Total};

/// What is always left of a disk, at most and at least; and the share of a small one.
const RESERVE: u64 = 128 << 20;
const LITTLE: u64 = 16 << 20;
const SHARE: u64 = 16;
/// How long what was measured is good for.
const FRESH: Duration = Duration::from_millis(10);

/// The place of one file.
pub(super) struct Space {
    folder: PathBuf,
    /// What it may take if nothing else is said.
    share: u64,
    reserve: u64,
    last: Option<(Place, Instant)>,
    pub(super) diet: Diet<i64>,
}

/// What there is, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Free on the disk; none, if that cannot be said.
    free: Option<u64>,
    /// Pages of the file that are in use,
    pub(super) used: u64,
    /// and those that are to be used again: the file itself never becomes shorter.
    spare: u64,
}

impl Space {
    pub(super) fn new(path: &Path, connection: &Connection) -> rusqlite::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let reserve = statvfs(&folder)
            .map_or(0, |disk| reserve(disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize));
        let mut space = Self { folder, share: u64::MAX, reserve, last: None, diet: Diet::new() };
        let Place { free, used, spare } = space.place(connection)?;
        if let Some(free) = free {
            space.share = (free + used + spare) / 2;
        }
        Ok(space)
    }

    /// How long SQLite's log may become: no more than what is left in any case.
    pub(super) fn max_log(&self, most: i64) -> i64 {
        most.min(i64::try_from(self.reserve / 4).unwrap_or(most)).max(1 << 20)
    }

    pub(super) fn place(&mut self, connection: &Connection) -> rusqlite::Result<Place> {
        let now = Instant::now();
        if let Some((place, _)) = self.last.filter(|(_, at)| now.saturating_duration_since(*at) < FRESH) {
            return Ok(place);
        }
        let number = |sql| {
            let number: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            Ok::<_, rusqlite::Error>(number.unsigned_abs())
        };
        let page = number("PRAGMA page_size")?;
        let spare = number("PRAGMA freelist_count")? * page;
        let used = (number("PRAGMA page_count")? * page).saturating_sub(spare);
        let free = statvfs(&self.folder).ok().map(|disk| disk.f_bavail * disk.f_frsize);
        let place = Place { free, used, spare };
        self.last = Some((place, now));
        Ok(place)
    }

    /// Something has changed.
    pub(super) fn look_again(&mut self) {
        self.last = None;
    }

    /// Whether there is place to store something. A disk is never filled: others need it, too, and so does whoever clears up.
    pub(super) fn check(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Place { free, spare, .. } = self.place(connection)?;
        let Some(free) = free.filter(|&free| free < self.reserve) else { return Ok(()) };
        // What is free in the file is written to by way of the log.
        if spare >= self.reserve / 4 && free >= self.reserve / 2 {
            return Ok(());
        }
        self.look_again();
        Err(StoreError::new(format_args!(
            "the disk is nearly full: {} MiB are left, and {} MiB are always left free",
            free >> 20,
            self.reserve.div_ceil(1 << 20)
        )))
    }

    /// How much more is stored than may be.
    pub(super) fn excess(&mut self, connection: &Connection, retention: &Retention) -> rusqlite::Result<u64> {
        let limit = match retention.total {
            None => return Ok(0),
            Some(Total::Share) => self.share,
            Some(Total::Bytes(bytes)) => bytes,
        };
        Ok(excess(self.place(connection)?.used, limit))
    }
}

/// What is always left of a disk of so many bytes, of which so many are free at the start: a server that begins on one that
/// is nearly full is of use all the same.
fn reserve(all: u64, free: u64) -> u64 {
    (free / 4).clamp(LITTLE, RESERVE).min(all / SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_each_disk_is_left() {
        let mib = |number: u64| number << 20;
        for (all, free, expected) in [
            (mib(1 << 20), mib(500_000), mib(128)),
            (mib(10_000), mib(100), mib(25)),
            (mib(10_000), 0, mib(16)),
            (mib(64), mib(64), mib(4)),
        ] {
            assert_eq!(reserve(all, free), expected, "{all} {free}");
        }
    }
}
