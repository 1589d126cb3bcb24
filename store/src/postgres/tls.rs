//! TLS to PostgreSQL, as `sslmode` in its URL asks for it: the words, and what they mean, are libpq's.
//!
//! | `sslmode` | |
//! |---|---|
//! | `disable` | none |
//! | `prefer` | if the server can, and else none; the default |
//! | `require` | nobody on the way can read, but may pass for the server |
//! | `verify-ca` | the server has a certificate from an authority that is trusted |
//! | `verify-full` | and the certificate is for the name in the URL |

use std::path::Path;
use std::sync::Arc;

use ::postgres::config::{Host, SslMode};
use ::postgres::error::SqlState;
use ::postgres::{Client, Config, Error, NoTls};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::OpenError;
use crate::url::{decoded, take_option};

/// How connections are secured.
#[derive(Clone)]
pub(super) struct Tls {
    mode: SslMode,
    connector: MakeRustlsConnect,
}

impl Tls {
    /// Takes what is said of it out of a URL, and reads the certificates of authorities, if these are needed.
    pub(super) fn take(url: &str) -> Result<(String, Self), OpenError> {
        let (url, modes) = take_option(url, "sslmode");
        let (url, roots) = take_option(&url, "sslrootcert");
        let roots = roots.last().map(|path| decoded(path));
        let (mode, verifies, names) = match modes.last().map_or("prefer", String::as_str) {
            "disable" => (SslMode::Disable, false, false),
            // As libpq has it: whoever names authorities wants them asked.
            "prefer" => (SslMode::Prefer, false, false),
            "require" => (SslMode::Require, roots.is_some(), false),
            "verify-ca" => (SslMode::Require, true, false),
            "verify-full" => (SslMode::Require, true, true),
            _ => {
                return Err(OpenError::new(
                    "sslmode in the URL has to be disable, prefer, require, verify-ca or verify-full",
                ));
            }
        };
        let provider = Arc::new(ring::default_provider());
        let authorities = if verifies {
            let roots = Arc::new(authorities(roots.as_deref())?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            Some(verifier.map_err(OpenError::new)?)
        } else {
            None
        };
        let verifier = Arc::new(Verifier { authorities, names, provider: Arc::clone(&provider) });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(OpenError::new)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok((url, Self { mode, connector: MakeRustlsConnect::new(config) }))
    }

    /// Makes a connection. Where TLS is only preferred, and is what fails, there is none.
    pub(super) fn connect(&self, config: &Config) -> Result<Client, Error> {
        let mut config = config.clone();
        let is_here = |host: &Host| matches!(host, Host::Unix(_));
        if self.mode == SslMode::Disable || config.get_hosts().iter().all(is_here) {
            return config.ssl_mode(SslMode::Disable).connect(NoTls);
        }
        match config.ssl_mode(self.mode).connect(self.connector.clone()) {
            Err(error) if self.mode == SslMode::Prefer && is_about_tls(&error) => {
                config.ssl_mode(SslMode::Disable).connect(NoTls)
            }
            connected => connected,
        }
    }
}

/// Whether it may work without TLS: the server's rules of who may connect tell the two apart.
fn is_about_tls(error: &Error) -> bool {
    match error.code() {
        Some(code) => *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        // Nothing else of this error can be asked.
        None => error.to_string().contains("TLS"),
    }
}

/// The authorities in a file, or those that the system trusts.
fn authorities(file: Option<&str>) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    match file {
        None | Some("system") => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(file) => {
            let unusable = |error: String| OpenError::new(format_args!("sslrootcert {file}: {error}"));
            let certificates = CertificateDer::pem_file_iter(Path::new(file));
            for certificate in certificates.map_err(|error| unusable(error.to_string()))? {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
        }
    }
    if roots.is_empty() {
        return Err(OpenError::new(
            "there are no certificates of authorities to verify the server with (sslrootcert)",
        ));
    }
    Ok(roots)
}

/// Verifies as much of a server as was asked for.
#[derive(Debug)]
struct Verifier {
    /// None: anybody may be the server.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// Whether the name has to be right, too.
    names: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        match authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match &self.authorities {
            Some(authorities) => authorities.verify_tls12_signature(message, cert, dss),
            // Old certificates, whose form rustls refuses, are as good as any other here.
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match &self.authorities {
            Some(authorities) => authorities.verify_tls13_signature(message, cert, dss),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
