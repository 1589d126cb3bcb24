//! TLS: one port for everybody, ports of its own, handshakes that come to nothing, certificates.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use conformance::{Binary, Client, DEADLINE, Identity, Server, UNTHROTTLED, scenarios, wait_until};

scenarios! {
    one_port_takes_both,
    full_server_says_so_in_tls,
    port_for_tls_refuses_plain_text,
    required_tls_refuses_plain_text,
    garbage_gets_a_clean_end,
    handshake_that_stalls_is_ended,
    handshake_that_is_given_up_leaves_nothing,
    greeted_in_plain_text_is_too_late_for_tls,
    input_cut_short_loses_its_unfinished_line,
    sessions_are_resumed,
    certificate_is_renewed_and_nobody_is_disconnected,
    bad_certificate_leaves_the_old_one,
    certificate_that_clients_refuse_is_told,
    files_from_windows_are_read,
    self_signed_certificate_is_made_once,
    settings_that_make_no_sense_are_errors,
}

/// The first bytes of every ClientHello.
const BEGINNING: &[u8] = b"\x16\x03\x01\x02\x00\x01";

/// A server that takes both, with this certificate.
fn start(binary: Binary, identity: &Identity, flags: &[&str]) -> Server {
    let mut command = binary.command();
    command.args(identity.flags()).args(UNTHROTTLED).args(flags);
    Server::spawn(command)
}

/// A connection without a rule about what comes.
fn raw(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the server accepts");
    stream.set_read_timeout(Some(DEADLINE)).expect("a read timeout");
    stream
}

/// All that comes until a clean end.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("a clean end");
    rest
}

/// The address of the port for TLS only.
fn tls_port(server: &Server) -> SocketAddr {
    let line = server.logged("the port for TLS only", |line| line.contains("tls=\"required\""));
    let (_, addr) = line.split_once("addr=").expect("where it listens");
    addr.split(' ').next().and_then(|addr| addr.parse().ok()).expect("an address")
}

fn one_port_takes_both(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &["--tls-listen", "127.0.0.1:0"]);
    let trusted = identity.trusted();
    let mut ann = Client::connect_to(server.addr(), None).registered("ann");
    let mut bob = Client::connect_to(server.addr(), Some(&trusted)).registered("bob");
    let mut cat = Client::connect_to(tls_port(&server), Some(&trusted)).registered("cat");
    bob.expect("#lobby -- cat joined");
    cat.send("hello");
    bob.expect("#lobby <cat> hello");
    ann.expect("#lobby -- bob joined");
    ann.expect("#lobby -- cat joined");
    ann.expect("#lobby <cat> hello");
    ann.send("/quit");
    ann.expect_closed();
    bob.send("/quit");
    bob.expect_closed();
    cat.expect("#lobby -- ann left (quit)");
    cat.expect("#lobby -- bob left (quit)");
}

fn full_server_says_so_in_tls(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &["--max-connections", "1"]);
    let _ann = Client::connect_to(server.addr(), None).registered("ann");
    Client::connect_to(server.addr(), Some(&identity.trusted())).expect_turned_away();
    Client::connect_to(server.addr(), None).expect_turned_away();
}

fn port_for_tls_refuses_plain_text(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &["--tls-listen", "127.0.0.1:0"]);
    let mut ann = Client::connect_to(tls_port(&server), None);
    ann.send("ann");
    ann.expect_turned_away();
}

fn required_tls_refuses_plain_text(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &["--require-tls"]);
    let mut ann = Client::connect_to(server.addr(), None);
    ann.send("ann");
    ann.expect_turned_away();
    drop(Client::connect_to(server.addr(), Some(&identity.trusted())).registered("bob"));
}

fn garbage_gets_a_clean_end(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &[]);
    let before = server.idle_descriptors();
    for garbage in [
        &[&BEGINNING[..5], &[b'x'; 512]].concat()[..],
        &[&BEGINNING[..5], &[0; 512]].concat(),
        b"\x16\xff\xff\xff\xff\xff",
        &[0x16; 40_000],
    ] {
        let mut stream = raw(server.addr());
        // It may have been closed before all of it was sent.
        let _ = stream.write_all(garbage);
        let answer = rest(&mut stream);
        assert!(answer.first().is_none_or(|&kind| kind == 21), "an alert or nothing: {answer:?}");
    }
    server.expect_descriptors(before);
}

fn handshake_that_stalls_is_ended(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &["--tls-listen", "127.0.0.1:0"]);
    let before = server.idle_descriptors();
    let mut silent = raw(tls_port(&server));
    let mut half = raw(server.addr());
    half.write_all(BEGINNING).expect("the server reads");
    // Whoever is silent waits for a greeting, and can read. In a handshake, nobody could.
    let told = rest(&mut silent);
    assert!(told.starts_with(b"! ") && told.ends_with(b"TLS\n"), "{told:?}");
    let end = half.read(&mut [0]);
    assert!(!matches!(end, Ok(1..)), "{end:?}");
    drop((silent, half));
    server.logged("why", |line| line.contains("no handshake in time"));
    server.expect_descriptors(before);
}

fn handshake_that_is_given_up_leaves_nothing(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &["--tls-listen", "127.0.0.1:0"]);
    let before = server.idle_descriptors();
    for addr in [server.addr(), tls_port(&server)] {
        drop(raw(addr));
        let mut half = raw(addr);
        half.write_all(BEGINNING).expect("the server reads");
        drop(half);
    }
    server.expect_descriptors(before);
}

fn greeted_in_plain_text_is_too_late_for_tls(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &[]);
    let mut late = Client::connect_to(server.addr(), None);
    late.expect_notice(&["nick"]);
    late.send_bytes(&[BEGINNING, b"\n"].concat());
    late.expect_error(&["nickname"]);
}

fn input_cut_short_loses_its_unfinished_line(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &[]);
    let trusted = identity.trusted();
    let mut ann = Client::connect_to(server.addr(), Some(&trusted)).registered("ann");
    let mut bob = Client::connect_to(server.addr(), Some(&trusted)).registered("bob");
    ann.expect("#lobby -- bob joined");
    bob.send("all of this");
    bob.send_bytes(b"give ann all my money, but only if");
    bob.cut_short();
    ann.expect("#lobby <bob> all of this");
    ann.expect("#lobby -- bob left (end of input)");
    // What the server has to say still comes, and its own goodbye.
    bob.expect_closed();
}

fn sessions_are_resumed(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &[]);
    let trusted = identity.trusted();
    let first = Client::connect_to(server.addr(), Some(&trusted)).registered("ann");
    assert!(!first.is_resumed());
    // The next session may be resumed with what the server sent along with the welcome.
    let second = Client::connect_to(server.addr(), Some(&trusted)).registered("bob");
    assert!(second.is_resumed());
}

fn certificate_is_renewed_and_nobody_is_disconnected(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &[]);
    let mut ann = Client::connect_to(server.addr(), Some(&identity.trusted())).registered("ann");
    identity.renew();
    server.reload();
    server.logged("that it was read", |line| line.contains("certificate and key are read again"));
    // Those who trust the new one only.
    let mut bob = Client::connect_to(server.addr(), Some(&identity.trusted())).registered("bob");
    ann.expect("#lobby -- bob joined");
    ann.send("still here");
    bob.expect("#lobby <ann> still here");
}

fn bad_certificate_leaves_the_old_one(binary: Binary) {
    let identity = Identity::new();
    let server = start(binary, &identity, &[]);
    let trusted = identity.trusted();
    let key = fs::read(&identity.key).expect("it was written");
    for (file, content) in [(&identity.certificate, "no certificate"), (&identity.key, "no key")] {
        let good = fs::read(file).expect("it was written");
        fs::write(file, content).expect("it can be written");
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
        server.reload();
        server.logged("that it is not used", |line| line.contains("stays as it was") && line.contains(name));
        fs::write(file, good).expect("it can be written");
        drop(Client::connect_to(server.addr(), Some(&trusted)).registered("ann"));
    }
    // Each is good, and they do not belong together.
    identity.renew();
    fs::write(&identity.key, key).expect("it can be written");
    server.reload();
    server.logged("that they are not used", |line| {
        line.contains("stays") && line.contains("the key is another one")
    });
    drop(Client::connect_to(server.addr(), Some(&trusted)).registered("bob"));
}

fn certificate_that_clients_refuse_is_told(binary: Binary) {
    let identity = Identity::new();
    identity.expire();
    fs::set_permissions(&identity.key, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let server = start(binary, &identity, &["--metrics", "127.0.0.1:0"]);
    server.logged("that it has expired", |line| line.contains("WARN") && line.contains("has expired"));
    server.logged("who has the key", |line| line.contains("can read the private key"));
    let days = || {
        let line = server.logged("where the metrics are", |line| line.contains("metrics addr="));
        let (_, metrics) = line.split_once("metrics addr=").expect("it was found");
        let mut stream = TcpStream::connect(metrics).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").expect("it reads");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("an answer");
        let days = page.lines().find_map(|line| line.strip_prefix("chat_tls_certificate_days_left "));
        days.expect("it is measured").parse::<f64>().expect("a number")
    };
    assert!(days() < 0.0, "{} days", days());
    identity.renew();
    server.reload();
    server.logged("that it was read", |line| line.contains("certificate and key are read again"));
    assert!(days() > 0.0, "{} days", days());
    identity.expire();
    server.reload();
    let expired = |log: Vec<String>| log.iter().filter(|line| line.contains("has expired")).count();
    wait_until("it is told again", || expired(server.log()) == 2);
}

fn files_from_windows_are_read(binary: Binary) {
    let identity = Identity::new();
    let trusted = identity.trusted();
    for file in [&identity.certificate, &identity.key] {
        let text = fs::read_to_string(file).expect("it was written").replace("\r\n", "\n");
        fs::write(file, format!("\u{feff}{}", text.replace('\n', "\r\n"))).expect("it can be written");
    }
    let server = start(binary, &identity, &[]);
    let _ann = Client::connect_to(server.addr(), Some(&trusted)).registered("ann");
}

fn self_signed_certificate_is_made_once(binary: Binary) {
    let folder =
        std::env::temp_dir().join(format!("chat-self-signed-{}-{}", std::process::id(), binary.name()));
    let data = folder.to_str().expect("a path in UTF-8");
    let start = || Server::start(binary, &["--tls-self-signed", "--data", data]);
    let fingerprint = |server: &Server| {
        let line = server.logged("the fingerprint", |line| line.contains("sha256="));
        line.split_once("sha256=").map(|(_, fingerprint)| fingerprint.to_owned())
    };
    let first = fingerprint(&start());
    // Other files of the server come into it, and none is for anybody else.
    let mode = fs::metadata(&folder).expect("it was made").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(first, fingerprint(&start()));
    fs::remove_dir_all(&folder).expect("it is there");
    assert_ne!(first, fingerprint(&start()));
    fs::remove_dir_all(&folder).expect("it is there");
}

fn settings_that_make_no_sense_are_errors(binary: Binary) {
    for (flags, word) in [
        (&["--tls-cert", "a.pem"][..], "--tls-key"),
        (&["--tls-key", "a.key"], "--tls-cert"),
        (&["--require-tls"], "--tls-cert"),
        (&["--tls-listen", "127.0.0.1:0"], "--tls-cert"),
        (&["--tls-cert", "/nowhere/a.pem", "--tls-key", "/nowhere/a.key"], "/nowhere/a.pem"),
    ] {
        let output = binary.command().args(flags).output().expect("the server runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.lines().count() == 1 && told.contains(word), "{told}");
    }
}
