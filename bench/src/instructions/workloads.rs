//! What is counted.

use std::fmt::Write as _;

use chat_core::{Config, ConnId, HistoryLimits, StoreMode};

use super::house::{House, config};
use crate::Result;

/// A line of chat, of the length that people write.
const LINE: &str = "shall we meet at eight, at the usual place?\n";

/// Something that an engine does again and again.
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// What its count is divided by.
    pub(super) unit: &'static str,
    pub(super) what: &'static str,
    scene: fn() -> Scene,
}

/// A workload that can be played.
pub(super) struct Scene {
    house: House,
    turn: Box<dyn FnMut(&mut House)>,
    /// Units in one turn.
    units: u64,
    /// Lines that are written to anybody in one turn.
    lines: u64,
    /// Turns that are measured.
    turns: u64,
}

impl Scene {
    fn new(house: House, units: u64, lines: u64, turn: impl FnMut(&mut House) + 'static) -> Self {
        // Enough that what happens once in a while is in it, and a room of a thousand is still quick.
        let turns = (10_000 / units).max(10);
        Self { house, turn: Box::new(turn), units, lines, turns }
    }

    /// All turns: what is measured.
    pub(super) fn play(&mut self) {
        for _ in 0..self.turns {
            (self.turn)(&mut self.house);
        }
    }

    /// Units in all turns.
    pub(super) fn units(&self) -> u64 {
        self.units * self.turns
    }
}

impl Workload {
    /// Makes ready for it: by a first turn, too, which finds out whether the workload is what it says.
    pub(super) fn prepare(&self) -> Scene {
        let mut scene = (self.scene)();
        scene.house.counts = true;
        (scene.turn)(&mut scene.house);
        assert_eq!(scene.house.lines, scene.lines, "lines in a turn of {}", self.name);
        scene.house.counts = false;
        scene
    }
}

/// The workload of this name.
pub(super) fn find(name: &str) -> Result<&'static Workload> {
    ALL.iter().find(|workload| workload.name == name).ok_or_else(|| format!("no workload {name:?}").into())
}

/// All of them, in the order of the report.
pub(super) static ALL: [Workload; 16] = [
    Workload { name: "turn", unit: "line", what: "one line in a room of two", scene: turn },
    Workload { name: "fan-out", unit: "delivery", what: "one line to a room of 1,000", scene: fan_out },
    Workload {
        name: "fan-out-64",
        unit: "delivery",
        what: "64 lines of one user in one turn to a room of 1,000",
        scene: fan_out_64,
    },
    Workload {
        name: "four-speakers",
        unit: "delivery",
        what: "16 lines of each of four members in one turn to a room of 1,000",
        scene: four_speakers,
    },
    Workload {
        name: "many-rooms",
        unit: "delivery",
        what: "one line in each of 200 rooms of ten, in one turn",
        scene: many_rooms,
    },
    Workload {
        name: "two-rooms",
        unit: "delivery",
        what: "one line in each of two rooms that have the same 1,000 members, in one turn",
        scene: two_rooms,
    },
    Workload {
        name: "private",
        unit: "message",
        what: "100 private messages between 100 users, in one turn",
        scene: private,
    },
    Workload {
        name: "churn",
        unit: "visit",
        what: "connect, take a nickname, join a room of ten, leave it, quit: each in a turn",
        scene: churn,
    },
    Workload {
        name: "quiet-join",
        unit: "visit",
        what: "join a quiet room of 10,000, and leave it",
        scene: quiet_join,
    },
    Workload { name: "paste", unit: "line", what: "1,000 lines of one user in one piece", scene: paste },
    Workload {
        name: "byte-by-byte",
        unit: "byte",
        what: "a line that comes one byte at a time, each in a turn",
        scene: byte_by_byte,
    },
    Workload {
        name: "cut-lines",
        unit: "line",
        what: "1,000 lines of one user in pieces that end within a line",
        scene: cut_lines,
    },
    Workload {
        name: "history",
        unit: "line",
        what: "one line in a room of ten whose history is full",
        scene: history,
    },
    Workload {
        name: "stored",
        unit: "delivery",
        what: "one line in each of 200 rooms of ten, in one turn, with history kept and stored as by default",
        scene: stored,
    },
    Workload {
        name: "rename",
        unit: "announcement",
        what: "a rename in 50 rooms that have the same ten members",
        scene: rename,
    },
    Workload {
        name: "movers",
        unit: "announcement",
        what: "ten in the same 50 rooms rename themselves, leave one and join it, in one turn",
        scene: movers,
    },
];

fn turn() -> Scene {
    room_of(config(), 2, 1, 1)
}

fn fan_out() -> Scene {
    room_of(config(), 1_000, 1, 999)
}

fn fan_out_64() -> Scene {
    room_of(config(), 1_000, 64, 64 * 999)
}

fn history() -> Scene {
    let limits = HistoryLimits { events_per_room: 100, ..HistoryLimits::default() };
    let mut scene = room_of(Config { history: Some(limits), ..config() }, 10, 1, 1);
    (0..200).for_each(|_| (scene.turn)(&mut scene.house));
    scene
}

/// A room in which the first member says some lines in one turn.
fn room_of(config: Config, members: usize, lines: usize, units: u64) -> Scene {
    let mut house = House::new(config);
    let conns = house.crowd(members, "user", "/join #room\n");
    let text = LINE.repeat(lines);
    let heard = (lines * (members - 1)) as u64;
    Scene::new(house, units, heard, move |house| {
        house.receive(conns[0], &text);
        house.drain();
    })
}

fn four_speakers() -> Scene {
    let mut house = House::new(config());
    let conns = house.crowd(1_000, "user", "/join #room\n");
    let deliveries = 4 * 16 * 999;
    Scene::new(house, deliveries, deliveries, move |house| {
        for _ in 0..16 {
            conns[..4].iter().for_each(|&conn| house.receive(conn, LINE));
        }
        house.drain();
    })
}

fn many_rooms() -> Scene {
    rooms_of_ten(config())
}

fn stored() -> Scene {
    let Config { history, .. } = Config::default();
    rooms_of_ten(Config { history, store: Some(StoreMode::StoreFirst), ..config() })
}

fn rooms_of_ten(config: Config) -> Scene {
    let mut house = House::new(config);
    let rooms: Vec<_> = (0..200)
        .map(|room| house.crowd(10, &format!("user{room}-"), &format!("/join #room{room}\n")))
        .collect();
    let deliveries = 200 * 9;
    Scene::new(house, deliveries, deliveries, move |house| {
        rooms.iter().for_each(|members| house.receive(members[0], LINE));
        house.drain();
    })
}

/// Ten who are all in the same 50 rooms.
fn neighbours() -> (House, Vec<ConnId>) {
    let mut house = House::new(config());
    let joins: String = (0..50).map(|room| format!("/join #room{room}\n")).collect();
    let conns = house.crowd(10, "user", &joins);
    (house, conns)
}

fn rename() -> Scene {
    let (house, conns) = neighbours();
    let mut name = 0;
    // Nine hear of it in each room, and the one that renames itself once.
    Scene::new(house, 50 * 9, 50 * 9 + 1, move |house| {
        name = 1 - name;
        house.receive(conns[0], &format!("/nick other{name}\n"));
        house.drain();
    })
}

fn movers() -> Scene {
    let (house, conns) = neighbours();
    let mut name = 0;
    let heard = |renames: u64, moves: u64| 10 * (9 * (50 * renames + moves));
    // Who has left the room for a moment misses what the others do meanwhile: nothing, as each does all at once.
    Scene::new(house, heard(1, 2), heard(1, 2) + 10 * 3, move |house| {
        name = 1 - name;
        for (user, &conn) in conns.iter().enumerate() {
            house.receive(conn, &format!("/nick other{user}-{name}\n/part #room0\n/join #room0\n"));
        }
        house.drain();
    })
}

fn two_rooms() -> Scene {
    let mut house = House::new(config());
    let conns = house.crowd(1_000, "user", "/join #one\n/join #two\n");
    let text = format!("/msg #one {LINE}/msg #two {LINE}");
    let deliveries = 2 * 999;
    Scene::new(house, deliveries, deliveries, move |house| {
        house.receive(conns[0], &text);
        house.drain();
    })
}

fn private() -> Scene {
    let mut house = House::new(config());
    let conns = house.crowd(100, "user", "");
    let texts: Vec<_> = (1..=100).map(|user| format!("/msg user{} {LINE}", user % 100)).collect();
    Scene::new(house, 100, 100, move |house| {
        conns.iter().zip(&texts).for_each(|(&conn, text)| house.receive(conn, text));
        house.drain();
    })
}

fn churn() -> Scene {
    let mut house = House::new(config());
    house.crowd(10, "user", "/join #room\n");
    // Ten hear of the join and of the leave. The visitor: welcome, joined, left, goodbye.
    Scene::new(house, 1, 10 + 10 + 4, |house| {
        let visitor = house.connect();
        for text in ["visitor\n", "/join #room\n", "/part\n", "/quit\n"] {
            house.receive(visitor, text);
            house.drain();
        }
    })
}

fn quiet_join() -> Scene {
    let mut house = House::new(config());
    house.crowd(10_000, "user", "/join #room\n");
    let visitor = house.crowd(1, "visitor", "")[0];
    Scene::new(house, 1, 2, move |house| {
        house.receive(visitor, "/join #room\n");
        house.drain();
        house.receive(visitor, "/part\n");
        house.drain();
    })
}

fn paste() -> Scene {
    room_of(config(), 2, 1_000, 1_000)
}

fn byte_by_byte() -> Scene {
    let mut house = House::new(config());
    let conns = house.crowd(2, "user", "/join #room\n");
    Scene::new(house, LINE.len() as u64, 1, move |house| {
        for at in 0..LINE.len() {
            house.receive(conns[0], &LINE[at..=at]);
            house.drain();
        }
    })
}

fn cut_lines() -> Scene {
    let mut house = House::new(config());
    let conns = house.crowd(2, "user", "/join #room\n");
    let mut text = String::new();
    for number in 0..1_000 {
        write!(text, "{number:03} {LINE}").expect("a String takes all");
    }
    // One byte longer than a line: the cuts move through the lines.
    let size = "000 ".len() + LINE.len() + 1;
    Scene::new(house, 1_000, 1_000, move |house| {
        let mut rest = &text[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            house.receive(conns[0], piece);
            rest = behind;
        }
        house.drain();
    })
}
