//! What must be true of every run, whatever befell whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::adapters::client::{Client, End, Step, Transcript};
use crate::adapters::plan::{Fault, Outcome, Plan};
use crate::adapters::record::Record;

/// Where everybody is who has a nickname.
const LOBBY: &str = "#lobby";

impl Outcome {
    /// Checks the run of `plan` against the server's own record. Every client has a nickname of its own.
    ///
    /// # Panics
    /// If something is not as promised.
    pub fn check(&self, plan: &Plan) {
        check_remaining(plan, &self.check_rooms());
        self.check_connections(plan);
        for (client, transcript) in plan.clients.iter().zip(&self.transcripts) {
            let unharmed = plan.is_unharmed(client);
            self.check_said(client, unharmed && !plan.abrupt);
            self.check_heard(client, transcript, unharmed);
            if unharmed {
                check_end(plan, client, transcript);
            }
        }
    }

    /// The record itself: numbered without a gap; who speaks or leaves is in; who joins was not. Returns who
    /// is in which room at the end.
    fn check_rooms(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for record in &self.records {
            let Record { room, nick, kind, .. } = record;
            let inside = members.entry(room).or_default();
            if record.is_first() {
                assert!(inside.is_empty(), "only an empty room is gone: {record:?}");
            } else {
                assert_eq!(record.seq, last[room.as_str()] + 1, "{room} has no gap: {record:?}");
            }
            last.insert(room, record.seq);
            let as_it_should_be = match kind.as_str() {
                "joined" => inside.insert(nick),
                "left" => inside.remove(nick.as_str()),
                _ => inside.contains(nick.as_str()),
            };
            assert!(as_it_should_be, "joins and leaves alternate, and members speak: {record:?}");
        }
        members
    }

    /// Each connection ends once at most; once exactly, if the server has ended, as it does when asked.
    fn check_connections(&self, plan: &Plan) {
        let closed: BTreeSet<_> = self.closed.iter().collect();
        assert_eq!(closed.len(), self.closed.len(), "no connection ends twice");
        let asked = plan.faults.iter().any(|&(_, fault)| fault == Fault::Shutdown);
        assert_eq!(self.ended, asked, "the server ends when asked");
        if asked {
            assert_eq!(closed, self.opened.iter().collect(), "nothing is left open");
        }
    }

    /// What a client said is recorded in the order sent: all of it, or what came before something happened.
    fn check_said(&self, client: &Client, all: bool) {
        let recorded =
            self.records.iter().filter(|record| record.kind == "said" && record.nick == client.nick);
        let recorded: Vec<_> = recorded.map(|record| record.text.as_str()).collect();
        let said: Vec<_> = client.said().collect();
        check_part(&client.nick, "said", &recorded, &said, all);
    }

    /// What a client heard in each room is the room's sequence between its joins and its leaves, less its own
    /// acts, up to where it was harmed.
    fn check_heard(&self, client: &Client, transcript: &Transcript, unharmed: bool) {
        let rooms: BTreeSet<_> = self.records.iter().map(|record| record.room.as_str()).collect();
        let heard_in_any = transcript.lines.iter().filter(|line| line.starts_with('[')).count();
        let mut heard_in_all = 0;
        for room in rooms {
            let of_room = |line: &&String| line.split(' ').nth(1) == Some(room) && line.starts_with('[');
            let heard: Vec<_> = transcript.lines.iter().filter(of_room).cloned().collect();
            heard_in_all += heard.len();
            let owed = self.owed(client, room);
            check_part(&client.nick, "heard", &heard, &owed, unharmed);
        }
        assert_eq!(heard_in_all, heard_in_any, "{} hears of no room that is not", client.nick);
    }

    fn owed(&self, client: &Client, room: &str) -> Vec<String> {
        let mut inside = false;
        let mut owed = Vec::new();
        for record in self.records.iter().filter(|record| record.room == room) {
            inside &= !record.is_first();
            match record.kind.as_str() {
                "joined" if record.nick == client.nick => inside = true,
                "left" if record.nick == client.nick => inside = false,
                _ if inside && record.nick != client.nick => owed.push(record.line()),
                _ => {}
            }
        }
        owed
    }
}

impl Plan {
    /// Whether nothing befalls this client that could cost it a line.
    fn is_unharmed(&self, client: &Client) -> bool {
        let struck = self.faults.iter().any(|&(_, fault)| match fault {
            Fault::Crash(host) | Fault::Partition(host) => host == client.host,
            Fault::Hold(_) | Fault::Release(_) | Fault::Shutdown => false,
        });
        let dropped = client.steps.contains(&Step::Drop);
        let exploded = self.bomb.is_some_and(|bomb| client.said().any(|line| line.contains(bomb)));
        !struck && !dropped && !exploded
    }
}

/// In the lobby are at last those who had no reason to leave: no ghost, and nobody was thrown out. Elsewhere is
/// nobody else.
fn check_remaining(plan: &Plan, members: &BTreeMap<&str, BTreeSet<&str>>) {
    let staying = plan.clients.iter().filter(|client| plan.is_unharmed(client) && client.stays());
    let staying: BTreeSet<_> = staying.map(|client| client.nick.as_str()).collect();
    for (room, inside) in members {
        assert!(inside.is_subset(&staying), "no ghosts in {room}: {inside:?}, {staying:?}");
        assert!(*room != LOBBY || *inside == staying, "nobody left without reason: {inside:?}, {staying:?}");
    }
}

/// An unharmed client that the server has let go saw a clean end, behind a whole line.
fn check_end(plan: &Plan, client: &Client, transcript: &Transcript) {
    let nick = &client.nick;
    let shutdown = plan.faults.iter().any(|&(_, fault)| fault == Fault::Shutdown);
    if shutdown || client.steps.contains(&Step::Finish) {
        assert_eq!(transcript.end, Some(End::Eof), "{nick} is let go cleanly");
        assert!(transcript.rest.is_empty(), "{nick} gets whole lines");
    }
}

/// `part` is the beginning of `whole`, or all of it. Shows the first difference, not both lists.
fn check_part<A: AsRef<str>, B: AsRef<str>>(nick: &str, verb: &str, part: &[A], whole: &[B], all: bool) {
    for (index, got) in part.iter().enumerate() {
        let expected = whole.get(index).map(B::as_ref);
        assert_eq!(Some(got.as_ref()), expected, "{nick} {verb} line {index} of {}", whole.len());
    }
    if all {
        let next = whole.get(part.len()).map(B::as_ref);
        assert_eq!(next, None, "{nick} {verb} {} lines of {}; the next", part.len(), whole.len());
    }
}
