//! The file of a recording: its owner's alone, and one server's.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::format::MAGIC;

/// Makes the file, for its owner only, and locks it for as long as it is open. A recording that is there already, and that
/// nobody writes to, is kept as `FILE.old`.
///
/// Whatever else is in the way stays, and is an error: another server's recording, under whichever name, and what is no
/// recording at all.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    // Held until they are out of the way, so that of two servers that start at once, one is refused.
    let _earlier = earlier(path)?;
    match fs::metadata(path) {
        // Left by a server that was killed before it had recorded anything: not worth what is kept.
        Ok(found) if found.len() == 0 => fs::remove_file(path)?,
        Ok(_) => {
            let old = old(path);
            let _oldest = earlier(&old).map_err(|error| named(&error, &old))?;
            fs::rename(path, &old)?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(taken()),
        made => made?,
    };
    lock(&file, path)?;
    Ok(file)
}

/// The recording that has this name, locked, if there is one.
fn earlier(path: &Path) -> io::Result<Option<File>> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(found) => return Err(io::Error::new(ErrorKind::AlreadyExists, kind(found.file_type()))),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let file = File::open(path)?;
    lock(&file, path)?;
    let mut head = Vec::new();
    // All versions but the last byte are alike.
    let magic = &MAGIC[..MAGIC.len() - 1];
    (&file).take(magic.len() as u64).read_to_end(&mut head)?;
    if !magic.starts_with(&head) {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "it is a file of something else"));
    }
    Ok(Some(file))
}

/// Locks what has this name.
fn lock(file: &File, path: &Path) -> io::Result<()> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => taken(),
        TryLockError::Error(error) => error,
    })?;
    // Another server may have moved it away since it was opened.
    let there = fs::symlink_metadata(path).ok();
    let ours = file.metadata()?;
    let is_there = there.is_some_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
    if is_there { Ok(()) } else { Err(taken()) }
}

fn taken() -> io::Error {
    io::Error::new(ErrorKind::ResourceBusy, "another server records to it")
}

fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{} is in the way: {error}", path.display()))
}

/// Where an earlier recording is kept.
fn old(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".old");
    name.into()
}

fn kind(found: fs::FileType) -> &'static str {
    match found {
        found if found.is_dir() => "it is a directory",
        found if found.is_symlink() => "it is a symbolic link",
        found if found.is_fifo() => "it is a pipe",
        _ => "it is no ordinary file",
    }
}
