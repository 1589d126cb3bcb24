//! The driver with secured streams, over sockets made of data.

#[path = "../../driver/tests/fake/mod.rs"]
mod fake;

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chat_core::Config;
use chat_tls::{Acceptor, SecureListener, Security, self_signed};
use fake::{FakeListener, Peer};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// The first bytes of every ClientHello.
const BEGINNING: &[u8] = b"\x16\x03\x01\x02\x00\x01";
/// How long a silent newcomer waits for the greeting.
const SILENCE: Duration = Duration::from_millis(250);
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);

type World = fake::World<SecureListener<FakeListener>>;

/// A certificate, in a folder of its own.
struct Identity {
    folder: PathBuf,
    acceptor: Arc<Acceptor>,
    client: Arc<ClientConfig>,
}

impl Identity {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("chat-tls-{}-{number}", std::process::id()));
        let (certificate, key) = self_signed(&folder, vec!["localhost".into()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            folder,
            acceptor: Arc::new(Acceptor::new(&certificate, &key).unwrap()),
            client: Arc::new(client),
        }
    }

    fn client(&self) -> ClientConnection {
        ClientConnection::new(Arc::clone(&self.client), "localhost".try_into().unwrap()).unwrap()
    }

    fn either(&self, config: Config) -> World {
        World::with_listener(config, |inner| {
            SecureListener::new(inner, Security::Either(self.acceptor.clone()))
        })
    }

    fn required(&self, config: Config) -> World {
        World::with_listener(config, |inner| {
            SecureListener::new(inner, Security::Required(self.acceptor.clone()))
        })
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// What the client has to send, if anything.
fn outgoing(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Lets everything go to and fro between the client and the driver; what it has heard by then.
fn talk(world: &mut World, client: &mut ClientConnection, peer: &Peer) -> String {
    let mut heard = Vec::new();
    loop {
        let bytes = outgoing(client);
        if !bytes.is_empty() {
            peer.send(&bytes);
        }
        assert!(world.run().is_pending());
        let came = std::mem::take(&mut peer.0.borrow_mut().output);
        if bytes.is_empty() && came.is_empty() {
            return String::from_utf8(heard).unwrap();
        }
        let mut rest = &came[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets().unwrap();
            let _ = client.reader().read_to_end(&mut heard);
        }
    }
}

#[test]
fn peer_that_ends_in_its_handshake_is_gone_at_once() {
    let identity = Identity::new();
    for (mut world, sent) in [
        (identity.either(Config::default()), BEGINNING),
        (identity.required(Config::default()), BEGINNING),
        (identity.required(Config::default()), &[]),
    ] {
        let peer = world.arrive();
        if !sent.is_empty() {
            peer.send(sent);
        }
        peer.finish();
        // Which fails if the driver spins.
        assert!(world.run().is_pending());
        assert!(peer.is_gone());
    }
}

#[test]
fn greeting_that_was_due_when_the_handshake_began_leaves_after_it() {
    let identity = Identity::new();
    let mut world = identity.either(Config::default());
    let other = world.connect("bob\n");
    let peer = world.arrive();
    assert!(world.run().is_pending());
    // The greeting is due, and somebody else has said something: the driver looks once more before it answers.
    world.advance(SILENCE);
    other.send("hello\n");
    assert!(world.turn().is_pending());
    let mut client = identity.client();
    let heard = talk(&mut world, &mut client, &peer);
    assert!(heard.starts_with("* "), "{heard:?}");
}

#[test]
fn whoever_speaks_first_is_not_greeted() {
    let identity = Identity::new();
    let mut world = identity.either(Config::default());
    let peer = world.arrive();
    let mut client = identity.client();
    std::io::Write::write_all(&mut client.writer(), b"ann\n").unwrap();
    world.advance(SILENCE / 2);
    assert_eq!(talk(&mut world, &mut client, &peer).lines().count(), 2, "a welcome and the lobby");
    world.pass(SILENCE * 2);
    assert_eq!(talk(&mut world, &mut client, &peer), "");
}

#[test]
fn those_who_talk_come_before_handshakes() {
    const CROWD: usize = 100;
    let identity = Identity::new();
    let mut world = identity.either(Config::default());
    let (ann, bob) = (world.connect("ann\n"), world.connect("bob\n"));
    let newcomers: Vec<Peer> = (0..CROWD).map(|_| world.arrive()).collect();
    assert!(world.run().is_pending());
    for newcomer in &newcomers {
        newcomer.send(outgoing(&mut identity.client()));
    }
    assert!(world.turn().is_pending());
    ann.send("hello\n");
    while !bob.heard().contains("<ann> hello") {
        assert!(world.turn().is_pending());
    }
    let answered = newcomers.iter().filter(|newcomer| !newcomer.0.borrow().output.is_empty()).count();
    assert!(answered < CROWD / 2, "{answered} were served before");
    assert!(world.run().is_pending());
    assert!(
        newcomers.iter().all(|newcomer| !newcomer.0.borrow().output.is_empty()),
        "all are served in the end"
    );
}

#[test]
fn silent_where_tls_is_required_is_told_so_in_the_end() {
    let identity = Identity::new();
    let mut world = identity.required(Config::default());
    let (silent, half) = (world.arrive(), world.knock(BEGINNING));
    assert!(world.run().is_pending());
    world.pass(PATIENCE);
    assert!(silent.heard().starts_with("! "), "{:?}", silent.heard());
    assert!(silent.0.borrow().shut && half.is_gone() && half.heard().is_empty());
}

#[test]
fn limit_is_told_in_the_language_of_the_peer() {
    let identity = Identity::new();
    let mut world = identity.either(Config { max_connections: 1, ..Config::default() });
    let _first = world.connect("ann\n");
    let (plain, peer) = (world.arrive(), world.arrive());
    let mut client = identity.client();
    assert_eq!(talk(&mut world, &mut client, &peer), "");
    world.pass(SILENCE);
    assert!(talk(&mut world, &mut client, &peer).starts_with("! "));
    assert!(plain.heard().starts_with("! "), "{:?}", plain.heard());
}
