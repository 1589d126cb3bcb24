//! Files of text that settings name: bans, a password, a message of the day.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chat_core::Password;
use tracing::warn;

use crate::Error;

/// Those who are neither the owner nor of its group may read it.
const WORLD_READABLE: u32 = 0o004;

/// The text of the file that a setting names.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub(crate) fn read(setting: &'static str, path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::TextFile { setting, path: path.to_owned(), error })
}

/// A message of the day, line by line.
///
/// # Errors
/// As [`read`].
pub(crate) fn motd(path: &Path) -> Result<Vec<String>, Error> {
    Ok(read("motd", path)?.lines().map(|line| line.trim_end().to_owned()).collect())
}

/// The password in a file: its one line.
///
/// # Errors
/// As [`read`]. Whether it can be one, the engine knows.
pub(crate) fn password(path: &Path) -> Result<Password, Error> {
    let text = read("password_file", path)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Password::new(line.strip_suffix('\r').unwrap_or(line)))
}

/// Says so when everybody on the machine can read the password.
pub(crate) fn warn_if_public(path: &Path) {
    if fs::metadata(path).is_ok_and(|found| found.permissions().mode() & WORLD_READABLE != 0) {
        warn!(file = %path.display(), "everybody on this machine can read the password: chmod 600 it");
    }
}
