//! Metrics and health over HTTP, as an operator's programs meet them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;

use conformance::{Binary, Client, DEADLINE, Finished, Server, Store, scenarios, wait_until};

scenarios! {
    counts_are_those_that_users_would_count,
    bytes_and_writes_are_counted,
    ends_are_told_by_their_reason,
    everything_is_given_back,
    page_is_one_that_prometheus_reads,
    requests_get_the_answers_that_http_has_for_them,
    silent_and_garbled_clients_hurt_nobody,
    address_may_come_from_the_environment,
    address_in_use_is_an_error,
    metrics_go_with_a_recording,
    what_is_stored_and_what_waits_is_counted,
}

/// Clients of HTTP that the server holds at one time, at most.
const CLIENTS: usize = 8;

const ON_ANY_PORT: [&str; 4] = ["--metrics", "127.0.0.1:0", "--flood", "off"];

fn counts_are_those_that_users_would_count(binary: Binary) {
    let (server, metrics) = start(binary);
    let [mut ann, mut bob, mut eve] = Client::party(&server, ["ann", "bob", "eve"]);
    ann.send("one");
    ann.send("/me two");
    for member in [&mut bob, &mut eve] {
        member.expect("#lobby <ann> one");
        member.expect("#lobby * ann two");
    }
    let page = metrics.scrape();
    assert_eq!(page.value("chat_messages_total"), 2.0);
    assert_eq!(page.value("chat_deliveries_total"), 4.0);
    assert_eq!(page.value("chat_users"), 3.0);
    assert_eq!(page.value("chat_rooms"), 1.0);
    assert_eq!(page.value("chat_connections_opened_total"), 3.0);
    assert_eq!(page.value(CHATTING), 3.0);

    bob.ask("/join #tea");
    bob.send("alone here");
    bob.send("/msg eve psst");
    eve.expect("<bob -> you> psst");
    let _silent = Client::connect(&server);
    metrics.expect(r#"chat_connections{state="registering"}"#, 1.0);
    let page = metrics.scrape();
    assert_eq!(page.value("chat_messages_total"), 4.0);
    assert_eq!(page.value("chat_deliveries_total"), 5.0);
    assert_eq!(page.value("chat_rooms"), 2.0);
    assert_eq!(page.value("chat_connections_opened_total"), 4.0);
    assert_eq!(page.value(CHATTING), 3.0);
}

fn bytes_and_writes_are_counted(binary: Binary) {
    let (server, metrics) = start(binary);
    let [mut ann, mut bob, mut eve] = Client::party(&server, ["ann", "bob", "eve"]);
    let before = metrics.scrape();
    ann.send("hello");
    let heard = bob.line();
    eve.expect("#lobby <ann> hello");
    let after = metrics.scrape();
    let grown = |name: &str| after.value(name) - before.value(name);
    assert_eq!(grown("chat_received_bytes_total"), "hello\n".len() as f64);
    assert_eq!(grown("chat_sent_bytes_total"), (2 * (heard.len() + 1)) as f64);
    assert_eq!(grown("chat_delivery_delay_seconds_count"), 2.0);
    assert_eq!(grown(r#"chat_delivery_delay_seconds_bucket{le="+Inf"}"#), 2.0);
    assert!(grown("chat_delivery_delay_seconds_sum") > 0.0);
    assert!(grown("chat_turn_seconds_count") > 0.0);
}

fn what_is_stored_and_what_waits_is_counted(binary: Binary) {
    let mut store = Store::redis();
    let server = store.serve(binary, &ON_ANY_PORT[..2]);
    let metrics = Metrics::of(&server);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("hello");
    bob.expect("#lobby <ann> hello");
    // Two who joined, and what one said.
    metrics.expect("chat_history_events_total", 3.0);
    metrics.expect("chat_history_waiting", 0.0);
    store.kill();
    ann.send("is anybody here?");
    metrics.expect("chat_history_events_total", 4.0);
    metrics.expect("chat_history_waiting", 1.0);
    store.restart();
    bob.expect("#lobby <ann> is anybody here?");
    metrics.expect("chat_history_waiting", 0.0);
}

fn ends_are_told_by_their_reason(binary: Binary) {
    let (server, metrics) = start(binary);
    let mut ann = Client::register(&server, "ann");
    ann.send("/quit");
    ann.expect_closed();
    drop(ann);
    metrics.expect(&ended("quit"), 1.0);
    Client::register(&server, "bob").reset();
    metrics.expect(&ended("reset"), 1.0);
    let mut script = Client::connect(&server);
    script.send("cat");
    script.half_close();
    script.expect_closed();
    drop(script);
    metrics.expect(&ended("end_of_input"), 1.0);
    let page = metrics.scrape();
    assert_eq!(page.sum("chat_connections_ended_total"), 3.0);
    assert_eq!(page.value(&ended("too_slow")), 0.0, "also what never happened is there");
}

fn everything_is_given_back(binary: Binary) {
    let (server, metrics) = start(binary);
    let mut ann = Client::register(&server, "ann");
    let mut reader = Client::connect_narrow(&server).registered("reader");
    ann.expect("#lobby -- reader joined");
    reader.send_bytes(b"unfinished");
    metrics.expect("chat_input_bytes", "unfinished".len() as f64);
    // Said until the kernel takes no more of it.
    let line = "x".repeat(4_000);
    while metrics.scrape().value("chat_output_bytes") == 0.0 {
        (0..50).for_each(|_| ann.send(&line));
    }
    let page = metrics.scrape();
    assert!(page.value("chat_history_bytes") > 0.0);
    assert_eq!(page.value("chat_deliveries_total"), page.value("chat_messages_total"));
    drop((ann, reader));
    let gauges =
        ["users", "rooms", "input_bytes", "output_bytes", "history_bytes"].map(|name| format!("chat_{name}"));
    wait_until("everything is given back", || {
        let page = metrics.scrape();
        page.sum("chat_connections") == 0.0 && gauges.iter().all(|gauge| page.value(gauge) == 0.0)
    });
    let page = metrics.scrape();
    assert_eq!(page.sum("chat_connections_ended_total"), page.value("chat_connections_opened_total"));
}

fn page_is_one_that_prometheus_reads(binary: Binary) {
    let (_server, metrics) = start(binary);
    let (head, body) = metrics.get("/metrics");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    let version = env!("CARGO_PKG_VERSION");
    assert!(body.contains(&format!("chat_build_info{{version=\"{version}\"}} 1\n")), "{body}");
    let mut family = "";
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split(' ').next().expect("a name");
        } else if let Some(of_type) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of_type.split_once(' ').expect("a name and a type");
            assert_eq!(name, family, "help comes first");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(family.starts_with("chat_") && name.starts_with(family), "{line} behind {family}");
            assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
        }
    }
}

fn requests_get_the_answers_that_http_has_for_them(binary: Binary) {
    let (_server, metrics) = start(binary);
    let (head, body) = metrics.get("/healthz");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nConnection: close\r\n"), "{head}");
    assert_eq!(body, "ok\n");
    for (request, status, allows) in [
        ("GET /metrics?debug=1 HTTP/1.0", "200", false),
        ("GET / HTTP/1.1", "404", false),
        ("POST / HTTP/1.1", "404", false),
        ("POST /metrics HTTP/1.1", "405", true),
        ("DELETE /healthz HTTP/1.1", "405", true),
        ("ann", "400", false),
        ("GET /metrics HTTP/9.9", "400", false),
    ] {
        let (head, body) = metrics.ask(format!("{request}\r\n\r\n").as_bytes());
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
        assert_eq!(head.contains("\r\nAllow: GET, HEAD\r\n"), allows, "{request}: {head}");
        assert!(!body.is_empty(), "{request}: {head}");
    }
    for path in ["/metrics", "/healthz"] {
        let (head, body) = metrics.ask(format!("HEAD {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("Content-Length: 0\r\n"), "{head}");
        assert_eq!(body, "");
    }
    let header = format!("GET /metrics HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(10_000));
    let (head, _) = metrics.ask(header.as_bytes());
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
}

fn silent_and_garbled_clients_hurt_nobody(binary: Binary) {
    let (server, metrics) = start(binary);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    let before = server.descriptors();
    let mut crowd: Vec<_> = (0..50).map(|_| metrics.connect()).collect();
    for (index, client) in crowd.iter_mut().enumerate() {
        let sends: &[u8] = match index % 4 {
            0 => b"",
            1 => b"GET /metr",
            2 => b"\0\xff\r\n\r\nGET",
            _ => b"GET /metrics HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
        };
        // Some of them have been sent away by now.
        let _ = client.write_all(sends);
    }
    assert_eq!(metrics.get("/healthz").1, "ok\n");
    assert!(server.descriptors() <= before + CLIENTS, "{} and {before}", server.descriptors());
    ann.send("who are all these?");
    bob.expect("#lobby <ann> who are all these?");
    assert_eq!(metrics.scrape().value("chat_deliveries_total"), 1.0);
    // Those who stay are not waited for for long.
    server.expect_descriptors(before);
    drop(crowd);

    let mut slow = metrics.connect();
    slow.set_nodelay(true).expect("TCP_NODELAY");
    for byte in b"GET /healthz HTTP/1.1\r\n\r\n" {
        slow.write_all(&[*byte]).expect("the server reads");
    }
    assert_eq!(answer(slow).1, "ok\n");
}

fn address_may_come_from_the_environment(binary: Binary) {
    let mut command = binary.command();
    command.env("CHAT_METRICS", "127.0.0.1:0");
    let server = Server::spawn(command);
    assert_eq!(Metrics::of(&server).get("/healthz").1, "ok\n");
}

fn address_in_use_is_an_error(binary: Binary) {
    let (_server, metrics) = start(binary);
    let addr = metrics.0.to_string();
    let refused =
        |flags: &[&str]| Finished::run(binary.command().args(["--listen", "127.0.0.1:0"]).args(flags));
    let end = refused(&["--metrics", &addr]);
    assert_eq!(end.status.code(), Some(1), "{end:?}");
    assert!(end.stderr.contains(&format!("chat: cannot listen on {addr}: ")), "{end:?}");
    let end = refused(&["--metrics", "8090"]);
    assert_eq!(end.status.code(), Some(2), "{end:?}");
    assert!(end.stderr.contains("'8090' for '--metrics <ADDR>'"), "{end:?}");
}

fn metrics_go_with_a_recording(binary: Binary) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-metrics.recording", binary.name()));
    let mut server =
        Server::start(binary, &["--metrics", "127.0.0.1:0", "--record", file.to_str().expect("UTF-8")]);
    let metrics = Metrics::of(&server);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("for the record");
    bob.expect("#lobby <ann> for the record");
    assert_eq!(metrics.scrape().value("chat_deliveries_total"), 1.0);
    drop((ann, bob));
    server.terminate();
    assert!(server.wait().success());
    let recorded = fs::read(&file).expect("it is there");
    assert!(recorded.windows(14).any(|bytes| bytes == b"for the record"));
    fs::remove_file(file).expect("it can go");
}

const CHATTING: &str = r#"chat_connections{state="chatting",dialect="plain"}"#;

fn ended(reason: &str) -> String {
    format!("chat_connections_ended_total{{reason=\"{reason}\"}}")
}

fn start(binary: Binary) -> (Server, Metrics) {
    let server = Server::start(binary, &ON_ANY_PORT);
    let metrics = Metrics::of(&server);
    (server, metrics)
}

/// Where a server tells its metrics.
struct Metrics(SocketAddr);

impl Metrics {
    fn of(server: &Server) -> Self {
        let line = server.logged("where the metrics are", |line| line.contains("metrics addr="));
        let (_, addr) = line.split_once("metrics addr=").expect("it was found");
        Self(addr.trim_end().parse().expect("an address"))
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.0).expect("the server accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("a read timeout");
        stream
    }

    /// The head and the body of the answer.
    fn ask(&self, request: &[u8]) -> (String, String) {
        let mut stream = self.connect();
        stream.write_all(request).expect("the server reads");
        stream.shutdown(Shutdown::Write).expect("it is connected");
        answer(stream)
    }

    fn get(&self, path: &str) -> (String, String) {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())
    }

    fn scrape(&self) -> Page {
        let (head, body) = self.get("/metrics");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        Page(body)
    }

    /// Waits until a figure has this value.
    #[track_caller]
    fn expect(&self, name: &str, value: f64) {
        wait_until(name, || self.scrape().value(name) == value);
    }
}

/// All that a server answers until it closes: the head and the body.
fn answer(mut stream: TcpStream) -> (String, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (format!("{head}\r\n"), body.to_owned())
}

/// What was scraped.
struct Page(String);

impl Page {
    #[track_caller]
    fn value(&self, name: &str) -> f64 {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{}", self.0)).parse().expect("a number")
    }

    /// All of a family.
    fn sum(&self, family: &str) -> f64 {
        let lines = self.0.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix('{'));
        lines.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number")).sum()
    }
}
