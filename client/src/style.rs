//! Colours: a stable one for each nickname, and others for what the server says.

use std::env;

use crate::line::{Line, What, is_same, runs};

/// What the user reads in passing: stamps, rooms, joins and leaves.
const ASIDE: &str = "2";
const NOTICE: &str = "36";
const ERROR: &str = "31";
const PRIVATE: &str = "35";
const MENTION: &str = "1;7";

/// Colours of the 256-colour table that can be read on black and on white,
/// without the red, cyan and magenta that have a meaning above.
const NICKNAMES: [u8; 13] = [27, 28, 33, 64, 67, 94, 98, 130, 136, 142, 166, 169, 172];

/// Paints received lines, or leaves them as they are when colours are not wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colours: bool,
}

impl Style {
    /// Colours unless `NO_COLOR` is set (<https://no-color.org>).
    pub(crate) fn from_env() -> Self {
        Self { colours: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    /// A received line, already safe, painted for someone called `own`.
    pub(crate) fn received(self, line: &str, own: Option<&str>) -> String {
        match Line::parse(line) {
            Line::Notice => self.paint(NOTICE, line),
            Line::Error => self.paint(ERROR, line),
            Line::Other => line.to_owned(),
            Line::Private { stamp, nick, text } => format!(
                "{} <{} {}> {}",
                self.paint(ASIDE, stamp),
                self.nick(nick),
                self.paint(PRIVATE, "-> you"),
                self.text(text, own)
            ),
            Line::Room { stamp, room, what } => {
                let place = self.paint(ASIDE, &format!("{stamp} {room}"));
                match what {
                    What::Event(event) => format!("{place} {}", self.paint(ASIDE, event)),
                    What::Said(nick, text) => {
                        format!("{place} <{}> {}", self.nick(nick), self.text(text, own))
                    }
                    What::Action(nick, text) => {
                        format!("{place} * {} {}", self.nick(nick), self.text(text, own))
                    }
                }
            }
        }
    }

    /// Something that is there only to be overlooked.
    pub(crate) fn aside(self, text: &str) -> String {
        self.paint(ASIDE, text)
    }

    fn nick(self, nick: &str) -> String {
        self.paint(&format!("38;5;{}", nick_colour(nick)), nick)
    }

    /// What someone said, with every mention of the reader standing out.
    fn text(self, text: &str, own: Option<&str>) -> String {
        let Some(own) = own else { return text.to_owned() };
        runs(text)
            .map(|run| if is_same(run, own) { self.paint(MENTION, run) } else { run.to_owned() })
            .collect()
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The same colour for a nickname on every machine and in every session: FNV-1a, which is
/// fixed for ever, unlike the standard library's hash.
fn nick_colour(nick: &str) -> u8 {
    let hash = nick
        .to_lowercase()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    NICKNAMES[hash as usize % NICKNAMES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURED: Style = Style { colours: true };
    const PLAIN: Style = Style { colours: false };

    const LINES: [&str; 7] = [
        "* welcome, ann",
        "! no such room",
        "[12:34:56] #rust <bob> ann: hi, Ann!",
        "[12:34:56] #rust * bob waves at ann",
        "[12:34:56] #rust -- bob joined",
        "[12:34:56] <bob -> you> psst, ann",
        "something else",
    ];

    /// What is left when the colour codes are taken out again.
    fn visible(painted: &str) -> String {
        let mut parts = painted.split("\x1b[");
        let first = parts.next().unwrap_or_default();
        let rest = parts.map(|part| part.split_once('m').expect("a colour code ends with m").1);
        std::iter::once(first).chain(rest).collect()
    }

    #[test]
    fn colours_change_no_text() {
        for line in LINES {
            assert_eq!(visible(&COLOURED.received(line, Some("ann"))), line);
            assert_eq!(PLAIN.received(line, Some("ann")), line);
        }
    }

    #[test]
    fn each_kind_looks_different() {
        assert_eq!(COLOURED.received("* hi", None), "\x1b[36m* hi\x1b[0m");
        assert_eq!(COLOURED.received("! no", None), "\x1b[31m! no\x1b[0m");
        assert_eq!(
            COLOURED.received("[12:34:56] #rust -- bob joined", None),
            "\x1b[2m[12:34:56] #rust\x1b[0m \x1b[2m-- bob joined\x1b[0m"
        );
    }

    #[test]
    fn a_mention_stands_out() {
        let painted = COLOURED.received(LINES[2], Some("ann"));
        assert!(painted.ends_with(" \x1b[1;7mann\x1b[0m: hi, \x1b[1;7mAnn\x1b[0m!"), "{painted:?}");
        assert!(!COLOURED.received(LINES[2], Some("an")).contains(MENTION));
    }

    #[test]
    fn a_nickname_keeps_its_colour() {
        // Pinned: a change of the function would repaint everyone.
        assert_eq!(["ann", "bob", "zoë"].map(nick_colour), [33, 28, 27]);
        assert_eq!(nick_colour("Ann"), nick_colour("ann"));
    }

    #[test]
    fn every_colour_is_used() {
        let mut used: Vec<u8> = (0..200).map(|n| nick_colour(&format!("user{n}"))).collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used, NICKNAMES);
    }
}
