//! What is said of certificates and keys that are not what they should be.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chat_tls::{Acceptor, Warning};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// Somebody with a certificate.
struct Party {
    params: CertificateParams,
    key: KeyPair,
}

impl Party {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([String::from(name)]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2030, 1, 1));
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn by_itself(&self) -> Certificate {
        self.params.self_signed(&self.key).unwrap()
    }

    fn signed_by(&self, other: &Self) -> Certificate {
        self.params.signed_by(&self.key, &Issuer::from_params(&other.params, &other.key)).unwrap()
    }
}

/// Certificate and key in files of this name.
fn acceptor(name: &str, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Acceptor, String> {
    let path = |end: &str| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{end}"));
    fs::write(path("pem"), certificate).unwrap();
    fs::write(path("key"), key).unwrap();
    Acceptor::new(&path("pem"), &path("key")).map_err(|error| error.to_string())
}

fn refusal(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> String {
    acceptor("refused", certificate, key).unwrap_err()
}

fn at(year: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs((year - 1970) * 365 * 86_400 + (year - 1969) / 4 * 86_400)
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let ann = Party::new("ann");
    let (pem, key) = (ann.by_itself().pem(), ann.key.serialize_pem());
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
               -----END RSA PRIVATE KEY-----\n";
    let utf_16: Vec<_> = format!("\u{feff}{pem}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let garbled = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let long_der = [&[0x30, 0x82, 1, 2][..], &[0; 200]].concat();
    let refusals = [
        (refusal(&pem, &encrypted), "refused.key: the key is encrypted"),
        (refusal(&pem, old), "refused.key: the key is encrypted"),
        (refusal(&pem, &pem), "refused.key: it holds a certificate, and no private key"),
        (refusal(&pem, "hello"), "refused.key: there is no private key in it"),
        (refusal(&pem, Party::new("bob").key.serialize_pem()), "refused.key: the key is another one"),
        (refusal(&key, &key), "refused.pem: it holds a private key, and no certificate"),
        (refusal("hello", &key), "refused.pem: there is no certificate in it"),
        (refusal(pem.replace("-----END", "END"), &key), "refused.pem: what begins on line 1 has no end"),
        (refusal(&pem, key.replacen('\n', "\n!", 1)), "refused.key: line 2 is not base64"),
        (refusal(utf_16, &key), "refused.pem: it is in UTF-16"),
        (refusal(long_der, &key), "refused.pem: it is in DER"),
        (refusal(format!("{pem}{garbled}"), &key), "refused.pem: certificate 2 of it"),
    ];
    for (refusal, what) in refusals {
        assert!(refusal.contains(what), "{refusal}");
    }
}

#[test]
fn what_is_wrong_with_a_chain_is_named() {
    let [root, middle, leaf] = ["root", "middle", "leaf"].map(Party::new);
    let key = leaf.key.serialize_pem();
    let [root_pem, middle_pem, leaf_pem] =
        [root.by_itself(), middle.signed_by(&root), leaf.signed_by(&middle)].map(|made| made.pem());
    let good = acceptor("good", format!("{leaf_pem}{middle_pem}{root_pem}"), &key).unwrap();
    assert_eq!(good.warnings(at(2025)), []);
    let alone = acceptor("alone", &leaf_pem, &key).unwrap();
    assert_eq!(alone.warnings(at(2025)), []);
    let mixed = acceptor("mixed", format!("{leaf_pem}{root_pem}{middle_pem}"), &key).unwrap();
    assert_eq!(mixed.warnings(at(2025)), [Warning::Order(2), Warning::Order(3)]);
    let refusal = acceptor("turned", format!("{root_pem}{middle_pem}{leaf_pem}"), &key).unwrap_err();
    assert!(refusal.contains("has to come first") && refusal.contains("certificate 3"), "{refusal}");
}

#[test]
fn a_chain_is_valid_while_all_of_it_is() {
    let [mut root, leaf] = ["root", "leaf"].map(Party::new);
    let key = leaf.key.serialize_pem();
    root.params.not_after = date_time_ymd(2025, 1, 1);
    let chain = format!("{}{}", leaf.signed_by(&root).pem(), root.by_itself().pem());
    let acceptor = acceptor("aging", chain, &key).unwrap();
    assert!((acceptor.days_left(at(2024)) - 366.0).abs() < 0.1, "{}", acceptor.days_left(at(2024)));
    assert_eq!(acceptor.warnings(at(2024)), []);
    assert!(
        matches!(acceptor.warnings(at(2026))[..], [Warning::Expired(days)] if (days - 365.0).abs() < 0.1)
    );
    assert!(
        matches!(acceptor.warnings(at(2019))[..], [Warning::NotYetValid(days)] if (days - 365.0).abs() < 0.1)
    );
}
