//! What kinds of clients there are, and what each is given to.

use std::time::Duration;

use super::lines::{self, Voice};
use super::names::POOL;
use super::{Act, Appetite};
use crate::tape::Draws;

/// What a client is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persona {
    /// Talks, a line at a time.
    Chatty,
    /// Sends many lines at once.
    Bursty,
    /// Hardly says a thing.
    Lurker,
    /// Joins and leaves.
    Churner,
    /// Wants others' names, and such as look like them.
    Thief,
    /// Changes its name.
    Renamer,
    /// Says what it has to say, and is gone.
    Hasty,
    /// Sends hundreds of lines at once.
    Flooder,
    /// Sends a few bytes at a time.
    Slowloris,
    /// Sends lines at the limit of their length, and far beyond.
    Overlong,
    /// Sends what is no UTF-8, and cuts characters in two.
    Garbler,
    /// Is a telnet client, or a terminal that sends each key.
    Terminal,
    /// Reads slowly, or not at all.
    Sluggard,
    /// Talks in private.
    Whisperer,
    /// Sets topics, long ones too.
    Herald,
    /// Asks for all that has long answers.
    Asker,
    /// Gets every command wrong.
    Confused,
}

impl Persona {
    /// All of them; the first is the simplest.
    pub(super) const ALL: [Self; 17] = [
        Self::Chatty,
        Self::Bursty,
        Self::Lurker,
        Self::Churner,
        Self::Thief,
        Self::Renamer,
        Self::Hasty,
        Self::Flooder,
        Self::Slowloris,
        Self::Overlong,
        Self::Garbler,
        Self::Terminal,
        Self::Sluggard,
        Self::Whisperer,
        Self::Herald,
        Self::Asker,
        Self::Confused,
    ];
}

/// What a client does in one record, each act so much later than the record's time.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) acts: Vec<(Duration, Act)>,
    /// When the next act is.
    pub(super) delay: Duration,
}

impl Script {
    pub(super) fn act(&mut self, act: Act) {
        self.acts.push((self.delay, act));
    }

    fn send(&mut self, bytes: impl Into<Vec<u8>>) {
        self.act(Act::Send(bytes.into()));
    }

    fn line(&mut self, line: String) {
        self.send(line + "\n");
    }

    /// Goes, politely or not.
    pub(super) fn leave(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        match draws.below(4) {
            0 => self.line(format!("/quit {}", voice.text(draws))),
            1 => self.act(Act::Finish),
            2 => self.act(Act::Reset),
            _ => self.send("/QUIT\nnot any more\n"),
        }
    }

    /// Does what is typical for `persona`.
    pub(super) fn perform(&mut self, persona: Persona, voice: &mut Voice, draws: &mut Draws<'_>) {
        match persona {
            Persona::Chatty => self.line(voice.talk(draws)),
            Persona::Bursty => self.paste(2 + draws.below(40), voice, draws),
            Persona::Lurker => self.lurk(voice, draws),
            Persona::Churner => self.churn(voice, draws),
            Persona::Thief => self.steal(voice, draws),
            Persona::Renamer => self.rename(voice, draws),
            Persona::Hasty => self.hurry(voice, draws),
            Persona::Flooder => self.flood(voice, draws),
            Persona::Slowloris => self.dribble(voice, draws),
            Persona::Overlong => self.ramble(voice, draws),
            Persona::Garbler => self.garble(voice, draws),
            Persona::Terminal if draws.one_in(12) => self.send(lines::open_subnegotiation(voice, draws)),
            Persona::Terminal if draws.one_in(3) => self.type_keys(voice, draws),
            Persona::Terminal => self.send(lines::terminal(voice, draws)),
            Persona::Sluggard => self.dawdle(voice, draws),
            Persona::Whisperer => self.line(format!("/msg {} {}", voice.nick(draws), voice.text(draws))),
            Persona::Herald => self.proclaim(voice, draws),
            Persona::Asker => self.ask(voice, draws),
            Persona::Confused => self.line(lines::nonsense(draws)),
        }
    }

    fn paste(&mut self, count: usize, voice: &mut Voice, draws: &mut Draws<'_>) {
        let lines: Vec<_> = (0..count).map(|_| voice.talk(draws) + "\n").collect();
        self.send(lines.concat());
    }

    fn lurk(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        match draws.weighted(&[6, 2, 2]) {
            0 => {}
            1 => self.line(format!("/join {}", voice.room(draws))),
            _ => self.line(String::new()),
        }
    }

    fn churn(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        let room = voice.room(draws);
        match draws.weighted(&[4, 3, 3, 1]) {
            0 => self.line(format!("/join {room}\n{}\n/part {room}", voice.text(draws))),
            1 => self.line(format!("/join {room}")),
            2 => self.line(voice.part(draws)),
            _ => self.leave(voice, draws),
        }
    }

    fn steal(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        match draws.weighted(&[5, 2, 2]) {
            0 => self.line(format!("/nick {}", voice.nick(draws))),
            1 => self.line(format!("/nick {}", draws.pick(&POOL))),
            // Comes back under the name while its old connection may still be there.
            _ => {
                self.act(Act::Reset);
                self.delay += draws.millis_below(100);
                self.act(Act::Connect);
                self.send(format!(" {}\n", voice.nick(draws)));
            }
        }
    }

    fn rename(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        let own = voice.own_nick();
        let name = match draws.below(4) {
            0 => format!("{own}{}", draws.below(9)),
            1 => own.to_owned(),
            2 => own.to_ascii_uppercase(),
            _ => (*draws.pick(&POOL)).to_owned(),
        };
        self.line(format!("/nick {name}"));
    }

    fn hurry(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        self.paste(1 + draws.below(30), voice, draws);
        if draws.one_in(3) {
            self.send(voice.long_text(30));
        }
        self.act(if draws.one_in(3) { Act::Reset } else { Act::Finish });
    }

    fn flood(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        let count = 20 + draws.below(300);
        let bytes = draws.below(60);
        let lines: Vec<_> = (0..count).map(|_| voice.long_text(bytes) + "\n").collect();
        self.send(lines.concat());
    }

    fn dribble(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        match draws.weighted(&[4, 2, 2]) {
            0 => self.send(*draws.pick(&["x", "/", "/n", "ick ", "an", "/msg b", " ", "#"])),
            1 => self.send("\n"),
            _ => {
                for byte in (voice.long_text(12) + "\n").bytes() {
                    self.send([byte]);
                    self.delay += draws.millis_below(200);
                }
            }
        }
    }

    fn ramble(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        let bytes = *draws.pick(&[4_096, 4_097, 4_095, 3_000, 5_000, 20_000, 100_000]);
        let mut text = voice.long_text(bytes).into_bytes();
        match draws.below(4) {
            0 => text.push(b'\n'),
            1 => text.extend_from_slice(b"\r\n"),
            2 => text.extend_from_slice(b"\r\0"),
            _ => {}
        }
        self.send(text);
    }

    fn garble(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        if draws.one_in(2) {
            return self.send(lines::garbage(voice, draws));
        }
        // Always this character, always cut here: whatever its halves meet, no letter comes of it.
        let (head, tail) = "👋".as_bytes().split_at(2);
        self.send([voice.text(draws).as_bytes(), b" ", head].concat());
        self.delay += draws.millis_below(50);
        self.send([tail, b" end\n"].concat());
    }

    fn type_keys(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        let keys = lines::typed(voice, draws);
        if draws.one_in(2) {
            return self.send(keys);
        }
        for key in keys {
            self.send([key]);
            self.delay += draws.millis_below(10);
        }
    }

    fn dawdle(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        match draws.below(5) {
            0 => self.act(Act::Read(Appetite::None)),
            1 => self.act(Act::Read(Appetite::Trickle(*draws.pick(&[1, 10, 100, 2_000])))),
            2 => self.act(Act::Read(Appetite::Eager)),
            // Owes more and more.
            3 => self.line(["/history 1000\n/rooms"; 8].join("\n")),
            _ => self.line(voice.talk(draws)),
        }
    }

    fn proclaim(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        let room = voice.room(draws);
        let topic = match draws.below(3) {
            0 => voice.text(draws),
            1 => voice.long_text(500),
            _ => voice.long_text(1_000 + draws.below(3_000)),
        };
        self.line(format!("/join {room}\n/topic {topic}"));
    }

    fn ask(&mut self, voice: &mut Voice, draws: &mut Draws<'_>) {
        let count = if draws.one_in(3) { 10 } else { 1 };
        let questions: Vec<_> = (0..count).map(|_| voice.question(draws) + "\n").collect();
        self.send(questions.concat());
        if draws.one_in(2) {
            // Waits behind the answer.
            self.line(voice.talk(draws));
        }
    }
}
