//! A storm: twenty thousand connections come and go in all ways, while two users talk.

use std::collections::HashSet;
use std::ops::Range;
use std::thread;

use conformance::{Binary, Client, Server, allow_descriptors, secured_scenarios, stamped};

secured_scenarios! { storm_leaves_nothing }

/// Connections in all.
const CONNECTIONS: usize = 20_000;

/// Connections that are there at once. The descriptors of this process suffice, and the queue of the listener is
/// longer: nobody waits for the kernel to try again.
const WAVE: usize = 1_000;

/// Bytes of the server that may stay of each connection, on average. Mostly none do, and up to 70 were measured, since a
/// later wave may be the largest; one connection that is never released takes more than 500.
const LEFT_BEHIND: usize = 160;

/// One in so many is a user, and the others leave before they have a name; over TLS, before they have shaken hands.
/// More would take longer and show no more: a handshake costs both sides a millisecond in a debug build, and all users
/// are told of each.
const USERS: usize = 4;

/// How somebody comes and goes.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Without a word, and with a reset at once.
    Reset,
    /// Without a word: it ends its input and reads to the end.
    HalfClose,
    /// In the middle of its first message of TLS.
    MidHello,
    /// When the server has had its say in the handshake, and waits for the rest.
    MidHandshake,
    /// As a user with a room, who quits.
    Quit,
    /// As a user with a room, in the middle of a line.
    MidLine,
    /// As a user with a room, with a reset.
    UserReset,
}

fn is_user(number: usize) -> bool {
    number.is_multiple_of(USERS)
}

impl Way {
    /// All ways in turn.
    fn of(number: usize, secured: bool) -> Self {
        let ways: &[Self] = if is_user(number) {
            &[Self::Quit, Self::MidLine, Self::UserReset]
        } else if secured {
            &[Self::Reset, Self::HalfClose, Self::MidHello, Self::MidHandshake]
        } else {
            &[Self::Reset, Self::HalfClose]
        };
        ways[number / USERS % ways.len()]
    }

    fn enter(self, server: &Server, hello: Option<&[u8]>, number: usize) -> Client {
        if is_user(number) {
            let mut client = Client::connect(server);
            client.send_bytes(format!("guest{number}\n/join #room{number}\nhello, ").as_bytes());
            return client;
        }
        let mut client = Client::connect_to(server.addr(), None);
        match (self, hello) {
            (Self::MidHello, Some(hello)) => client.send_bytes(&hello[..hello.len() / 2]),
            (Self::MidHandshake, Some(hello)) => client.send_bytes(hello),
            _ => {}
        }
        client
    }

    /// Gives the client back if it is one that reads to the end.
    fn leave(self, mut client: Client) -> Option<Client> {
        match self {
            Self::Reset | Self::UserReset => {
                client.reset();
                return None;
            }
            Self::MidHello | Self::MidHandshake | Self::MidLine => return None,
            Self::HalfClose => client.half_close(),
            Self::Quit => client.send("world\n/quit"),
        }
        Some(client)
    }
}

/// A part of the storm: all are there at once, but for those who are gone at once.
fn wave(server: &Server, hello: Option<&[u8]>, numbers: Range<usize>) {
    let mut guests = Vec::new();
    for number in numbers {
        let way = Way::of(number, hello.is_some());
        let guest = way.enter(server, hello, number);
        match way {
            Way::Reset => drop(way.leave(guest)),
            _ => guests.push((way, guest)),
        }
    }
    let polite: Vec<_> = guests.into_iter().filter_map(|(way, guest)| way.leave(guest)).collect();
    for mut guest in polite {
        guest.expect_closed();
    }
}

/// One of the two who talk, and which guests it has seen in the lobby.
struct Talker {
    client: Client,
    came: HashSet<String>,
    left: HashSet<String>,
}

impl Talker {
    fn new(client: Client) -> Self {
        Self { client, came: HashSet::new(), left: HashSet::new() }
    }

    /// Reads until `said` is there; all else is guests who come or go, each of them once.
    fn hear(&mut self, said: &str) {
        loop {
            let line = self.client.line();
            let event = stamped(&line).expect("an event");
            if event == said {
                return;
            }
            self.note(event);
        }
    }

    fn note(&mut self, event: &str) {
        let event = event.strip_prefix("#lobby -- ").expect("nobody else talks");
        let (guest, what) = event.split_once(' ').expect("a guest, and what it did");
        let new = match what {
            "joined" => self.came.insert(guest.to_owned()),
            _ => self.came.contains(guest) && self.left.insert(guest.to_owned()),
        };
        assert!(new, "once, and first come, then go: {event}");
    }

    /// All users of the storm were seen, and none of them is there any more.
    fn expect_all_gone(&mut self) {
        for line in self.client.drain() {
            self.note(stamped(&line).expect("an event"));
        }
        let users = (0..CONNECTIONS).filter(|number| is_user(*number)).count();
        assert_eq!((self.came.len(), self.left.len()), (users, users));
    }
}

/// Each says something that the other hears.
fn talk([ann, bob]: &mut [Talker; 2], round: usize) {
    ann.client.send(&format!("{round}"));
    bob.hear(&format!("#lobby <ann> {round}"));
    bob.client.send(&format!("{round}, too"));
    ann.hear(&format!("#lobby <bob> {round}, too"));
}

/// Wave after wave, while the two talk.
fn storm(server: &Server, hello: Option<&[u8]>, numbers: Range<usize>, talkers: &mut [Talker; 2]) {
    thread::scope(|scope| {
        let storm = scope.spawn(|| {
            for start in numbers.step_by(WAVE) {
                wave(server, hello, start..start + WAVE);
            }
        });
        let mut round = 0;
        while !storm.is_finished() {
            talk(talkers, round);
            round += 1;
        }
        storm.join().expect("everybody came and went");
    });
}

fn storm_leaves_nothing(binary: Binary) {
    allow_descriptors();
    // However many they are, every join and every leave is announced.
    let mut server = Server::start(binary, &["--announce-limit", "0"]);
    let _ = server.idle_descriptors();
    let mut talkers = Client::party(&server, ["ann", "bob"]).map(Talker::new);
    let (descriptors, empty) = (server.descriptors(), server.resident());
    let hello = server.client_hello();
    // What the first half took, the allocator may keep for the second.
    let [half, all] = [0..CONNECTIONS / 2, CONNECTIONS / 2..CONNECTIONS].map(|numbers| {
        storm(&server, hello.as_deref(), numbers, &mut talkers);
        server.expect_descriptors(descriptors);
        server.resident()
    });
    println!("{binary:?}: {empty} bytes at first, {half} after half of the storm, {all} after all of it");
    let each = all.saturating_sub(half) / (CONNECTIONS / 2);
    assert!(each <= LEFT_BEHIND, "{each} bytes stayed of each connection");
    talkers.iter_mut().for_each(Talker::expect_all_gone);
    talk(&mut talkers, 0);
    expect_only_these(&server, talkers.map(|talker| talker.client));
    assert!(server.wait().success());
}

/// A late comer sees nobody else, and the server ends politely for all.
fn expect_only_these(server: &Server, [ann, bob]: [Client; 2]) {
    let mut late = Client::register(server, "late");
    let members = late.ask("/who").concat();
    assert!(["ann", "bob", "late", "3"].iter().all(|part| members.contains(part)), "{members}");
    assert!(!members.contains("guest"), "{members}");
    let rooms = late.ask("/rooms").concat();
    assert!(rooms.contains("#lobby") && !rooms.contains("#room"), "{rooms}");
    server.terminate();
    for mut client in [ann, bob, late] {
        let goodbye = client.expect_closed();
        assert!(goodbye.iter().any(|line| line.starts_with("* ")), "{goodbye:?}");
    }
}
