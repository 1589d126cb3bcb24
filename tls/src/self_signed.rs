//! A certificate for trying it out.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What the files are called.
const CERTIFICATE: &str = "self-signed.pem";
const KEY: &str = "self-signed.key";

/// The certificate and the key in `folder`, where both are made unless they are there. The key can be read by its owner
/// only.
///
/// # Errors
/// When the files cannot be written, or no key can be made.
pub fn self_signed(folder: &Path, names: Vec<String>) -> io::Result<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    if !certificate.exists() || !key.exists() {
        // The history is in it, too, later.
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        write(&key, &made.signing_key.serialize_pem(), 0o600)?;
        write(&certificate, &made.cert.pem(), 0o644)?;
    }
    Ok((certificate, key))
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let new = path.with_added_extension("new");
    // What an earlier try may have left has a mode of its own.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}
