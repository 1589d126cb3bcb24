//! Certificates and keys in files of text, and what is wrong with files that hold none.

use std::fs;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::acceptor::Error;

/// What editors on Windows put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The certificates in a file: at least one.
pub(crate) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) if holds(&text, "PRIVATE KEY-----") => {
            Err(Error::file(path, "it holds a private key, and no certificate"))
        }
        Ok(_) => Err(Error::file(path, "there is no certificate in it (-----BEGIN CERTIFICATE-----)")),
        Err(error) => Err(Error::file(path, explain(&error, &text))),
    }
}

/// The private key in a file.
pub(crate) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(path)?;
    // The second is how PKCS #1 and SEC 1 have it (RFC 1421).
    if holds(&text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(&text, "Proc-Type: 4,ENCRYPTED") {
        let what = "the key is encrypted, and the server has nobody to ask for the passphrase: \
                    `openssl pkey -in OLD -out NEW` writes it without one";
        return Err(Error::file(path, what));
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if holds(&text, "-----BEGIN CERTIFICATE-----") => {
            Err(Error::file(path, "it holds a certificate, and no private key"))
        }
        Err(pem::Error::NoItemsFound) => {
            Err(Error::file(path, "there is no private key in it (-----BEGIN PRIVATE KEY-----)"))
        }
        Err(error) => Err(Error::file(path, explain(&error, &text))),
    }
}

/// What is wrong with a file in PEM, and on which line.
fn explain(error: &pem::Error, text: &[u8]) -> String {
    let lines = || (1_usize..).zip(text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii));
    let begins = |line: &[u8]| line.starts_with(b"-----BEGIN");
    let last = || lines().filter(|(_, line)| begins(line)).last().map_or(1, |(number, _)| number);
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            format!("what begins on line {} has no end (-----END …)", last())
        }
        pem::Error::IllegalSectionStart { .. } => format!("line {} is no beginning of anything", last()),
        pem::Error::Base64Decode(_) => {
            let inside = lines().skip_while(|(_, line)| !begins(line));
            let mut wrong =
                inside.filter(|(_, line)| !line.starts_with(b"-----") && !line.iter().all(is_base64));
            match wrong.next() {
                Some((number, _)) => format!("line {number} is not base64"),
                None => String::from("it is not base64: a part of it is missing"),
            }
        }
        other => other.to_string(),
    }
}

fn holds(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

/// The text of a file, as far as that matters here.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(path).map_err(|error| Error::file(path, error))?;
    match bytes.as_slice() {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
            Err(Error::file(path, "it is in UTF-16: save it as UTF-8, or as ASCII"))
        }
        // A sequence of ASN.1, of more than 127 bytes.
        [0x30, 0x81..=0x83, ..] => {
            Err(Error::file(path, "it is in DER, and should be in PEM: openssl can convert it"))
        }
        bytes => Ok(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).to_vec()),
    }
}
