//! Where lines end.

/// The longest line, in bytes, without its end and without telnet negotiation.
const MAX_LINE: usize = 4_096;

const IAC: u8 = 255;
const SB: u8 = 250;
const SE: u8 = 240;

/// A line, taken out of what was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes.
    Text(Vec<u8>),
    /// Too many of them.
    TooLong,
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

/// The first whole line of `input`; none, if there is no end of a line in it.
pub(super) fn first_line(input: &[u8]) -> Option<Found> {
    let mut reader = Reader { input, at: 0, ..Reader::default() };
    while let Some(byte) = reader.next_text() {
        if byte == b'\n' {
            return Some(reader.found());
        }
        if byte == b'\r' {
            // LF or NUL behind it makes it an end; nothing yet, and it is too early to say.
            let mut ahead = reader.clone();
            match ahead.next_text() {
                None => return None,
                Some(b'\n' | 0) => return Some(ahead.found()),
                Some(_) => {}
            }
        }
        reader.keep(byte);
    }
    None
}

/// What the end of input leaves: all of it is one line, if there is anything in it.
pub(super) fn last_line(input: &[u8]) -> Option<Line> {
    let mut reader = Reader { input, at: 0, ..Reader::default() };
    while let Some(byte) = reader.next_text() {
        reader.keep(byte);
    }
    match reader.found().line {
        Line::Text(text) if text.is_empty() => None,
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
    /// Bytes of an unfinished subnegotiation.
    negotiated: usize,
    telnet: bool,
}

impl Reader<'_> {
    fn found(self) -> Found {
        let line = if self.too_long { Line::TooLong } else { Line::Text(self.text) };
        Found { line, length: self.at, telnet: self.telnet }
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
            match self.next_byte()? {
                IAC => return Some(IAC),
                SB => self.subnegotiation()?,
                251..=254 => {
                    self.next_byte()?;
                }
                _ => {}
            }
            self.telnet = true;
        }
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
                return Some(());
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
        first_line(input).map(|found| match found.line {
            Line::Text(text) => (text, found.length),
            Line::TooLong => panic!("{input:?} is not too long"),
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
        assert_eq!(last_line(b"ann\r"), Some(Line::Text(b"ann\r".to_vec())));
        assert_eq!(last_line(b"\xff\xfb\x01"), None);
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
    fn too_long() {
        let exact = [&[b'x'; MAX_LINE][..], b"\n"].concat();
        assert_eq!(text(&exact).unwrap().1, MAX_LINE + 1);
        let long = [&[b'x'; MAX_LINE + 1][..], b"\nann\n"].concat();
        assert_eq!(first_line(&long).unwrap().line, Line::TooLong);
        assert_eq!(first_line(&long).unwrap().length, MAX_LINE + 2);
    }
}
