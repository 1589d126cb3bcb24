//! Files of text that settings name: bans, a password, a message of the day, and the configuration itself.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chat_core::Password;
use tracing::warn;

use crate::Error;

/// Those who are neither the owner nor of its group may read it.
const WORLD_READABLE: u32 = 0o004;

/// What editors on Windows put in front of UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why bytes are no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoText {
    /// The line, from 1.
    pub(crate) line: usize,
    pub(crate) what: &'static str,
}

/// What a file holds, whichever system it was written on: without a byte order mark, and with `\n` alone at the end of
/// each line.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, NoText> {
    const UTF_16: &str = "this is in UTF-16: save it as UTF-8";
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(NoText { line: 1, what: UTF_16 });
    }
    let no_text = |at: usize, what| {
        let line = 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
        NoText { line, what }
    };
    let text = str::from_utf8(bytes).map_err(|error| no_text(error.valid_up_to(), "this is not UTF-8"))?;
    // Without a mark, UTF-16 is UTF-8 as well, as long as all of it is ASCII.
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return Err(no_text(at, if at < 2 { UTF_16 } else { "there is a character NUL" }));
    }
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The text of the file that a setting names.
///
/// # Errors
/// When it cannot be read, or is no text.
pub(crate) fn read(setting: &'static str, path: &Path) -> Result<String, Error> {
    let refused = |error| Error::TextFile { setting, path: path.to_owned(), error };
    let bytes = fs::read(path).map_err(refused)?;
    decode(&bytes).map_err(|NoText { line, what }| {
        refused(io::Error::new(ErrorKind::InvalidData, format!("line {line}: {what}")))
    })
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
    Ok(Password::new(text.strip_suffix('\n').unwrap_or(&text)))
}

/// Says so when everybody on the machine can read what is in a file.
pub(crate) fn warn_if_public(path: &Path, what: &str) {
    if fs::metadata(path).is_ok_and(|found| found.permissions().mode() & WORLD_READABLE != 0) {
        warn!(file = %path.display(), "everybody on this machine can read the {what}: chmod 600 it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_same_from_every_system() {
        for text in
            ["one\ntwo\n", "\u{feff}one\ntwo\n", "one\r\ntwo\r\n", "\u{feff}one\r\ntwo\r\n", "one\rtwo\r"]
        {
            assert_eq!(decode(text.as_bytes()).as_deref(), Ok("one\ntwo\n"), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_with_its_line() {
        let utf_16 = |mark: &[u8], to_bytes: fn(u16) -> [u8; 2]| {
            [mark.to_vec(), "one\ntwo".encode_utf16().flat_map(to_bytes).collect()].concat()
        };
        let files = [
            utf_16(b"\xFF\xFE", u16::to_le_bytes),
            utf_16(b"\xFE\xFF", u16::to_be_bytes),
            utf_16(b"", u16::to_le_bytes),
            utf_16(b"", u16::to_be_bytes),
        ];
        for file in files {
            let NoText { line, what } = decode(&file).unwrap_err();
            assert!(line == 1 && what.contains("UTF-16"), "{file:?}: {what}");
        }
        assert_eq!(decode(b"one\ntwo \xe4"), Err(NoText { line: 2, what: "this is not UTF-8" }));
        assert_eq!(decode(b"one\n\ntwo\0"), Err(NoText { line: 3, what: "there is a character NUL" }));
    }
}
