//! Names that clients ask for and that are no DNS names: `[::1]`, `host:6697`, `чат.example`, and the like.
//!
//! The name matters to nobody here, since there is one certificate; but rustls refuses a ClientHello with such a one (from
//! 0.24 on it can ignore it: `InvalidSniPolicy`). So it is not shown the name: the extension gets a number that means
//! nothing. Both sides hash what went over the wire, and so the hashes that rustls is given put the bytes back.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, LazyLock};

use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use rustls::crypto::ring::default_provider;
use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::pki_types::ServerName;
use rustls::{SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};

/// Records of a handshake, and messages in them (RFC 8446, sections 5.1 and 4).
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// The extension with the name, and the one kind of name that there is (RFC 6066, section 3).
const SERVER_NAME: [u8; 2] = [0, 0];
const HOST_NAME: u8 = 0;
/// A number for private use (RFC 8447, section 7): nobody is to know an extension by it.
const UNKNOWN: [u8; 2] = [0xFF, 0x5A];

thread_local! {
    /// What is hidden from rustls in the session that this thread is at.
    static HIDDEN: RefCell<Option<Arc<Hidden>>> = const { RefCell::new(None) };
}

/// A part of a ClientHello that rustls sees otherwise than it came.
pub(crate) struct Hidden {
    /// The message as rustls sees it, until behind that part. There is a random number in it.
    seen: Vec<u8>,
    /// What came instead of the last bytes of that.
    came: Vec<u8>,
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// Hides the name in a ClientHello, the first of these records that belongs to a handshake, if it is none of DNS. (One
/// in pieces of several records, which nobody sends, is left as it is.)
pub(crate) fn hide(mut records: &mut [u8]) -> Option<Arc<Hidden>> {
    let message = loop {
        let [kind, _, _, high, low, rest @ ..] = records else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (content, rest) = rest.split_at_mut_checked(length)?;
        if *kind == HANDSHAKE {
            break content;
        }
        records = rest;
    };
    let at = bad_name(message)?;
    let number = &mut message[at..at + 2];
    let came = number.to_vec();
    number.copy_from_slice(&UNKNOWN);
    Some(Arc::new(Hidden { seen: message[..at + 2].to_vec(), came }))
}

/// Does something with a session; rustls hashes what came, and not what it sees.
pub(crate) fn put_back<T>(hidden: Option<&Arc<Hidden>>, act: impl FnOnce() -> T) -> T {
    let Some(hidden) = hidden else { return act() };
    HIDDEN.set(Some(Arc::clone(hidden)));
    let done = act();
    HIDDEN.set(None);
    done
}

/// That of ring, with hashes of what came.
pub(crate) fn provider() -> CryptoProvider {
    static SUITES: LazyLock<Vec<SupportedCipherSuite>> =
        LazyLock::new(|| default_provider().cipher_suites.into_iter().map(honest).collect());
    CryptoProvider { cipher_suites: SUITES.clone(), ..default_provider() }
}

/// Where in a ClientHello the extension begins whose name is none of DNS.
fn bad_name(message: &[u8]) -> Option<usize> {
    let mut rest = Reader { message, at: 0 };
    if rest.take(1)? != [CLIENT_HELLO] {
        return None;
    }
    rest.take(3 + 2 + 32)?;
    // A session, ciphers, compression, and the extensions.
    rest.take_counted(1)?;
    rest.take_counted(2)?;
    rest.take_counted(1)?;
    rest.take(2)?;
    loop {
        let at = rest.at;
        let is_name = rest.take(2)? == SERVER_NAME;
        let content = rest.take_counted(2)?;
        if is_name {
            return is_bad(content).then_some(at);
        }
    }
}

/// Whether rustls would refuse a list of names.
fn is_bad(content: &[u8]) -> bool {
    let mut rest = Reader { message: content, at: 0 };
    let name = rest.take(2).and_then(|_| match rest.take(1)? {
        [HOST_NAME] => rest.take_counted(2),
        _ => None,
    });
    let is_alone = rest.at == content.len();
    !name.is_some_and(|name| is_alone && ServerName::try_from(name).is_ok())
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..self.at + count)?;
        self.at += count;
        Some(taken)
    }

    /// So many bytes say how many follow.
    fn take_counted(&mut self, width: usize) -> Option<&'a [u8]> {
        let count = self.take(width)?.iter().fold(0, |count, &byte| count << 8 | usize::from(byte));
        self.take(count)
    }
}

/// A cipher suite with a hash of what came.
fn honest(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    let common = |common: &CipherSuiteCommon| CipherSuiteCommon {
        // There are nine, made once.
        hash_provider: Box::leak(Box::new(Honest(common.hash_provider))),
        ..*common
    };
    match suite {
        SupportedCipherSuite::Tls12(suite) => {
            let suite = Tls12CipherSuite { common: common(&suite.common), ..*suite };
            SupportedCipherSuite::Tls12(Box::leak(Box::new(suite)))
        }
        SupportedCipherSuite::Tls13(suite) => {
            let suite = Tls13CipherSuite { common: common(&suite.common), ..*suite };
            SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))
        }
    }
}

/// Gives `hash` what came instead of what rustls saw.
fn honestly<T>(data: &[u8], hash: impl FnOnce(&[u8]) -> T) -> T {
    HIDDEN.with_borrow(|hidden| {
        let Some(Hidden { seen, came }) = hidden.as_deref() else { return hash(data) };
        // After a HelloRetryRequest, other messages come before it.
        let Some(at) = data.windows(seen.len()).position(|window| window == seen) else { return hash(data) };
        let end = at + seen.len();
        let mut honest = data.to_vec();
        honest[end - came.len()..end].copy_from_slice(came);
        hash(&honest)
    })
}

struct Honest(&'static dyn Hash);

impl Hash for Honest {
    fn start(&self) -> Box<dyn Context> {
        Box::new(HonestContext(self.0.start()))
    }

    fn hash(&self, data: &[u8]) -> Output {
        honestly(data, |data| self.0.hash(data))
    }

    fn output_len(&self) -> usize {
        self.0.output_len()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.0.algorithm()
    }
}

struct HonestContext(Box<dyn Context>);

impl Context for HonestContext {
    fn fork_finish(&self) -> Output {
        self.0.fork_finish()
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Self(self.0.fork()))
    }

    fn finish(self: Box<Self>) -> Output {
        self.0.finish()
    }

    fn update(&mut self, data: &[u8]) {
        honestly(data, |data| self.0.update(data));
    }
}

#[cfg(test)]
impl Hidden {
    /// For a client whose ClientHello is changed on its way: what it should have hashed.
    pub(crate) fn changed(seen: &[u8], came: &[u8]) -> Arc<Self> {
        Arc::new(Self { seen: seen.to_vec(), came: came.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// What a client says first that asks for this, in the place of a name that is as long.
    fn hello(name: &[u8]) -> Vec<u8> {
        let placeholder = "x".repeat(name.len());
        let config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let asked = ServerName::try_from(placeholder.clone()).unwrap();
        let mut bytes = Vec::new();
        ClientConnection::new(Arc::new(config), asked).unwrap().write_tls(&mut bytes).unwrap();
        let at = bytes.windows(name.len()).position(|window| window == placeholder.as_bytes()).unwrap();
        bytes[at..at + name.len()].copy_from_slice(name);
        bytes
    }

    #[test]
    fn a_bad_name_is_hidden_once_all_of_it_is_there_and_a_good_one_is_not() {
        let bad = hello(b"[::1]:6697");
        for end in 0..bad.len() {
            assert!(hide(&mut bad.clone()[..end]).is_none(), "{end} of {} bytes", bad.len());
        }
        let mut hidden = bad.clone();
        assert!(hide(&mut hidden).is_some());
        let changed: Vec<_> = (0..bad.len()).filter(|&at| bad[at] != hidden[at]).collect();
        assert!(changed.len() == 2 && changed[0] + 1 == changed[1], "{changed:?}");
        assert!(hide(&mut hidden).is_none(), "it is hidden already");
        for good in [b"chat.example".as_slice(), b"under_score", b"192.0.2.1", b"trailing."] {
            assert!(hide(&mut hello(good)).is_none(), "{}", good.escape_ascii());
        }
    }

    #[test]
    fn nonsense_is_left_to_rustls() {
        let bad = hello(b"a..b");
        for at in 0..bad.len() {
            for byte in [0, 1, 0x7F, 0xFF] {
                let mut nonsense = bad.clone();
                nonsense[at] = byte;
                // Whatever is made of it: it has as many bytes, and at most two are others.
                let mut seen = nonsense.clone();
                let hidden = hide(&mut seen).is_some();
                let changed = (0..bad.len()).filter(|&at| seen[at] != nonsense[at]).count();
                assert!(seen.len() == bad.len() && (changed == 2 || !hidden && changed == 0), "{at}: {byte}");
            }
        }
    }
}
