//! The file, its folder, and who may have it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::OpenError;

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

/// Tells other processes that the database is in use.
///
/// A file of its own: SQLite's own locks on the database are lost when the process that has them closes any descriptor of
/// it.
pub(super) struct Lock(#[expect(dead_code, reason = "locked for as long as it is open")] File);

impl Lock {
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push("-lock");
        let file = private_file(Path::new(&beside))
            .map_err(|error| OpenError::new(format_args!("no lock beside it: {error}")))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::new("another process uses it")),
            Err(TryLockError::Error(error)) => {
                Err(OpenError::new(format_args!("it cannot be locked: {error}")))
            }
        }
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
