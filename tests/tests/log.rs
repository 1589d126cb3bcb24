//! A log is there to be read, and nobody has to: whoever should read it does not hold up the server, and strangers
//! cannot fill it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;

use conformance::{
    Binary, Client, PROXIES, Server, UNTHROTTLED, file, proxy_header, proxy_header_v2, scenarios, wait_until,
};

scenarios! {
    unread_log_holds_up_nobody,
    unread_log_does_not_hold_up_the_end,
    refused_strangers_are_summed_up,
    wrong_passwords_are_told_for_each_address,
    silent_checks_of_health_are_not_told,
}

/// Lines of 3 KB that are logged: more than a pipe and the queue take.
const LINES: usize = 2_500;

/// A server whose log is not read, and which has more to say than fits anywhere.
fn with_unread_log(binary: Binary) -> (Server, String) {
    let server =
        Server::start(binary, &[UNTHROTTLED, &["--log-level", "debug", "--metrics", "127.0.0.1:0"]].concat());
    let metrics = server.logged("where the metrics are", |line| line.contains("metrics addr="));
    let (_, metrics) = metrics.split_once("metrics addr=").expect("it was found");
    let metrics = metrics.to_owned();
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    server.ignore_log();
    let text = "x".repeat(3_000);
    for _ in 0..LINES / 10 {
        ann.send_bytes(format!("{text}\n").repeat(10).as_bytes());
        for _ in 0..10 {
            bob.expect(&format!("#lobby <ann> {text}"));
        }
    }
    (server, metrics)
}

fn unread_log_holds_up_nobody(binary: Binary) {
    let (server, metrics) = with_unread_log(binary);
    let lost = lost_lines(&metrics);
    assert!(lost > 0, "all of it fits");
    server.read_log();
    let told = server.logged("what is missing", |line| line.contains("lines of the log are missing"));
    assert!(told.contains(&format!("lines={lost}")), "{told}, and not {lost}");
    let _cat = Client::register(&server, "cat");
    server.logged("that it goes on", |line| line.contains(r#"nick="cat""#));
    assert_eq!(lost_lines(&metrics), lost);
}

fn unread_log_does_not_hold_up_the_end(binary: Binary) {
    let (server, _) = with_unread_log(binary);
    server.stop();
}

fn lost_lines(metrics: &str) -> u64 {
    let mut stream = TcpStream::connect(metrics).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").expect("it reads");
    stream.shutdown(Shutdown::Write).expect("it is there");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("an answer");
    let line = page.lines().find_map(|line| line.strip_prefix("chat_log_lines_lost_total "));
    line.expect("it is counted").parse().expect("a number")
}

fn refused_strangers_are_summed_up(binary: Binary) {
    const STRANGERS: usize = 500;
    let bans = file(binary, "banned-strangers", "192.0.2.0/24\n");
    let server = Server::start_with_file(binary, "--bans", &bans, &PROXIES);
    let strangers = (0..STRANGERS).map(|number| {
        let header = proxy_header(&format!("192.0.2.{}", number % 3));
        Client::connect_through(&server, &header)
    });
    // All of them first: each is told only after a while.
    strangers.collect::<Vec<_>>().iter_mut().for_each(|stranger| drop(stranger.expect_closed()));
    let refused = || server.log().into_iter().filter(|line| line.contains("refused")).collect::<Vec<_>>();
    // Each of them is in one line, which says of how many it is.
    let told = || refused().iter().map(|line| number(line, "refused").unwrap_or(1)).sum::<usize>();
    wait_until("all of them are told", || told() == STRANGERS);
    // On a slow machine they take more than the ten seconds that are summed up.
    let lines = refused();
    assert!(lines.len() <= 10 && lines[0].contains("peer=192.0.2."), "{lines:#?}");
    assert!(lines.iter().any(|line| number(line, "addresses") == Some(3)), "{lines:#?}");
    assert!(server.log().len() < 30, "{:#?}", server.log());
}

/// A field of a line.
fn number(line: &str, field: &str) -> Option<usize> {
    let (_, value) = line.split_once(&format!(" {field}="))?;
    value.split(' ').next()?.parse().ok()
}

fn wrong_passwords_are_told_for_each_address(binary: Binary) {
    let password = file(binary, "guessed-by-three", "open sesame\n");
    let server = Server::start_with_file(binary, "--password-file", &password, &PROXIES);
    thread::scope(|scope| {
        for host in 1..=3 {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..10 {
                    let header = proxy_header(&format!("192.0.2.{host}"));
                    let mut guesser = Client::connect_through(server, &header);
                    // It does not wait to be told that these were too many.
                    guesser.send("sesame");
                    guesser.expect_error(&["password"]);
                }
            });
        }
    });
    for host in 1..=3 {
        let peer = format!("peer=192.0.2.{host} ");
        server.logged("who guesses", |line| line.contains("refused") && line.contains(&peer));
    }
    let lines = server.log().iter().filter(|line| line.contains("peer=192.0.2.")).count();
    assert!(lines < 30, "{:#?}", server.log());
}

fn silent_checks_of_health_are_not_told(binary: Binary) {
    let server = Server::start(binary, &PROXIES);
    let _ann = Client::connect_through(&server, &proxy_header("192.0.2.1")).registered("ann");
    server.logged("ann came", |line| line.contains(r#"nick="ann""#));
    let before = server.descriptors();
    for _ in 0..20 {
        // One that only connects, and one that says that it is a check.
        drop(TcpStream::connect(server.addr()).expect("the server accepts"));
        let mut check = TcpStream::connect(server.addr()).expect("the server accepts");
        check.write_all(&proxy_header_v2(0, 0, b"")).expect("the server reads");
        check.shutdown(Shutdown::Write).expect("it is connected");
        check.read_to_end(&mut Vec::new()).expect("it is closed");
    }
    server.expect_descriptors(before);
    let _bob = Client::connect_through(&server, &proxy_header("192.0.2.2")).registered("bob");
    server.logged("bob came", |line| line.contains(r#"nick="bob""#));
    let log = server.log();
    let lines: Vec<_> = log.iter().skip_while(|line| !line.contains(r#"nick="ann""#)).skip(1).collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
}
