//! Where lines end, and what telnet says in them.

/// The longest line, in bytes, without its end and without telnet negotiation.
const MAX_LINE: usize = 4_096;

const IAC: u8 = 255;
const SB: u8 = 250;
const SE: u8 = 240;

/// A key that erases a character, and one that erases the line: what stands in a line for telnet's commands.
pub(super) const BACKSPACE: u8 = 8;
pub(super) const CTRL_U: u8 = 21;

/// A line, taken out of what was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes.
    Text(Vec<u8>),
    /// Too many of them. It has no end yet.
    TooLong,
    /// The end of one that was found to be too long before.
    Skipped,
}

/// What was found at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) line: Line,
    /// How many bytes it took, its end included.
    pub(super) length: usize,
    /// Whether telnet commands stood in it.
    pub(super) telnet: bool,
}

/// What telnet wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Whether an option is in force, or may be: the answer.
    Option(Vec<u8>),
    /// Whether anybody is there.
    There,
}

/// The first whole line of `input`, or the beginning of it that is too long, if there is either; and all that telnet asks up
/// to there, each with the place behind it. With `skips`, it is known that this line is too long.
pub(super) fn first_line(input: &[u8], skips: bool) -> (Option<Found>, Vec<(usize, Ask)>) {
    let mut reader = Reader { input, skips, ..Reader::default() };
    loop {
        let byte = reader.next_text();
        if reader.stops() {
            return reader.found();
        }
        match byte {
            None => return (None, reader.asks),
            Some(b'\n') => return reader.found(),
            Some(b'\r') => {
                // LF or NUL behind it makes it an end; nothing yet, and it is too early to say.
                let mut ahead = reader.clone();
                let next = ahead.next_text();
                if ahead.stops() || matches!(next, Some(b'\n' | 0)) {
                    return ahead.found();
                }
                if next.is_none() {
                    return (None, ahead.asks);
                }
                reader.keep(b'\r');
                if reader.stops() {
                    (reader.at, reader.asks) = (ahead.at, ahead.asks);
                    return reader.found();
                }
            }
            Some(byte) => {
                reader.keep(byte);
                if reader.stops() {
                    return reader.found();
                }
            }
        }
    }
}

/// What the end of input leaves: all of it is one line, if there is anything in it, and its end was not known before to
/// be skipped.
pub(super) fn last_line(input: &[u8], skips: bool) -> Option<Line> {
    let mut reader = Reader { input, skips, ..Reader::default() };
    while let Some(byte) = reader.next_text() {
        reader.keep(byte);
    }
    match reader.line() {
        Line::Text(text) if text.is_empty() => None,
        Line::Skipped => None,
        line => Some(line),
    }
}

/// Reads text, and steps over telnet (RFC 854).
#[derive(Clone, Default)]
struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    text: Vec<u8>,
    too_long: bool,
    /// That is known, and no news.
    skips: bool,
    /// Bytes of an unfinished subnegotiation.
    negotiated: usize,
    telnet: bool,
    asks: Vec<(usize, Ask)>,
}

impl Reader<'_> {
    fn line(self) -> Line {
        match self.too_long {
            true if self.skips => Line::Skipped,
            true => Line::TooLong,
            false => Line::Text(self.text),
        }
    }

    fn found(mut self) -> (Option<Found>, Vec<(usize, Ask)>) {
        let (length, telnet, asks) = (self.at, self.telnet, std::mem::take(&mut self.asks));
        (Some(Found { line: self.line(), length, telnet }), asks)
    }

    /// Whether it has just been found out that the line is too long.
    fn stops(&self) -> bool {
        self.too_long && !self.skips
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.input.get(self.at).copied();
        self.at += 1;
        byte
    }

    /// The next byte that is not telnet's.
    fn next_text(&mut self) -> Option<u8> {
        loop {
            let byte = self.next_byte()?;
            if byte != IAC {
                return Some(byte);
            }
            let command = self.next_byte()?;
            if command == IAC {
                return Some(IAC);
            }
            self.telnet = true;
            match command {
                SB => self.subnegotiation()?,
                251..=254 => {
                    let option = self.next_byte()?;
                    self.answer(command, option);
                }
                // Are you there?
                246 => self.asks.push((self.at, Ask::There)),
                // Erase character; erase line, interrupt process.
                247 => return Some(BACKSPACE),
                248 | 244 => return Some(CTRL_U),
                _ => {}
            }
        }
    }

    /// WILL is answered with DONT, DO with WONT, but DO TIMING-MARK with WILL; DONT and WONT with nothing.
    fn answer(&mut self, verb: u8, option: u8) {
        let answer = match (verb, option) {
            (253, 6) => 251,
            (253, _) => 252,
            (251, _) => 254,
            _ => return,
        };
        self.asks.push((self.at, Ask::Option(vec![IAC, answer, option])));
    }

    /// Up to IAC SE, or until it is longer than a line may be.
    fn subnegotiation(&mut self) -> Option<()> {
        loop {
            let byte = self.next_byte()?;
            if byte == IAC && self.next_byte()? == SE {
                self.negotiated = 0;
                return Some(());
            }
            self.negotiated += 1;
            if self.text.len() + self.negotiated > MAX_LINE {
                self.negotiated = 0;
                self.overflow();
                return self.skips.then_some(());
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.too_long {
            return;
        }
        if self.text.len() == MAX_LINE {
            self.overflow();
        } else {
            self.text.push(byte);
        }
    }

    fn overflow(&mut self) {
        self.too_long = true;
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &[u8]) -> Option<(Vec<u8>, usize)> {
        first_line(input, false).0.map(|found| match found.line {
            Line::Text(text) => (text, found.length),
            Line::TooLong | Line::Skipped => panic!("{input:?} is not too long"),
        })
    }

    #[test]
    fn ends_of_lines() {
        assert_eq!(text(b"ann\nbob\n"), Some((b"ann".to_vec(), 4)));
        assert_eq!(text(b"ann\r\nbob\n"), Some((b"ann".to_vec(), 5)));
        assert_eq!(text(b"ann\r\0bob\n"), Some((b"ann".to_vec(), 5)));
        assert_eq!(text(b"a\rb\n"), Some((b"a\rb".to_vec(), 4)));
        assert_eq!(text(b"a\r\r\n"), Some((b"a\r".to_vec(), 4)));
        assert_eq!((text(b"ann"), text(b"ann\r")), (None, None));
        assert_eq!(last_line(b"ann\r", false), Some(Line::Text(b"ann\r".to_vec())));
        assert_eq!(last_line(b"\xff\xfb\x01", false), None);
    }

    #[test]
    fn telnet_is_stepped_over() {
        assert_eq!(
            text(b"a\xff\xfb\x01n\xff\xfa\x18\n\xff\xf0n\xff\xffx\n"),
            Some((b"ann\xffx".to_vec(), 16))
        );
        assert_eq!(text(b"a\r\xff\xf1\nb"), Some((b"a".to_vec(), 5)), "a CR waits for what follows");
    }

    #[test]
    fn telnet_asks_and_edits() {
        let mark = Ask::Option(vec![255, 251, 6]);
        assert_eq!(first_line(b"a\xff\xfd\x06", false).1, [(4, mark.clone())]);
        assert_eq!(first_line(b"a\r\xff\xfd\x06", false).1, [(5, mark)], "behind what may be an end");
        let (_, asks) = first_line(b"\xff\xf6\xff\xfb\x18\xff\xfe\x01\n", false);
        assert_eq!(asks, [(2, Ask::There), (5, Ask::Option(vec![255, 254, 24]))]);
        assert_eq!(text(b"ab\xff\xf7\xff\xf8\xff\xf4\n"), Some((b"ab\x08\x15\x15".to_vec(), 9)));
    }

    #[test]
    fn too_long() {
        let exact = [&[b'x'; MAX_LINE][..], b"\n"].concat();
        assert_eq!(text(&exact).unwrap().1, MAX_LINE + 1);
        let long = [&[b'x'; MAX_LINE + 1][..], b"\nann\n"].concat();
        let found = |skips| first_line(&long, skips).0.map(|found| (found.line, found.length)).unwrap();
        assert_eq!(found(false), (Line::TooLong, MAX_LINE + 1));
        assert_eq!(found(true), (Line::Skipped, MAX_LINE + 2));
        assert_eq!(last_line(&[b'x'; MAX_LINE + 1], true), None);
    }
}
