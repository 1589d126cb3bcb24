//! Who does what: every record that is no fault is something that one client does, after its fashion.

use std::fmt;
use std::time::Duration;

use super::fault::Storm;
use super::lines::Voice;
use super::names::{NICKS, ROOMS};
use super::options::at;
use super::persona::{Persona, Script};
use super::{Act, Options, PASSWORD};
use crate::tape::{Draws, Tape};

/// The clients, and where the plan believes each to be. It cannot know what the server answers.
#[derive(Clone, Debug)]
pub(super) struct Society {
    clients: Vec<Client>,
    /// Whether a password is asked for.
    password: bool,
    /// Whether they ask for what was said long ago.
    reads: bool,
    /// How many more come in storms only.
    strangers: usize,
    /// How many nicknames they share.
    nicks: usize,
    /// How many rooms they are in. Beyond those that have a name of their own, rooms are numbered.
    rooms: usize,
}

#[derive(Clone, Debug)]
struct Client {
    persona: Persona,
    connected: bool,
    named: bool,
}

impl Society {
    pub(super) fn from_tape(tape: &Tape, options: &Options) -> Self {
        let bytes = &tape.header()[at::SOCIETY..at::PERSONAS];
        let mask = u32::from(u16::from_le_bytes([bytes[0], bytes[1]])) << 1 | 1;
        let exists = |&(kind, _): &(usize, Persona)| mask & 1 << kind != 0;
        let personas: Vec<_> = Persona::ALL.into_iter().enumerate().filter(exists).collect();
        let mut draws = Draws::new(&bytes[2..]);
        let rooms = *draws.pick(&[2, 1, 3, 4, ROOMS.len(), ROOMS.len(), 150]);
        let nicks = *draws.pick(&[NICKS.len(), NICKS.len(), 3, 6]);
        let clients = tape.header()[at::PERSONAS..].iter().take(options.clients).map(|&byte| Client {
            persona: Draws::new(&[byte]).pick(&personas).1,
            connected: false,
            named: false,
        });
        let password = options.config.password.is_some();
        let reads = tape.header()[at::STORE] != 0;
        Self { clients: clients.collect(), password, reads, strangers: options.strangers, nicks, rooms }
    }

    /// What `client` does in this record.
    pub(super) fn act(&mut self, client: usize, record: usize, draws: &mut Draws<'_>) -> Script {
        let password = self.password;
        let reads = self.reads;
        let mut voice =
            Voice { client, password, reads, nicks: self.nicks, rooms: self.rooms, record, said: 0 };
        let mut script = Script::default();
        if self.arrives(client, &mut script, &voice, draws) {
            let persona = self.clients[client].persona;
            match draws.weighted(&[30, 9, 1]) {
                0 => script.perform(persona, &mut voice, draws),
                1 => script.perform(Persona::Chatty, &mut voice, draws),
                _ => script.leave(&mut voice, draws),
            }
        }
        for (_, act) in &script.acts {
            self.clients[client].note(act);
        }
        script
    }

    /// What everybody does in a storm, each act so much later than the storm begins.
    pub(super) fn storm(&mut self, storm: Storm, draws: &mut Draws<'_>) -> Vec<(Duration, usize, Act)> {
        match storm {
            Storm::Strangers => {
                let strangers = self.clients.len()..self.clients.len() + self.strangers;
                strangers.flat_map(|stranger| visit(stranger, self.password, draws)).collect()
            }
            Storm::Reconnect => {
                let clients = 0..self.clients.len();
                clients.flat_map(|client| self.come_again(client, draws)).collect()
            }
        }
    }

    /// Is cut off, and back under its name at once: its old connection may still be there.
    fn come_again(&mut self, client: usize, draws: &mut Draws<'_>) -> [(Duration, usize, Act); 3] {
        let password = if self.password { format!("{PASSWORD}\n") } else { String::new() };
        let nick = format!("{password}{}\n", NICKS[client % self.nicks]).into_bytes();
        let back = draws.millis_below(60);
        let acts = [(Duration::ZERO, Act::Reset), (back, Act::Connect), (back, Act::Send(nick))];
        acts.map(|(later, act)| {
            self.clients[client].note(&act);
            (later, client, act)
        })
    }

    /// Connects and registers first, if that is still to be done; tells whether more follows at once.
    fn arrives(&self, client: usize, script: &mut Script, voice: &Voice, draws: &mut Draws<'_>) -> bool {
        let Client { connected, named, .. } = self.clients[client];
        // The server may have ended the connection; if not, this does little.
        let lost = draws.one_in(16);
        if connected && named && !lost {
            return true;
        }
        if !connected || lost {
            script.act(Act::Connect);
            match draws.weighted(&[8, 2, 1, 1]) {
                0 => {}
                1 => return false,
                // Behind the greeting.
                2 => script.delay += draws.millis_below(400),
                _ => return true,
            }
        }
        if !draws.one_in(10) {
            let (first, second) = (voice.password(draws).into_bytes(), voice.registration(draws));
            // At once, or one by one.
            if first.is_empty() || draws.one_in(2) {
                script.act(Act::Send([first, second].concat()));
            } else {
                script.act(Act::Send(first));
                script.act(Act::Send(second));
            }
        }
        !draws.one_in(4)
    }
}

/// What a stranger does: connects, says something or not, and goes.
fn visit(stranger: usize, password: bool, draws: &mut Draws<'_>) -> Vec<(Duration, usize, Act)> {
    let password = if password { format!("{PASSWORD}\n") } else { String::new() };
    let stay = draws.millis_below(400);
    let (word, end) = match draws.below(5) {
        0 => (None, Act::Reset),
        1 => (Some(format!("{password}guest{stranger}\n")), Act::Finish),
        2 => (Some(format!("{password}guest{stranger}\nhello\n/quit\n")), Act::Finish),
        3 => (Some("unfinished".to_owned()), Act::Reset),
        _ => (None, Act::Finish),
    };
    let word = word.map(|word| (Duration::ZERO, stranger, Act::Send(word.into_bytes())));
    let (first, last) = ((Duration::ZERO, stranger, Act::Connect), (stay, stranger, end));
    [Some(first), word, Some(last)].into_iter().flatten().collect()
}

impl Client {
    fn note(&mut self, act: &Act) {
        match act {
            Act::Connect if !self.connected => (self.connected, self.named) = (true, false),
            Act::Finish | Act::Reset => (self.connected, self.named) = (false, false),
            Act::Send(bytes) if bytes.starts_with(b"/quit") || bytes.starts_with(b"/QUIT") => {
                (self.connected, self.named) = (false, false);
            }
            Act::Send(bytes) => self.named |= self.connected && bytes.contains(&b'\n'),
            Act::Connect | Act::Read(_) => {}
        }
    }
}

impl fmt::Display for Society {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} nicknames and {} rooms among", self.nicks, self.rooms)?;
        for (index, client) in self.clients.iter().enumerate() {
            write!(f, "{} c{index} {:?}", if index == 0 { "" } else { "," }, client.persona)?;
        }
        Ok(())
    }
}
