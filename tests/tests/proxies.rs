//! Proxies that speak for others, and addresses that are banned. (Over TLS, see `entrance`: whoever is turned away here
//! would not get as far as a handshake.)

use std::fs;

use conformance::{
    Binary, Client, Finished, PROXIES, Server, file, proxy_header, proxy_header_v2, scenarios,
};

scenarios! {
    proxies_speak_for_others,
    checks_of_a_proxys_own_are_let_in_whatever_they_say,
    limits_go_by_whom_a_proxy_speaks_for,
    proxy_without_a_header_is_dropped,
    header_from_anybody_else_is_no_header,
    banned_are_told_so,
    files_from_windows_say_what_others_do,
    bad_bans_leave_the_old_ones,
}

fn proxies_speak_for_others(binary: Binary) {
    let server = Server::start(binary, &PROXIES);
    let ipv4 = proxy_header_v2(1, 0x11, &[192, 0, 2, 44, 10, 0, 0, 1, 0, 1, 0, 2, 4, 0, 1, 0]);
    let mut ann = Client::connect_through(&server, &proxy_header("192.0.2.33")).registered("ann");
    let mut bob = Client::connect_through(&server, &ipv4).registered("bob");
    let mut cat = Client::connect_through(&server, &proxy_header_v2(0, 0, b"")).registered("cat");
    server.logged("for whom", |line| line.contains("peer=192.0.2.33"));
    server.logged("for whom", |line| line.contains("peer=192.0.2.44"));
    cat.send("hello");
    ann.expect("#lobby -- bob joined");
    for hearer in [&mut ann, &mut bob] {
        hearer.expect("#lobby -- cat joined");
        hearer.expect("#lobby <cat> hello");
    }
}

fn checks_of_a_proxys_own_are_let_in_whatever_they_say(binary: Binary) {
    let bans = file(binary, "all-banned", "0.0.0.0/0\n");
    let server = Server::start_with_file(binary, "--bans", &bans, &PROXIES);
    // A family that does not fit, none that there is, and more than anybody needs.
    for (family, length) in [(0x00, 0), (0x11, 0), (0x21, 12), (0xFF, 3), (0x11, 0xFFFF)] {
        let check = proxy_header_v2(0, family, &vec![b'\n'; length]);
        let mut check = Client::connect_through(&server, &check).registered("check");
        check.send("/quit");
        check.expect_closed();
        // The nickname is free again.
        drop(check);
    }
    let nobody = proxy_header_v2(1, 0x00, &[1; 40]);
    let _ann = Client::connect_through(&server, &nobody).registered("ann");
    let _bob = Client::connect_through(&server, b"PROXY UNKNOWN ff:: and more\r\n").registered("bob");
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

fn files_from_windows_say_what_others_do(binary: Binary) {
    let password = file(binary, "windows-password", "\u{feff}open sesame\r\n");
    let motd = file(binary, "windows-motd", "\u{feff}Be kind.\r\nHave fun.\r\n");
    let bans = file(binary, "windows-bans", "\u{feff}192.0.2.7 # Eve\r\n192.0.2.8\r\n");
    let config = format!(
        "\u{feff}name = \"The Cave\"\r\nmotd = '{}'\r\nbans = '{}'\r\n",
        motd.display(),
        bans.display()
    );
    let config = file(binary, "windows.toml", config);
    let flags = [&["--config", config.to_str().expect("UTF-8")][..], &PROXIES].concat();
    let server = Server::start_with_file(binary, "--password-file", &password, &flags);
    let mut ann = Client::connect_through(&server, &proxy_header("192.0.2.1"));
    ann.expect_notice(&["The Cave"]);
    ann.send("open sesame");
    ann.expect_notice(&["nickname"]);
    ann.send("ann");
    ann.expect_notice(&["welcome, ann"]);
    for line in ["* Be kind.", "* Have fun."] {
        assert_eq!(ann.line(), line);
    }
    for banned in ["192.0.2.7", "192.0.2.8"] {
        let mut banned = Client::connect_through(&server, &proxy_header(banned));
        assert_eq!(banned.expect_closed(), ["! your address is banned from this server"]);
    }
    let utf_16: Vec<_> = "\u{feff}open sesame\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let path = file(binary, "windows-utf-16", utf_16);
    for flag in ["--password-file", "--motd", "--bans", "--config"] {
        let end = Finished::run(binary.command().arg(flag).arg(&path));
        assert_eq!(end.status.code(), Some(2), "{flag}: {end:?}");
        let told = end.stderr.contains("UTF-16") && end.stderr.contains("windows-utf-16");
        assert!(told && end.stderr.lines().count() == 1, "{flag}: {end:?}");
    }
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
