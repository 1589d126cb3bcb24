//! What may reach a terminal: lines of the documented forms, and nothing in them that a terminal obeys.

/// The longest nickname, and the longest room name with its `#`, in characters.
const MAX_NICK: usize = 30;
const MAX_ROOM: usize = 50;

/// The first line of what a browser is told.
const HTTP: &str = "HTTP/1.1 400 Bad Request\r";

/// The screen of one connection. It keeps only an unfinished line.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    line: Vec<u8>,
    /// Bytes that are still to come of an answer of telnet's: three each, and each in front of a line. No UTF-8 has the
    /// first of them in it.
    telnet: usize,
    /// It is told what browsers are told: that is the last thing, and HTTP has a form of its own.
    http: bool,
}

impl Terminal {
    /// Bytes arrive; every line that they complete is checked.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let text: Vec<u8> = bytes.iter().copied().filter(|&byte| self.is_text(byte)).collect();
        self.take_text(&text);
    }

    fn is_text(&mut self, byte: u8) -> bool {
        if self.telnet == 0 && byte == 0xff {
            self.telnet = 3;
        }
        let is_text = self.telnet == 0;
        self.telnet = self.telnet.saturating_sub(1);
        is_text
    }

    fn take_text(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(part);
            if let Some(line) = self.line.strip_suffix(b"\n") {
                let line = str::from_utf8(line).expect("only UTF-8 is written");
                self.http |= line == HTTP;
                check_line(line, self.http);
                self.line.clear();
            }
        }
    }

    /// Whether no line is unfinished, nor an answer of telnet's.
    pub(crate) fn is_at_line_start(&self) -> bool {
        self.line.is_empty() && self.telnet == 0
    }

    /// Whether it was told what browsers are told.
    pub(crate) fn is_http(&self) -> bool {
        self.http
    }
}

fn check_line(line: &str, http: bool) {
    let text = if http { line.strip_suffix('\r').unwrap_or(line) } else { line };
    assert!(!text.contains(is_obeyed), "{line:?} controls terminals");
    assert!(http || is_documented(line), "{line:?} has a form of its own");
    assert!(!line.split(|c: char| !is_blank(c)).any(|run| columns(run) > 8), "{line:?} fills rows");
}

/// Blanks of every kind: what is white, what is ignored, what is drawn as nothing.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{2800}' | '\u{3164}' | '\u{feff}')
}

fn columns(blanks: &str) -> usize {
    blanks.chars().fold(0, |at, c| match c {
        '\t' => at / 8 * 8 + 8,
        '\u{3000}' => at + 2,
        _ => at + 1,
    })
}

/// Control characters but TAB, separators of lines and paragraphs, and what overrides the direction of text.
fn is_obeyed(c: char) -> bool {
    let overrides = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    overrides || c.is_control() && c != '\t'
}

fn is_documented(line: &str) -> bool {
    line.starts_with("* ") || line.starts_with("! ") || stampless(line).is_some_and(is_stamped_form)
}

/// What stands behind `[HH:MM:SS] `.
fn stampless(line: &str) -> Option<&str> {
    let (stamp, text) = line.strip_prefix('[')?.split_once("] ")?;
    let two = |part: &str, below: u8| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse().is_ok_and(|number: u8| number < below)
    };
    let parts: Vec<_> = stamp.split(':').collect();
    matches!(parts[..], [h, m, s] if two(h, 24) && two(m, 60) && two(s, 60)).then_some(text)
}

fn is_stamped_form(text: &str) -> bool {
    if let Some((nick, _)) = text.strip_prefix('<').and_then(|rest| rest.split_once(" -> you> ")) {
        return is_nick(nick);
    }
    let Some((_, event)) = text.split_once(' ').filter(|(room, _)| is_room(room)) else { return false };
    if let Some(said) = event.strip_prefix('<') {
        return said.split_once("> ").is_some_and(|(nick, _)| is_nick(nick));
    }
    if let Some(acted) = event.strip_prefix("* ") {
        return acted.split_once(' ').is_some_and(|(nick, _)| is_nick(nick));
    }
    event.strip_prefix("-- ").is_some_and(is_happening)
}

/// What stands behind `-- `.
fn is_happening(text: &str) -> bool {
    if matches!(text, "the room is now quiet" | "the room is no longer quiet") {
        return true;
    }
    let Some((_, what)) = text.split_once(' ').filter(|(nick, _)| is_nick(nick)) else { return false };
    what == "joined"
        || what.starts_with("set the topic: ")
        || what.starts_with("left (") && what.ends_with(')')
        || what.strip_prefix("is now known as ").is_some_and(is_nick)
}

fn is_room(name: &str) -> bool {
    name.strip_prefix('#').is_some_and(|body| is_name(body, MAX_ROOM - 1))
}

fn is_nick(name: &str) -> bool {
    is_name(name, MAX_NICK)
}

/// Whether it is short enough, and nothing in it could be taken for what stands around a name.
fn is_name(name: &str, max: usize) -> bool {
    let good = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_[]{}|^\\`".contains(c);
    (1..=max).contains(&name.chars().count()) && name.chars().all(|c| good(c) && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_forms() {
        for line in [
            "* welcome",
            "! no",
            "[23:59:59] #room <nick> text",
            "[00:00:00] #room * nick text",
            "[00:00:00] #room -- nick joined",
            "[00:00:00] #room -- nick left (reason (so) long)",
            "[00:00:00] #room -- old is now known as new",
            "[00:00:00] #room -- nick set the topic: #x <y> z",
            "[00:00:00] #room -- the room is now quiet",
            "[00:00:00] <nick -> you> text",
        ] {
            assert!(is_documented(line), "{line}");
        }
        for line in [
            "",
            "*",
            "text",
            "[24:00:00] #room <nick> text",
            "[1:00:00] #room <nick> text",
            "[00:00:00] room <nick> text",
            "[00:00:00] #room <n ick> text",
            "[00:00:00] #room -- nick shouts",
            "[00:00:00] <nick> text",
            "[00:00:00] nick text",
        ] {
            assert!(!is_documented(line), "{line}");
        }
    }

    #[test]
    fn answers_of_telnet_are_no_text() {
        let mut terminal = Terminal::default();
        terminal.take(b"\xff\xfc");
        assert!(!terminal.is_at_line_start());
        terminal.take(b"\n\xff\xfb\x06* yes\n");
        assert!(terminal.is_at_line_start());
    }

    #[test]
    #[should_panic(expected = "controls terminals")]
    fn an_escape_sequence_is_obeyed() {
        Terminal::default().take(b"* \x1b[2J\n");
    }

    #[test]
    fn a_browser_is_told_in_its_own_form() {
        let mut terminal = Terminal::default();
        terminal.take(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno");
        assert!(terminal.is_http() && !terminal.is_at_line_start());
    }
}
