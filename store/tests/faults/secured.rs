//! Stores over TLS.

use std::fs;

use chat_store::{Retention, open, open_to_read};
use tempfile::TempDir;
use test_services::{Postgres, Redis};

use super::{refusal, said};

/// A certificate for a name, and its key.
fn identity(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn postgres_is_secured_as_its_url_says() {
    let folder = TempDir::new().unwrap();
    let (certificate, key) = identity("localhost");
    let roots = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        fs::write(&path, pem).unwrap();
        format!("sslrootcert={}", path.display())
    };
    let (right, wrong) = (roots("right", &certificate), roots("wrong", &identity("localhost").0));
    let server = Postgres::start_secured(&certificate, &key);
    let mut beside = postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
    let mut is_secured = |url: &str| {
        let mut stores = open(url, false, Retention::default()).unwrap().stores;
        stores.writer.write(&[said(1)]).unwrap();
        let asked = "SELECT bool_and(ssl), bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'chat'";
        let row = beside.query_one(asked, &[]).unwrap();
        assert_eq!(row.get::<_, bool>(0), row.get::<_, bool>(1), "both connections alike");
        row.get::<_, bool>(0)
    };
    let (name, address) = (server.url_at("localhost"), server.url_at("127.0.0.1"));
    for (options, expected) in [
        ("", true),
        ("?sslmode=disable", false),
        ("?sslmode=prefer", true),
        ("?sslmode=require", true),
        (&format!("?sslmode=require&{right}"), true),
        (&format!("?sslmode=verify-ca&{right}"), true),
    ] {
        for url in [&name, &address] {
            assert_eq!(is_secured(&format!("{url}{options}")), expected, "{options}");
        }
    }
    assert!(is_secured(&format!("{name}?sslmode=verify-full&{right}")));
    // On a socket of the machine's own, there is nothing to secure.
    assert!(!is_secured(&format!("{}?sslmode=require", server.url())));
    for refused in [
        format!("{address}?sslmode=verify-full&{right}"),
        format!("{name}?sslmode=verify-full&{wrong}"),
        format!("{name}?sslmode=verify-ca&{wrong}"),
        format!("{name}?sslmode=require&{wrong}"),
        format!("{name}?sslmode=verify-full"),
        format!("{name}?sslmode=verify-full&sslrootcert=/not/there"),
        format!("{name}?sslmode=yes"),
    ] {
        let said = refusal(&refused);
        assert!(
            ["certificate", "sslrootcert", "sslmode"].iter().any(|word| said.contains(word)),
            "{refused}: {said}"
        );
    }
}

#[test]
fn postgres_without_tls_is_only_taken_where_that_is_enough() {
    let (certificate, key) = identity("localhost");
    let mut server = Postgres::start_secured(&certificate, &key);
    let mut beside = postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
    // Rules for who may connect: TLS is refused, as if there were none.
    let file: String = beside.query_one("SHOW hba_file", &[]).unwrap().get(0);
    fs::write(&file, "local all all trust\nhostnossl all all all trust\n").unwrap();
    server.restart();
    let url = server.url_at("127.0.0.1");
    open(&url, false, Retention::default()).unwrap();
    assert!(refusal(&format!("{url}?sslmode=require")).contains("pg_hba.conf"));
    let mut beside = postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
    beside.batch_execute("ALTER SYSTEM SET ssl = off").unwrap();
    server.restart();
    open(&url, false, Retention::default()).unwrap();
    for mode in ["require", "verify-full&sslrootcert=system"] {
        let said = refusal(&format!("{url}?sslmode={mode}"));
        assert!(said.contains("TLS") || said.contains("certificates"), "{said}");
    }
}

#[test]
fn redis_has_to_be_trusted_by_the_system() {
    let (certificate, key) = identity("localhost");
    let server = Redis::start_secured(&certificate, &key);
    open(&server.url(), false, Retention::default()).unwrap().stores.writer.write(&[said(1)]).unwrap();
    // Nobody vouches for it here; `tests` has a server that is told who does.
    let error = open_to_read(&server.url_at("localhost")).err().unwrap().to_string();
    assert!(error.contains("certificate"), "{error}");
}
