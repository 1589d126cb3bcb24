//! Whether the files are still where they were. SQLite goes on with those that it has open, wherever these are by now: what
//! is stored in a file that was moved is not where anybody looks for it, and in one that was deleted it is nowhere.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// The file, its write-ahead log, and the index of that.
const ENDS: [&str; 3] = ["", "-wal", "-shm"];

/// The files that were opened.
pub(super) struct Files([(PathBuf, Option<Identity>); 3]);

/// A file, whatever it is called: device and inode.
type Identity = (u64, u64);

impl Files {
    /// Those of the database at `path`, which is open.
    pub(super) fn new(path: &Path) -> Self {
        Self(ENDS.map(|end| {
            let mut path = path.as_os_str().to_owned();
            path.push(end);
            let path = PathBuf::from(path);
            let identity = identity(&path);
            (path, identity)
        }))
    }

    /// Makes sure that they are where they were. Costs three system calls.
    pub(super) fn check(&mut self) -> Result<(), StoreError> {
        for (path, known) in &mut self.0 {
            let found = identity(path);
            // The log is made when something is first written.
            let expected = known.or(found);
            *known = expected;
            if found == expected {
                continue;
            }
            let shown = path.display();
            return Err(match found {
                None => StoreError::new(format_args!(
                    "{shown} was moved or deleted: put it back, or start the server again to begin a new history"
                )),
                Some(_) => StoreError::new(format_args!(
                    "{shown} is another file than the one that this server has opened: put that one back, or start the \
                    server again to go on with this one"
                )),
            });
        }
        Ok(())
    }
}

fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
