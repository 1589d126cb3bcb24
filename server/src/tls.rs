//! Which ports are secured, and with what.

use std::sync::Arc;
use std::time::SystemTime;

use chat_tls::{Acceptor, Security, self_signed};
use tracing::{error, info, warn};

use crate::Error;
use crate::args::Args;
use crate::text_file;

/// Whom a certificate for trying it out is for.
const SELF_SIGNED_NAME: &str = "localhost";

/// Whether the settings that are about TLS make sense together, and its files can be used.
pub(crate) fn check(args: &Args) -> Result<(), Error> {
    let refuse = |setting, what| Err(Error::TlsSettings { setting, what });
    match (&args.tls_cert, &args.tls_key) {
        (Some(_), None) => refuse("tls_cert", "--tls-cert needs --tls-key"),
        (None, Some(_)) => refuse("tls_key", "--tls-key needs --tls-cert"),
        (Some(_), Some(_)) if args.tls_self_signed => {
            refuse("tls_self_signed", "--tls-cert and --tls-self-signed exclude each other")
        }
        (Some(certificate), Some(key)) => Ok(Acceptor::new(certificate, key).map(drop)?),
        (None, None) if args.tls_self_signed => Ok(()),
        (None, None) if args.require_tls => {
            refuse("require_tls", "--require-tls needs --tls-cert or --tls-self-signed")
        }
        (None, None) if !args.tls_listen.is_empty() => {
            refuse("tls_listen", "--tls-listen needs --tls-cert or --tls-self-signed")
        }
        (None, None) => Ok(()),
    }
}

/// What secures connections, if anything does.
pub(crate) fn acceptor(args: &Args) -> Result<Option<Arc<Acceptor>>, Error> {
    let (certificate, key) = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ if args.tls_self_signed => self_signed(&args.data, vec![String::from(SELF_SIGNED_NAME)])
            .map_err(|error| Error::SelfSigned { folder: args.data.clone(), error })?,
        _ => return Ok(None),
    };
    let acceptor = Acceptor::new(&certificate, &key)?;
    info!(certificate = %certificate.display(), sha256 = acceptor.fingerprint(), "TLS");
    warn_of(&acceptor);
    Ok(Some(Arc::new(acceptor)))
}

/// Reads certificate and key again.
pub(crate) fn reload(acceptor: &Acceptor) {
    match acceptor.reload() {
        Ok(()) => {
            info!(sha256 = acceptor.fingerprint(), "certificate and key are read again");
            warn_of(acceptor);
        }
        Err(error) => error!(%error, "the certificate stays as it was"),
    }
}

/// Says what clients may refuse the certificate for, and who else may have its key.
fn warn_of(acceptor: &Acceptor) {
    for warning in acceptor.warnings(SystemTime::now()) {
        warn!("{warning}");
    }
    text_file::warn_if_public(acceptor.key_file(), "private key");
}

/// What a listener does about TLS, for the log; nothing, where there is none.
pub(crate) fn mode(security: &Security) -> Option<&'static str> {
    match security {
        Security::Plain => None,
        Security::Either(_) => Some("optional"),
        Security::Required(_) => Some("required"),
    }
}
