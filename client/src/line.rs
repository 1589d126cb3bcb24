//! What a received line is: the plain dialect, read back.

use unicode_width::UnicodeWidthChar;

/// A line from the server, in parts that give the line again when written one after the other
/// with the separators of the dialect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// `* …`: the server speaks to us alone.
    Notice,
    /// `! …`: something was wrong.
    Error,
    /// `[HH:MM:SS] #room …`: something happened in a room.
    Room {
        /// The time with its brackets.
        stamp: &'a str,
        /// The room with its `#`.
        room: &'a str,
        /// What happened.
        what: What<'a>,
    },
    /// `[HH:MM:SS] <nick -> you> text`.
    Private {
        /// The time with its brackets.
        stamp: &'a str,
        /// Who wrote.
        nick: &'a str,
        /// What was written.
        text: &'a str,
    },
    /// None of these; shown as it is.
    Other,
}

/// What happened in a room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What<'a> {
    /// `<nick> text`
    Said(&'a str, &'a str),
    /// `* nick text`
    Action(&'a str, &'a str),
    /// `-- text`, given here with its `--`
    Event(&'a str),
}

impl<'a> Line<'a> {
    /// Tells what a line is by its start.
    pub(crate) fn parse(line: &'a str) -> Self {
        if line.starts_with("* ") {
            return Self::Notice;
        }
        if line.starts_with("! ") {
            return Self::Error;
        }
        Self::stamped(line).unwrap_or(Self::Other)
    }

    fn stamped(line: &'a str) -> Option<Self> {
        let (stamp, rest) = line.split_once(' ').filter(|(stamp, _)| is_stamp(stamp))?;
        if let Some(private) = rest.strip_prefix('<') {
            let (nick, text) = private.split_once(" -> you> ")?;
            return is_name(nick).then_some(Self::Private { stamp, nick, text });
        }
        let (room, rest) = rest.split_once(' ').filter(|(room, _)| room.starts_with('#'))?;
        Some(Self::Room { stamp, room, what: What::parse(rest)? })
    }
}

impl<'a> What<'a> {
    fn parse(rest: &'a str) -> Option<Self> {
        if rest.starts_with("-- ") {
            return Some(Self::Event(rest));
        }
        if let Some(action) = rest.strip_prefix("* ") {
            let (nick, text) = action.split_once(' ')?;
            return is_name(nick).then_some(Self::Action(nick, text));
        }
        let (nick, text) = rest.strip_prefix('<')?.split_once("> ")?;
        is_name(nick).then_some(Self::Said(nick, text))
    }
}

/// Whether a line is the server's answer that gives us this nickname, or takes us into this room. Other `* ` lines, such as
/// a message of the day, may name them as well.
pub(crate) fn confirms(line: &str, name: &str) -> bool {
    let answers = ["* welcome, ", "* you are now known as ", "* you are in "];
    let mut answered = answers.iter().filter_map(|start| runs(line.strip_prefix(start)?).next());
    answered.any(|run| is_same(run, name))
}

/// Whether two names are one, as far as a client can tell without the server's tables.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// The text cut into runs of characters that names can have and runs of others, in turn.
pub(crate) fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let in_name = is_name_char(rest.chars().next()?);
        let end = rest.find(|c| is_name_char(c) != in_name).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', '<', '>'])
}

fn is_name_char(c: char) -> bool {
    // Marks, which many scripts write their letters with, are the characters without a width.
    c.is_alphanumeric() || "-_[]{}|^\\`#".contains(c) || c.width() == Some(0)
}

fn is_stamp(text: &str) -> bool {
    let shape = b"[00:00:00]";
    text.len() == shape.len()
        && text.bytes().zip(shape).all(|(c, s)| if *s == b'0' { c.is_ascii_digit() } else { c == *s })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(what: What<'_>) -> Line<'_> {
        Line::Room { stamp: "[12:34:56]", room: "#rust", what }
    }

    #[test]
    fn every_start_of_the_dialect() {
        for (line, meant) in [
            ("* welcome, ann", Line::Notice),
            ("! no such room", Line::Error),
            ("[12:34:56] #rust <ann> hi <bob> there", room(What::Said("ann", "hi <bob> there"))),
            ("[12:34:56] #rust * ann waves", room(What::Action("ann", "waves"))),
            ("[12:34:56] #rust -- ann joined", room(What::Event("-- ann joined"))),
            (
                "[12:34:56] <[a]_b -> you> psst",
                Line::Private { stamp: "[12:34:56]", nick: "[a]_b", text: "psst" },
            ),
            ("[12:34:56] #rust <zoë> ", room(What::Said("zoë", ""))),
        ] {
            assert_eq!(Line::parse(line), meant, "{line}");
        }
    }

    #[test]
    fn anything_else_is_left_alone() {
        for line in [
            "",
            "*",
            "!",
            "hello",
            "[12:34] #rust <ann> hi",
            "[12:34:56]",
            "[12:34:56] #rust",
            "[12:34:56] rust <ann> hi",
            "[12:34:56] #rust <ann hi",
            "[12:34:56] #rust <> hi",
            "[12:34:56] #rust <a b> hi",
            "[12:34:56] <ann> hi",
            "[12:34:5é] #rust <ann> hi",
        ] {
            assert_eq!(Line::parse(line), Line::Other, "{line}");
        }
    }

    #[test]
    fn only_the_servers_answers_confirm() {
        assert!(confirms("* you are in #rust (3 members); no topic yet", "#Rust"));
        assert!(confirms("* welcome, ann; /help shows what you can do here", "Ann"));
        assert!(confirms("* you are now known as ann", "ann"));
        for line in
            ["* welcome, anna; hi", "* welcome, [ann]; hi", "* you are in #rusty", "* welcome, #ann; hi"]
        {
            assert!(!confirms(line, "#rust") && !confirms(line, "ann"), "{line}");
        }
        for line in
            ["* meet in #rust", "* welcome to ann!", "* you are in #ops; #rust is next door", "! no #rust"]
        {
            assert!(!confirms(line, "#rust") && !confirms(line, "ann"), "{line}");
        }
    }
}
