//! Certificates for servers under test, and clients that trust them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::{env, fs, process};

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Whom every certificate is for.
pub(crate) const NAME: &str = "localhost";

/// The files of a certificate and its key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

impl Identity {
    /// Makes a new one.
    #[must_use]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let test = env::current_exe().expect("a running test has a path");
        let file = |what| test.with_file_name(format!("identity-{}-{number}.{what}", process::id()));
        let identity = Self { certificate: file("pem"), key: file("key") };
        identity.renew();
        identity
    }

    /// The one of all servers of which nothing else is said, made once per process.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Identity> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    /// Makes another certificate and key, in the same files.
    pub fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(vec![NAME.into()]).expect("a certificate");
        fs::write(&self.certificate, made.cert.pem()).expect("it can be written");
        fs::write(&self.key, made.signing_key.serialize_pem()).expect("it can be written");
    }

    /// Makes another certificate and key, in the same files: the certificate has expired long ago.
    pub fn expire(&self) {
        let mut params = CertificateParams::new(vec![NAME.into()]).expect("a good name");
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        let key = KeyPair::generate().expect("a key");
        fs::write(&self.certificate, params.self_signed(&key).expect("a certificate").pem())
            .expect("it can be written");
        fs::write(&self.key, key.serialize_pem()).expect("it can be written");
    }

    /// The flags of a server that has it.
    #[must_use]
    pub fn flags(&self) -> [String; 4] {
        let path = |path: &PathBuf| path.to_str().expect("a path in UTF-8").to_owned();
        ["--tls-cert".into(), path(&self.certificate), "--tls-key".into(), path(&self.key)]
    }

    /// What makes clients trust the certificate as it is now, and nobody else's.
    #[must_use]
    pub fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(&self.certificate).expect("it was written");
        roots.add(certificate).expect("a good certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that the provider has");
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        // Whether they are still there is nobody's concern.
        let _ = fs::remove_file(&self.certificate);
        let _ = fs::remove_file(&self.key);
    }
}
