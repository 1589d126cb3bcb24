//! Lines that clients send.
//!
//! Telnet commands are sent whole, and bytes that are no UTF-8 never complete one another to a letter.

use super::PASSWORD;
use super::names::{BAD, NICKS, POOL, ROOMS, imitation};
use crate::tape::Draws;

/// What may stand behind the part of a text that makes it unique.
const TAILS: [&str; 13] = [
    "",
    " hello",
    " and  two  spaces ",
    " grüße, 日本! 👋",
    " \ttabs\tand\u{7}bells",
    " \u{1b}[2J\u{1b}[31mred",
    " \u{202e}backwards\u{2066}\u{2028}",
    " https://example.org/?q=1#x",
    " #lobby <ann> not me",
    "                                                  [12:00:00] #lobby <ann> not me",
    "\t\t\t\t\t\t[12:00:00] #lobby <ann> nor\t here",
    "\u{3000}\u{2800}\u{200b}\u{3000} \u{2800}\u{200b}\u{a0}\u{3164}  \u{feff}[12:00:00] #lobby <ann> nor here",
    " עברית 👩‍👩‍👧 e\u{301}",
];

/// Runs begin just before the midnight between the first two of these days.
const TIMES: [&str; 12] = [
    "2001-09-09",
    "2001-09-10",
    "2001-09-09T00:00",
    "2001-09-08T23:59",
    "2001-9-9 0:1",
    "2001-09-09t00:05",
    "1999-12-31",
    "2030-01-01",
    "2001-02-30",
    "",
    "yesterday",
    "2001-09-09T24:00",
];

/// As much as may be searched for at once, or a little more.
fn long_search(draws: &mut Draws<'_>) -> String {
    match draws.below(4) {
        0 => "m ".repeat(17),
        1 => "c0\t".repeat(16),
        2 => "m".repeat(257),
        _ => "grüße".repeat(36) + &"m".repeat(4),
    }
}

const UNKNOWN: [&str; 12] = [
    "/",
    "/joined #tea",
    "/join",
    "/nick",
    "/msg",
    "/msg ann",
    "/me ",
    "/history -1",
    "/history x",
    "/topics",
    "/who ",
    "/part #nowhere",
];

const HELP: [&str; 6] = ["/help", "/help join", "/HELP nick", "/help /msg", "/help nothing", "/help "];

/// One client as it speaks in one record: what it says is unique, so that loss and reordering show.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub(super) client: usize,
    /// Whether a password is asked for.
    pub(super) password: bool,
    /// Whether they ask for what was said long ago.
    pub(super) reads: bool,
    /// How many nicknames and rooms are in use.
    pub(super) nicks: usize,
    pub(super) rooms: usize,
    pub(super) record: usize,
    /// Texts so far.
    pub(super) said: usize,
}

impl Voice {
    /// A text unlike any other of the run.
    pub(super) fn text(&mut self, draws: &mut Draws<'_>) -> String {
        let tail = if draws.one_in(3) { *draws.pick(&TAILS) } else { "" };
        self.unique() + tail
    }

    /// A text of about so many bytes.
    pub(super) fn long_text(&mut self, bytes: usize) -> String {
        let text = self.unique() + " ";
        let fill = "0123456789".chars().cycle().take(bytes.saturating_sub(text.len()));
        text.chars().chain(fill).collect()
    }

    /// The client's own nickname.
    pub(super) fn own_nick(&self) -> &'static str {
        NICKS[self.client % self.nicks]
    }

    /// Anybody's nickname, as somebody writes it.
    pub(super) fn nick(&self, draws: &mut Draws<'_>) -> String {
        let nick = NICKS[draws.below(self.nicks)];
        match draws.weighted(&[8, 1, 2, 1, 3, 1]) {
            0 => nick.to_owned(),
            1 => nick.to_ascii_uppercase(),
            2 => (*draws.pick(&POOL)).to_owned(),
            4 => imitation(nick, draws),
            5 => (*draws.pick(&["you", "Server", "nlckserv"])).to_owned(),
            _ => (*draws.pick(&BAD)).to_owned(),
        }
    }

    /// A room, as somebody writes it.
    pub(super) fn room(&self, draws: &mut Draws<'_>) -> String {
        let room = ROOMS[draws.below(self.rooms.min(ROOMS.len()))];
        match draws.weighted(&[24, 2, 1, 1, if self.rooms > ROOMS.len() { 60 } else { 0 }, 2]) {
            0 => room.to_owned(),
            1 => room.to_ascii_uppercase(),
            2 => format!("#{}", draws.pick(&POOL)),
            3 => format!("#{}", draws.pick(&BAD)),
            5 => format!("#{}", imitation(&room[1..], draws)),
            _ => format!("#r{}", draws.below(self.rooms)),
        }
    }

    /// What somebody says who talks: mostly to the current room, sometimes elsewhere.
    pub(super) fn talk(&mut self, draws: &mut Draws<'_>) -> String {
        match draws.weighted(&[24, 3, 2, 2, 2, 3, 2, 1, 1, 1]) {
            0 => self.text(draws),
            1 => format!("/me {}", self.text(draws)),
            2 => format!("//{}", self.text(draws)),
            3 => format!("/msg {} {}", self.room(draws), self.text(draws)),
            4 => format!("/msg {} {}", self.nick(draws), self.text(draws)),
            5 => format!("/join {}", self.room(draws)),
            6 => self.part(draws),
            7 => String::new(),
            8 => format!("/topic {}", self.text(draws)),
            _ => self.question(draws),
        }
    }

    /// `/part` in its forms.
    pub(super) fn part(&mut self, draws: &mut Draws<'_>) -> String {
        match draws.below(5) {
            0 => "/part".to_owned(),
            1 => format!("/part {}", self.room(draws)),
            2 => format!("/leave {}", self.text(draws)),
            3 => format!("/PART {} {}", self.room(draws), self.text(draws)),
            _ => "/leave ".to_owned(),
        }
    }

    /// Something with an answer.
    pub(super) fn question(&mut self, draws: &mut Draws<'_>) -> String {
        if self.reads && draws.one_in(2) {
            return self.reading(draws);
        }
        match draws.below(9) {
            0 => "/who".to_owned(),
            1 => "/rooms".to_owned(),
            2 => "/history 1000".to_owned(),
            3 => format!("/history {}", draws.below(40)),
            4 => format!("/names {}", self.room(draws)),
            5 => "/LIST".to_owned(),
            6 => (*draws.pick(&HELP)).to_owned(),
            7 => "/history 99999999999999999999999".to_owned(),
            _ => "/topic".to_owned(),
        }
    }

    /// Asks for what was said long ago.
    fn reading(&self, draws: &mut Draws<'_>) -> String {
        match draws.below(8) {
            0 => format!("/history before {}", draws.pick(&TIMES)),
            1 => "/history 1000".to_owned(),
            2 => format!("/search {}", draws.pick(&["m", "hello", "c0 m", "grüße", "0123456789"])),
            3 => format!("/Search c{} ", draws.below(4)),
            4 => format!("/HISTORY Before {} ", draws.pick(&TIMES)),
            5 => format!("/search nothing of that {}", self.said),
            6 => format!("/search {}", long_search(draws)),
            _ => format!("/history {}", draws.below(60)),
        }
    }

    /// The line that registers.
    pub(super) fn registration(&self, draws: &mut Draws<'_>) -> Vec<u8> {
        let line = match draws.weighted(&[20, 4, 2, 3, 2, 1, 2]) {
            0 => format!("{}\n", self.own_nick()),
            6 => format!(" \u{8}{}日\u{8}\n", self.own_nick()),
            1 => format!("/nick {}\r\n", self.own_nick()),
            2 => format!("  {} \n", self.own_nick()),
            // The space keeps apart what may have come before.
            3 => format!(" {}\n", draws.pick(&POOL)),
            4 => format!(" {}\n", self.nick(draws)),
            _ => format!("/help\n\n /nick {}\n", self.own_nick()),
        };
        line.into_bytes()
    }

    /// What stands in front of that line, if it has to be a password: mostly it is.
    pub(super) fn password(&self, draws: &mut Draws<'_>) -> String {
        if !self.password {
            return String::new();
        }
        match draws.weighted(&[20, 4, 2, 1, 1, 2]) {
            0 => format!("{PASSWORD}\n"),
            5 => format!("no\u{15}{PASSWORD}é\u{7f}\n"),
            1 => format!("/Pass  {PASSWORD} \r\n"),
            2 => format!("/help\n{PASSWORD}\n"),
            3 => format!("{PASSWORD}!\n"),
            _ => String::new(),
        }
    }

    fn unique(&mut self) -> String {
        let text = format!("c{} m{}.{}", self.client, self.record, self.said);
        self.said += 1;
        text
    }
}

/// A line that no command knows, or that lacks a word, or that is no chat at all.
pub(super) fn nonsense(draws: &mut Draws<'_>) -> String {
    match draws.weighted(&[8, 2, 2]) {
        0 => (*draws.pick(&UNKNOWN)).to_owned(),
        1 => (*draws.pick(&["", " ", "\t"])).to_owned(),
        _ => (*draws.pick(&["GET / HTTP/1.1", "POST /x HTTP/1.0", "PRI * HTTP/2.0"])).to_owned(),
    }
}

/// Bytes that are not, or not all, text; with the end of their line.
pub(super) fn garbage(voice: &mut Voice, draws: &mut Draws<'_>) -> Vec<u8> {
    // A lead byte is always followed by what cannot continue it, so it never meets another's continuation.
    let bad = *draws.pick::<&[u8]>(&[
        b"\xfe",
        b"\xc3(",
        b"\xe2\x28\xa1",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf8\x88\x80\x80\x80",
        b"\0\x01\x02\x1b[2J",
    ]);
    let mut line = voice.text(draws).into_bytes();
    line.push(b' ');
    line.extend_from_slice(bad);
    if draws.one_in(4) {
        line.splice(0..0, bad.iter().copied());
    }
    line.extend_from_slice(b" end\n");
    line
}

/// A line as a telnet client or a terminal sends it: other ends, negotiation in the midst of it.
pub(super) fn terminal(voice: &mut Voice, draws: &mut Draws<'_>) -> Vec<u8> {
    let mut line = voice.talk(draws).into_bytes();
    let telnet = *draws.pick::<&[u8]>(&[
        b"",
        // Ctrl-C, and what is asked with it; whether anybody is there; an option.
        b"\xff\xf4\xff\xfd\x06",
        b"\xff\xfd\x06\xff\xf6\xff\xfd\x06",
        b"\xff\xf6",
        b"\xff\xfd\x01",
        b"\xff\xfb\x1f\xff\xfa\x1f\0\x50\0\x18\xff\xf0",
        b"\xff\xff",
        b"\xff\xf1",
        b"\xff\xfa\x18\0xterm\xff\xff\xff\xf0",
    ]);
    // In front of all, or behind all, but never within a character, nor within a name.
    let at = if draws.one_in(2) { line.len() } else { 0 };
    line.splice(at..at, telnet.iter().copied());
    let end = *draws.pick::<&[u8]>(&[b"\r\n", b"\r\0", b"\n", b"\r \n", b"\r\r\n"]);
    line.extend_from_slice(end);
    line
}

/// A line as somebody types it whose terminal sends each key: with slips, and what undoes them.
pub(super) fn typed(voice: &mut Voice, draws: &mut Draws<'_>) -> Vec<u8> {
    const ERASERS: [&[u8]; 3] = [b"\x08", b"\x7f", b"\xff\xf7"];
    const KILLERS: [&[u8]; 3] = [b"\x15", b"\xff\xf8", b"\xff\xf4"];
    /// Each is one character to whoever sees it.
    const SLIPS: [&str; 7] = ["x", "e\u{301}", "ü", "日", "👩\u{200d}👩\u{200d}👧", "🇩🇪", "\u{1}"];
    let line = voice.talk(draws).into_bytes();
    let mut keys = Vec::new();
    if draws.one_in(3) {
        keys.extend_from_slice(b"never mind");
        keys.extend_from_slice(draws.pick::<&[u8]>(&KILLERS));
    }
    let at = draws.below(line.len() + 1);
    // Between two that nothing can join.
    let at = (0..=at).rev().find(|&at| line[..at].is_ascii() && line[at..].first().is_none_or(u8::is_ascii));
    let (before, behind) = line.split_at(at.unwrap_or_default());
    keys.extend_from_slice(before);
    let slips: Vec<_> = (0..1 + draws.below(4)).map(|_| *draws.pick(&SLIPS)).collect();
    let eraser = *draws.pick::<&[u8]>(&ERASERS);
    for slip in &slips {
        // A joiner would be joined by what follows, a flag by another.
        keys.extend_from_slice(slip.as_bytes());
        keys.push(b'.');
    }
    keys.extend_from_slice(&eraser.repeat(2 * slips.len()));
    keys.extend_from_slice(behind);
    // Whom they imitate may be written in any script.
    if draws.one_in(4) && (line.is_ascii() || line[0] != b'/') {
        keys.extend_from_slice(&eraser.repeat(1 + draws.below(12)));
    }
    keys.extend_from_slice(draws.pick::<&[u8]>(&[b"\n", b"\r\n", b"\r\0"]));
    keys
}

/// A subnegotiation that this record does not end.
pub(super) fn open_subnegotiation(voice: &mut Voice, draws: &mut Draws<'_>) -> Vec<u8> {
    let mut bytes = voice.unique().into_bytes();
    bytes.extend_from_slice(b"\xff\xfa\x18");
    bytes.extend(std::iter::repeat_n(b'z', *draws.pick(&[10, 100, 5_000])));
    bytes
}
