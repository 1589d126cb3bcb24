//! The client as a pipe, against a server that follows a script: what it sends, what it
//! passes on, and the exit status.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Longer than anything takes; a test that fails ends.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at something that will happen.
const STEP: Duration = Duration::from_millis(5);

#[test]
fn all_sent_and_politely_closed() {
    let (client, mut server) = start(&[]);
    server.say("* hello\r\nno end \x1b[31m");
    let output = client.type_and_end("ann\nhi\nno end");
    assert_eq!(server.rest(), "ann\nhi\nno end");
    server.say(" of it\n* bye\n");
    server.close();
    output.assert(0, "* hello\r\nno end \x1b[31m of it\n* bye\n", "");
}

#[test]
fn a_quit_as_the_last_line_is_no_unsent_input() {
    let (mut client, mut server) = start(&[]);
    client.type_in("ann\n/quit\n");
    assert_eq!(server.line(), "ann");
    assert_eq!(server.line(), "/quit");
    server.say("* bye\n");
    server.close();
    assert_eq!(client.line(), "* bye");
    client.type_and_end("").assert(0, "", "");
}

#[test]
fn nickname_and_room_come_before_the_input() {
    let (client, mut server) = start(&["--nick", "bot", "--room", "#rust"]);
    let output = client.type_and_end("hi\n");
    assert_eq!(server.line(), "bot");
    // The greeting of a server that had to wait for us is no welcome.
    server.say("* which nickname?\n");
    server.assert_nothing_came();
    server.say("* welcome, bot\n* you are in #lobby: 1 member\n");
    assert_eq!(server.line(), "/join #rust");
    server.assert_nothing_came();
    server.say("* you are in #rust: 2 members\n");
    assert_eq!(server.rest(), "hi\n");
    server.close();
    let said =
        "* which nickname?\n* welcome, bot\n* you are in #lobby: 1 member\n* you are in #rust: 2 members\n";
    output.assert(0, said, "");
}

#[test]
fn after_a_refused_nickname_nothing_is_sent() {
    let (client, mut server) = start(&["--nick", "bot"]);
    let output = client.type_and_end("secret\n");
    assert_eq!(server.line(), "bot");
    server.say("! bot is \x1b[31mtaken\n");
    assert_eq!(server.rest(), "");
    output.assert(3, "", "client: refused: ! bot is \u{FFFD}[31mtaken\n");
}

#[test]
fn after_a_refused_room_nothing_is_sent() {
    let (client, mut server) = start(&["--nick", "bot", "--room", "rust"]);
    let output = client.type_and_end("secret\n");
    assert_eq!(server.line(), "bot");
    server.say("* welcome, bot\n");
    assert_eq!(server.line(), "/join #rust");
    server.say("! too many rooms\n");
    assert_eq!(server.rest(), "");
    output.assert(3, "* welcome, bot\n", "client: refused: ! too many rooms\n");
}

#[test]
fn a_room_without_a_nickname_is_wrong_usage() {
    Client::spawn("localhost:1", &["--room", "#rust"]).assert(
        2,
        "",
        "client: --room needs --nick when there is no terminal\n",
    );
}

#[test]
fn a_reset_is_a_failure() {
    let (mut client, mut server) = start(&[]);
    client.type_in("ann\n");
    assert_eq!(server.line(), "ann");
    server.reset();
    let (status, _, error) = client.type_and_end("").wait();
    assert_eq!(status, 4);
    assert!(error.starts_with("client: the connection broke: "), "{error}");
}

#[test]
fn input_after_the_end_is_a_failure() {
    let (mut client, mut server) = start(&[]);
    client.type_in("ann\n");
    assert_eq!(server.line(), "ann");
    server.say("* bye\n");
    server.close();
    // The input stays open: the client has to give up on its own.
    let (status, _, error) = client.wait();
    assert_eq!((status, error.as_str()), (4, "client: the server closed before all input was sent\n"));
}

#[test]
fn a_server_that_closes_before_the_welcome_is_a_failure() {
    let (client, mut server) = start(&["--nick", "bot"]);
    assert_eq!(server.line(), "bot");
    server.close();
    client.type_and_end("secret\n").assert(4, "", "client: the server closed before all input was sent\n");
}

#[test]
fn a_closed_stdout_ends_quietly() {
    let (mut client, mut server) = start(&[]);
    server.say("* one\n");
    assert_eq!(client.line(), "* one");
    client.close_stdout();
    // Again and again: a process that another test has just forked holds our end of the pipe until it has become what
    // it is to be, and while it does, what the client writes still finds a reader.
    let start = Instant::now();
    while !client.has_ended() {
        assert!(start.elapsed() < PATIENCE, "the client writes on to nobody");
        server.say_to_whoever_is_left("* two\n");
        sleep(STEP);
    }
    let (status, _, error) = client.wait();
    assert_eq!((status, error.as_str()), (4, ""));
}

#[test]
fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address").to_string();
    drop(listener);
    let (status, _, error) = Client::spawn(&address, &[]).wait();
    assert_eq!(status, 1);
    assert!(error.starts_with(&format!("client: cannot connect to {address}: ")), "{error}");
    assert_eq!(error.lines().count(), 1);
}

/// A client, and the server's end of its connection.
fn start(flags: &[&str]) -> (Client, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address").to_string();
    let client = Client::spawn(&address, flags);
    let (stream, _) = listener.accept().expect("the client connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    (client, Server(BufReader::new(stream)))
}

struct Server(BufReader<TcpStream>);

impl Server {
    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("the client is there");
    }

    fn say_to_whoever_is_left(&mut self, text: &str) {
        // The client may have gone meanwhile.
        let _ = self.0.get_mut().write_all(text.as_bytes());
    }

    fn line(&mut self) -> String {
        read_line(&mut self.0)
    }

    /// Everything up to the client's half-close.
    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).expect("the client closes");
        rest
    }

    /// Nothing that the client should have kept back is here. A client that is about to send it
    /// is caught by the next line that is read.
    fn assert_nothing_came(&mut self) {
        assert_eq!(self.0.buffer(), b"");
        self.0.get_ref().set_nonblocking(true).expect("a socket can be non-blocking");
        assert!(self.0.get_ref().peek(&mut [0]).is_err(), "the client did not wait");
        self.0.get_ref().set_nonblocking(false).expect("a socket can be blocking");
    }

    fn close(self) {}

    fn reset(self) {
        SockRef::from(self.0.get_ref()).set_linger(Some(Duration::ZERO)).expect("linger can be set");
    }
}

struct Client {
    process: Child,
    stdout: Option<BufReader<std::process::ChildStdout>>,
}

impl Client {
    fn spawn(address: &str, flags: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(flags)
            .arg(address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client was built");
        let stdout = process.stdout.take().map(BufReader::new);
        Self { process, stdout }
    }

    fn type_in(&mut self, text: &str) {
        let input = self.process.stdin.as_mut().expect("the input is open");
        input.write_all(text.as_bytes()).expect("the client reads");
    }

    /// Types the last of the input. The client may have ended without reading it.
    fn type_and_end(mut self, text: &str) -> Self {
        let mut input = self.process.stdin.take().expect("the input is open");
        let _ = input.write_all(text.as_bytes());
        self
    }

    fn line(&mut self) -> String {
        read_line(self.stdout.as_mut().expect("the output is open"))
    }

    fn close_stdout(&mut self) {
        self.stdout = None;
    }

    fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("the client is ours").is_some()
    }

    /// The exit status, the rest of stdout, and stderr.
    fn wait(mut self) -> (i32, String, String) {
        let (mut output, mut error) = (String::new(), String::new());
        if let Some(mut stdout) = self.stdout.take() {
            stdout.read_to_string(&mut output).expect("the output is text");
        }
        let mut stderr = self.process.stderr.take().expect("stderr is open");
        stderr.read_to_string(&mut error).expect("errors are text");
        // Waiting through a reference would close stdin first, so this comes last.
        let status = self.process.wait().expect("the client ends");
        (status.code().expect("no signal ends the client"), output, error)
    }

    fn assert(self, status: i32, output: &str, error: &str) {
        assert_eq!(self.wait(), (status, output.to_owned(), error.to_owned()));
    }
}

fn read_line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("a line comes");
    line.trim_end_matches('\n').to_owned()
}
