//! A session against rustls's own client, over a link that cuts what goes to us.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

use super::*;

/// A client and our side of its connection, with a link that cuts what goes to us into pieces of so many bytes.
struct Pair {
    client: ClientConnection,
    session: Session,
    piece: usize,
    steps: Vec<Step>,
    heard: Vec<u8>,
    got: Vec<u8>,
    /// What the client asks for instead of `localhost`, and what its ClientHello should have been for that.
    name: Option<&'static [u8; 9]>,
    changed: Option<Arc<Hidden>>,
}

impl Pair {
    fn new(version: &'static rustls::SupportedProtocolVersion, piece: usize) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
        let certificate = CertificateDer::from(made.cert.der().to_vec());
        let provider = Arc::new(names::provider());
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.clone()], key)
            });
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            client: ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap(),
            session: Session::new(UnbufferedServerConnection::new(Arc::new(server.unwrap())).unwrap()),
            piece,
            steps: Vec::new(),
            heard: Vec::new(),
            got: Vec::new(),
            name: None,
            changed: None,
        }
    }

    /// Lets everything go to and fro until nothing more does.
    fn run(&mut self) {
        loop {
            let mut up = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut up).unwrap();
            }
            if let Some(name) = self.name.take() {
                let end = 9 + up.windows(9).position(|window| window == b"localhost").expect("a name");
                self.changed = Some(Hidden::changed(&up[5..end], name));
                up[end - 9..end].copy_from_slice(name);
            }
            for piece in up.chunks(self.piece) {
                self.session.receive(piece);
                self.step();
            }
            let down = self.session.outgoing().to_vec();
            self.session.sent(down.len());
            let mut rest = &down[..];
            while !rest.is_empty() {
                self.client.read_tls(&mut rest).unwrap();
                names::put_back(self.changed.as_ref(), || self.client.process_new_packets()).unwrap();
                let _ = self.client.reader().read_to_end(&mut self.got);
            }
            if up.is_empty() && down.is_empty() {
                return;
            }
        }
    }

    fn step(&mut self) {
        // A buffer smaller than a record.
        let mut buf = [0; 1_000];
        loop {
            let step = self.session.step(&mut buf);
            match step {
                Step::Blocked(_) => return,
                Step::Text(count) => self.heard.extend_from_slice(&buf[..count]),
                Step::Answered | Step::Opened => self.steps.push(step),
                Step::Ended | Step::Failed => return self.steps.push(step),
            }
        }
    }

    fn say(&mut self, text: &[u8]) -> Vec<u8> {
        let mut said = 0;
        while said < text.len() {
            self.session.seal(&text[said..]);
            self.run();
            said += self.session.take_sealed();
        }
        std::mem::take(&mut self.got)
    }
}

fn versions() -> [&'static rustls::SupportedProtocolVersion; 2] {
    [&rustls::version::TLS12, &rustls::version::TLS13]
}

#[test]
fn a_name_that_is_none_of_dns_is_nothing_to_mind() {
    let names: [&[u8; 9]; 7] = [
        b"[2001::1]",
        b"chat:6697",
        b"-hostname",
        b"host..com",
        b"12.34.567",
        b"a b c d e",
        "чат.ё".as_bytes().try_into().unwrap(),
    ];
    for (version, name) in versions().into_iter().flat_map(|version| names.map(|name| (version, name))) {
        for piece in [1, 50, 1 << 20] {
            let mut pair = Pair::new(version, piece);
            pair.name = Some(name);
            pair.run();
            assert_eq!(pair.steps.last(), Some(&Step::Opened), "{version:?}, {}", name.escape_ascii());
            pair.client.writer().write_all(b"hello").unwrap();
            pair.run();
            assert_eq!(pair.heard, b"hello");
            assert_eq!(pair.say(b"you"), b"you");
        }
    }
}

#[test]
fn text_goes_both_ways_however_it_is_cut() {
    for (version, piece) in
        versions().into_iter().flat_map(|version| [(version, 1), (version, 50), (version, 1 << 20)])
    {
        let mut pair = Pair::new(version, piece);
        pair.run();
        assert_eq!(pair.steps.last(), Some(&Step::Opened), "{version:?}");
        assert!(!pair.client.is_handshaking() && pair.steps.contains(&Step::Answered));
        pair.client.writer().write_all(&[b'a'; 20_000]).unwrap();
        pair.run();
        assert!(pair.heard == [b'a'; 20_000]);
        let text: Vec<u8> = (0..40_000).map(|number| number as u8).collect();
        assert!(pair.say(&text) == text);
        assert_eq!(
            pair.session.incoming.capacity()
                + pair.session.text.capacity()
                + pair.session.outgoing.capacity(),
            0
        );
    }
}

#[test]
fn text_may_come_with_the_end_of_the_handshake() {
    for version in versions() {
        let mut pair = Pair::new(version, 1 << 20);
        pair.client.writer().write_all(b"eager").unwrap();
        pair.run();
        assert_eq!((&pair.heard[..], pair.steps.last()), (&b"eager"[..], Some(&Step::Opened)));
    }
}

#[test]
fn both_sides_say_goodbye_on_their_own() {
    for version in versions() {
        let mut pair = Pair::new(version, 7);
        pair.run();
        pair.client.writer().write_all(b"last words").unwrap();
        pair.client.send_close_notify();
        pair.run();
        assert_eq!((&pair.heard[..], pair.steps.last()), (&b"last words"[..], Some(&Step::Ended)));
        // What is owed still goes out, and then our own goodbye.
        assert_eq!(pair.say(b"an answer"), b"an answer");
        pair.session.say_goodbye();
        pair.run();
        assert_eq!(pair.client.reader().read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn nonsense_is_answered_by_an_alert_and_told_once() {
    for (nonsense, alert) in [
        // A message of 6 MB: it is not waited for, and rustls has no alert for that.
        (&b"\x16\x03\x01\x00\x05hello"[..], None),
        (b"\x16\xff\xff\xff\xff\xff", Some(&21)),
        (&[0x16; 70_000], Some(&21)),
        (&[0; 100], Some(&21)),
    ] {
        let mut pair = Pair::new(versions()[1], 1);
        pair.session.receive(nonsense);
        assert_eq!(pair.session.step(&mut [0]), Step::Failed);
        assert_eq!(pair.session.outgoing().first(), alert, "{:?}", &nonsense[..nonsense.len().min(10)]);
        let told = pair.session.outgoing().len();
        assert!(pair.session.is_over());
        pair.session.seal(b"never");
        pair.session.say_goodbye();
        assert_eq!(pair.session.outgoing().len(), told, "nothing comes behind an alert");
    }
    for version in versions() {
        let mut pair = Pair::new(version, 1 << 20);
        pair.run();
        pair.session.receive(&[&b"\x17\x03\x03\x00\x40"[..], &[7; 64]].concat());
        assert_eq!(pair.session.step(&mut [0]), Step::Failed);
        assert_eq!(pair.session.outgoing().first(), Some(if version == versions()[0] { &21 } else { &23 }));
    }
}

#[test]
fn what_comes_behind_our_goodbye_is_not_looked_at() {
    for version in versions() {
        let mut pair = Pair::new(version, 1 << 20);
        pair.run();
        pair.session.say_goodbye();
        let told = pair.session.outgoing().len();
        assert!(told > 0 && pair.session.is_over());
        pair.session.say_goodbye();
        assert_eq!(pair.session.outgoing().len(), told);
    }
}

#[test]
fn a_handshake_that_never_ends_is_not_kept_for_ever() {
    let mut pair = Pair::new(versions()[1], 1);
    // A ClientHello of 65,535 bytes, in records of one byte each.
    let head = [1, 0, 0xff, 0xff];
    let mut sent = 0;
    loop {
        let byte = head.get(sent).copied().unwrap_or(0);
        pair.session.receive(&[0x16, 3, 1, 0, 1, byte]);
        sent += 1;
        match pair.session.step(&mut [0]) {
            Step::Blocked(_) => assert!(pair.session.incoming.len() <= INCOMING),
            step => return assert_eq!(step, Step::Failed),
        }
    }
}

#[test]
fn all_that_came_is_told_as_text_or_as_overhead() {
    let mut pair = Pair::new(versions()[1], 1 << 20);
    pair.run();
    let mut buf = [0; 100];
    while pair.session.step(&mut buf) != Step::Blocked(0) {}
    let mut bytes = Vec::new();
    for _ in 0..50 {
        pair.client.writer().write_all(b"x").unwrap();
        pair.client.write_tls(&mut bytes).unwrap();
    }
    pair.session.receive(&bytes);
    assert_eq!(pair.session.step(&mut buf), Step::Text(50), "at once, though each has a record of its own");
    assert_eq!(pair.session.step(&mut buf), Step::Blocked(bytes.len() - 50));
    assert_eq!(pair.session.step(&mut buf), Step::Blocked(0));
}

#[test]
fn a_peer_may_change_its_keys_now_and_then() {
    let mut pair = Pair::new(versions()[1], 3);
    pair.run();
    for _ in 0..5 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.client.writer().write_all(b"x").unwrap();
        pair.run();
        assert_eq!(pair.say(b"yes"), b"yes");
    }
    assert_eq!(pair.heard, b"xxxxx");
}
