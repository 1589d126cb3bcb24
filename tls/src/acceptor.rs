//! Certificate and key, and how they are renewed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use rustls::crypto::ring::Ticketer;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets, UnbufferedServerConnection};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, ServerConfig, version};

use crate::chain::{self, Validity, Warning};
use crate::{names, pem};

/// Makes sessions with one certificate chain and its key.
pub struct Acceptor {
    certificate: PathBuf,
    key: PathBuf,
    /// Resumes sessions across [`reload`](Acceptor::reload).
    tickets: Arc<dyn ProducesTickets>,
    loaded: RwLock<Loaded>,
}

/// What the files held.
struct Loaded {
    config: Arc<ServerConfig>,
    fingerprint: String,
    validity: Validity,
    /// What is wrong with the order of the chain.
    order: Vec<Warning>,
}

impl Acceptor {
    /// One with the certificate chain and the private key in these PEM files.
    ///
    /// # Errors
    /// When a file cannot be read or holds no such thing, or the two do not belong together.
    pub fn new(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let tickets = Ticketer::new().map_err(Error::Tls)?;
        let loaded = RwLock::new(load(certificate, key, &tickets)?);
        Ok(Self { certificate: certificate.into(), key: key.into(), tickets, loaded })
    }

    /// Reads both files again. Connections whose handshake has begun keep what they have.
    ///
    /// # Errors
    /// As for [`new`](Self::new); then the old pair stays.
    pub fn reload(&self) -> Result<(), Error> {
        let loaded = load(&self.certificate, &self.key, &self.tickets)?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// The SHA-256 digest of the certificate in force, as `openssl x509 -fingerprint -sha256` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).fingerprint.clone()
    }

    /// How many days the certificate in force, or another of its chain, is still valid: less than 0 after that.
    #[must_use]
    pub fn days_left(&self, now: SystemTime) -> f64 {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).validity.days_left(now)
    }

    /// What clients may refuse the certificate in force for.
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<Warning> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.validity.warning(now).into_iter().chain(loaded.order.iter().copied()).collect()
    }

    /// The file of the private key.
    #[must_use]
    pub fn key_file(&self) -> &Path {
        &self.key
    }

    /// The server's side of a new connection.
    pub(crate) fn accept(&self) -> Result<UnbufferedServerConnection, rustls::Error> {
        let config = Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).config);
        UnbufferedServerConnection::new(config)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("certificate", &self.certificate).field("key", &self.key).finish()
    }
}

fn load(certificate: &Path, key: &Path, tickets: &Arc<dyn ProducesTickets>) -> Result<Loaded, Error> {
    let chain = pem::read_chain(certificate)?;
    let fingerprint = fingerprint(&chain[0]);
    let inspected = chain::inspect(&chain);
    let (validity, order) = inspected.map_err(|place| {
        Error::file(certificate, format_args!("certificate {place} of it is none that can be understood"))
    })?;
    let certified = certify(chain, pem::read_key(key)?, certificate, key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(names::provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(Error::Tls)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    // Tickets carry the session, so that nothing has to be kept for those who may come back.
    config.ticketer = Arc::clone(tickets);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Loaded { config: Arc::new(config), fingerprint, validity, order })
}

/// Chain and key, which belong together.
fn certify(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    certificate: &Path,
    key_file: &Path,
) -> Result<CertifiedKey, Error> {
    let signing = any_supported_type(&key).map_err(|error| Error::file(key_file, error))?;
    let mut certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            // Whose it is, if not of the first.
            let chain = certified.cert.split_off(1);
            let place = chain.into_iter().position(|other| {
                certified.cert = vec![other];
                certified.keys_match().is_ok()
            });
            Err(match place {
                Some(index) => Error::file(
                    certificate,
                    format_args!(
                        "the server's own certificate has to come first, and {} belongs to certificate {} of it",
                        key_file.display(),
                        index + 2
                    ),
                ),
                None => Error::file(
                    key_file,
                    format_args!(
                        "the key is another one than that of the certificate in {}",
                        certificate.display()
                    ),
                ),
            })
        }
        // Of a kind whose public half cannot be told.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(Error::file(certificate, error)),
    }
}

fn fingerprint(certificate: &[u8]) -> String {
    let digest = digest(&SHA256, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// Why there is no TLS.
#[derive(Debug)]
pub enum Error {
    /// A file cannot be read, or does not hold what it should.
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Certificate and key cannot be used.
    Tls(rustls::Error),
}

impl Error {
    pub(crate) fn file(path: &Path, what: impl fmt::Display) -> Self {
        Self::File { path: path.into(), what: what.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, what } => write!(f, "cannot use {}: {what}", path.display()),
            Self::Tls(error) => write!(f, "cannot use the certificate and its key: {error}"),
        }
    }
}

impl std::error::Error for Error {}
