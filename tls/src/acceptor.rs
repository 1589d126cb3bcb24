//! Certificate and key, and how they are renewed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use ring::digest::{SHA256, digest};
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets, UnbufferedServerConnection};
use rustls::{ServerConfig, version};

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
    let chain = read_chain(certificate)?;
    let fingerprint = fingerprint(&chain[0]);
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| Error::pem(key, error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key_der))
        .map_err(Error::Tls)?;
    // Tickets carry the session, so that nothing has to be kept for those who may come back.
    config.ticketer = Arc::clone(tickets);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Loaded { config: Arc::new(config), fingerprint })
}

fn fingerprint(certificate: &[u8]) -> String {
    let digest = digest(&SHA256, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// The certificates in a file: at least one.
fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match certificates {
        Ok(chain) if Vec::is_empty(&chain) => Err(Error::pem(path, pem::Error::NoItemsFound)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(Error::pem(path, error)),
    }
}

/// Why there is no TLS.
#[derive(Debug)]
pub enum Error {
    /// A file cannot be read, or holds nothing of what it should.
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// Certificate and key cannot be used, or not together.
    Tls(rustls::Error),
}

impl Error {
    fn pem(path: &Path, error: pem::Error) -> Self {
        Self::Pem { path: path.into(), error }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem { path, error } => write!(f, "cannot use {}: {error}", path.display()),
            Self::Tls(error) => write!(f, "cannot use the certificate and its key: {error}"),
        }
    }
}

impl std::error::Error for Error {}
