//! What tests of the entrance share: files that settings name, and the words of a proxy.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::{Binary, Server};

/// The flag that makes proxies of all who can come in a test.
pub const PROXIES: [&str; 2] = ["--proxies", "127.0.0.0/8"];

/// A PROXY header of version 2 with this command, 0 for a check of the proxy's own and 1 for somebody else's connection,
/// this family and transport, and what belongs to these.
#[must_use]
pub fn proxy_header_v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("it is short enough").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[0x20 | command, family][..], &length, rest].concat()
}

/// A PROXY header of version 1 for this address.
#[must_use]
pub fn proxy_header(address: &str) -> Vec<u8> {
    format!("PROXY TCP4 {address} 10.0.0.1 4711 8080\r\n").into_bytes()
}

/// A file of a test's own: no other test and no other binary may use this name.
#[must_use]
pub fn file(binary: Binary, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let test = env::current_exe().expect("a running test has a path");
    let path = test.with_file_name(format!("{binary:?}-{name}"));
    fs::write(&path, text).expect("it can be written");
    path
}

impl Server {
    /// Starts `binary` without flood control, with a flag that names a file, and more of them.
    #[must_use]
    #[track_caller]
    pub fn start_with_file(binary: Binary, flag: &str, path: &Path, more: &[&str]) -> Self {
        let path = path.to_str().expect("a path in UTF-8");
        Self::start(binary, &[&["--flood", "off", flag, path], more].concat())
    }
}
