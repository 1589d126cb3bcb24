//! Proxies that speak for others, and addresses that are banned. (Over TLS, see `entrance`: whoever is turned away here
//! would not get as far as a handshake.)

use std::fs;

use conformance::{Binary, Client, Finished, PROXIES, Server, file, proxy_header, scenarios};

scenarios! {
    proxies_speak_for_others,
    limits_go_by_whom_a_proxy_speaks_for,
    proxy_without_a_header_is_dropped,
    header_from_anybody_else_is_no_header,
    banned_are_told_so,
    bad_bans_leave_the_old_ones,
}

fn proxies_speak_for_others(binary: Binary) {
    let server = Server::start(binary, &PROXIES);
    let v2 = |command: u8, family: u8, rest: &[u8]| {
        let length = u16::try_from(rest.len()).expect("it is short").to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n", &[0x20 | command, family][..], &length, rest].concat()
    };
    let ipv4 = v2(1, 0x11, &[192, 0, 2, 44, 10, 0, 0, 1, 0, 1, 0, 2, 4, 0, 1, 0]);
    let mut ann = Client::connect_through(&server, &proxy_header("192.0.2.33")).registered("ann");
    let mut bob = Client::connect_through(&server, &ipv4).registered("bob");
    let mut cat = Client::connect_through(&server, &v2(0, 0, b"")).registered("cat");
    server.logged("for whom", |line| line.contains("peer=192.0.2.33"));
    server.logged("for whom", |line| line.contains("peer=192.0.2.44"));
    cat.send("hello");
    ann.expect("#lobby -- bob joined");
    for hearer in [&mut ann, &mut bob] {
        hearer.expect("#lobby -- cat joined");
        hearer.expect("#lobby <cat> hello");
    }
}

fn limits_go_by_whom_a_proxy_speaks_for(binary: Binary) {
    let server = Server::start(binary, &[&PROXIES[..], &["--max-connections-per-address", "1"]].concat());
    let _ann = Client::connect_through(&server, &proxy_header("192.0.2.1")).registered("ann");
    let mut second = Client::connect_through(&server, &proxy_header("192.0.2.1"));
    second.expect_turned_away();
    let _bob = Client::connect_through(&server, &proxy_header("192.0.2.2")).registered("bob");
}

fn proxy_without_a_header_is_dropped(binary: Binary) {
    let server = Server::start(binary, &PROXIES);
    let mut garbled = Client::connect_through(&server, b"ann\nI am no proxy\n");
    assert_eq!(garbled.expect_closed(), [""; 0]);
    drop(garbled);
    server.logged("why", |line| line.contains("no PROXY header"));
}

fn header_from_anybody_else_is_no_header(binary: Binary) {
    let server = Server::start(binary, &["--proxies", "192.0.2.0/24"]);
    let mut liar = Client::connect_through(&server, &proxy_header("192.0.2.1"));
    liar.expect_error(&["nickname"]);
}

fn banned_are_told_so(binary: Binary) {
    let bans = file(binary, "bans", "# Neighbours\n192.0.2.0/28 # all of them\n\n2001:db8::1\n");
    let server = Server::start_with_file(binary, "--bans", &bans, &PROXIES);
    for address in ["192.0.2.7", "192.0.2.15"] {
        let mut banned = Client::connect_through(&server, &proxy_header(address));
        assert_eq!(banned.expect_closed(), ["! your address is banned from this server"]);
    }
    let _neighbour = Client::connect_through(&server, &proxy_header("192.0.2.16")).registered("ann");
}

fn bad_bans_leave_the_old_ones(binary: Binary) {
    let bans = file(binary, "bad-bans", "192.0.2.0/24\n");
    let server = Server::start_with_file(binary, "--bans", &bans, &PROXIES);
    fs::write(&bans, "198.51.100.1\nexample.org\n").expect("it can be written");
    server.reload();
    let line = server.logged("what is wrong", |line| line.contains("the bans stay as they were"));
    assert!(line.contains(":2: ") && line.contains("example.org"), "{line}");
    let mut banned = Client::connect_through(&server, &proxy_header("192.0.2.7"));
    banned.expect_closed();
    let _other = Client::connect_through(&server, &proxy_header("198.51.100.1")).registered("ann");
    let finished = Finished::run(binary.command().arg("--bans").arg(&bans));
    assert_eq!(finished.status.code(), Some(2));
    assert!(finished.stderr.contains(":2: "), "{finished:?}");
}
