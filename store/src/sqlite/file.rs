//! The file, its folder, and who may have it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::OpenError;

/// How often to try for a lock that is deleted meanwhile.
const TRIES: usize = 10;

/// Makes the folder, if it is not there, for the owner alone; returns where the file really is, or will be, so that it has
/// one lock under all of its names.
pub(super) fn prepare_folder(path: &Path) -> Result<PathBuf, OpenError> {
    if path.is_dir() {
        return Err(OpenError::new("it is a folder"));
    }
    let no_folder = |error| OpenError::new(format_args!("no folder for it: {error}"));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(no_folder)?;
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    if path.is_symlink() {
        return Err(OpenError::new("it is a link to nothing"));
    }
    let name = path.file_name().ok_or_else(|| OpenError::new("it is no file"))?;
    Ok(folder.canonicalize().map_err(no_folder)?.join(name))
}

/// Makes the file, if it is not there, for the owner alone. SQLite's other files take after this one.
pub(super) fn prepare(path: &Path) -> Result<(), OpenError> {
    private_file(path).map_err(|error| OpenError::new(format_args!("it cannot be opened: {error}")))?;
    Ok(())
}

/// Its name for SQLite, as one to which options can be added.
pub(super) fn uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// Whether some of it is not in the file yet, but in the log beside it.
pub(super) fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

/// Tells other processes that the database is in use.
///
/// A file of its own: SQLite's own locks on the database are lost when the process that has them closes any descriptor of
/// it.
pub(super) struct Lock {
    /// Locked for as long as it is open.
    file: File,
    path: PathBuf,
}

impl Lock {
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push("-lock");
        let path = PathBuf::from(beside);
        let no_lock = |error| OpenError::new(format_args!("no lock beside it: {error}"));
        // Somebody may delete it between the two steps.
        for _ in 0..TRIES {
            let file = private_file(&path).map_err(no_lock)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path).map_err(no_lock)? => return Ok(Self { file, path }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(OpenError::new("another process uses it")),
                Err(TryLockError::Error(error)) => {
                    return Err(OpenError::new(format_args!("it cannot be locked: {error}")));
                }
            }
        }
        Err(OpenError::new("somebody deletes the lock beside it all the time"))
    }

    /// Puts it back if somebody has deleted or replaced it, which would let another process in.
    pub(super) fn keep(&mut self) {
        if is_at(&self.file, &self.path).unwrap_or(true) {
            return;
        }
        let Ok(file) = private_file(&self.path) else { return };
        if file.try_lock().is_ok() {
            tracing::warn!(file = %self.path.display(), "the lock was deleted, and is there again: leave it alone");
            self.file = file;
        }
    }
}

/// Whether this is the file that has this name now.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let here = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        here => here?,
    };
    let ours = file.metadata()?;
    Ok((here.dev(), here.ino()) == (ours.dev(), ours.ino()))
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
