//! Bytes to lines: line ends, the length limit, telnet.
//!
//! Only an unfinished line is kept here, at most [`MAX_LINE`] bytes of it. What is cut off from the input does
//! not depend on how the network cut it up.
//!
//! Telnet's commands are taken out. Those that edit stand in the line as the keys that do the same; those that want an
//! answer get it: whoever asks for a timing mark (Ctrl-C of the usual clients) throws away all output until then.

use alloc::vec::Vec;
use core::mem;

use crate::keys;

/// The longest line, in bytes: counted after telnet removal and without its end, what was erased in it included.
pub(crate) const MAX_LINE: usize = 4_096;

const LF: u8 = b'\n';
const CR: u8 = b'\r';
const NUL: u8 = 0;

/// Telnet's command bytes (RFC 854, "TELNET command structure").
mod telnet {
    /// "Interpret as command": starts every telnet command; doubled it stands for itself.
    pub(super) const IAC: u8 = 255;
    pub(super) const DONT: u8 = 254;
    pub(super) const DO: u8 = 253;
    pub(super) const WONT: u8 = 252;
    pub(super) const WILL: u8 = 251;
    pub(super) const SB: u8 = 250;
    /// Erase line.
    pub(super) const EL: u8 = 248;
    /// Erase character.
    pub(super) const EC: u8 = 247;
    /// Are you there?
    pub(super) const AYT: u8 = 246;
    /// Interrupt process: Ctrl-C.
    pub(super) const IP: u8 = 244;
    pub(super) const SE: u8 = 240;
    /// The option that marks a place in the output (RFC 860).
    pub(super) const TIMING_MARK: u8 = 6;
}

/// One line of input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A whole line, without its end.
    Text(&'a [u8]),
    /// A line that is longer than [`MAX_LINE`]. Its rest is skipped, without another word.
    TooLong,
    /// No line, but a question amid one, which telnet has a command for: is anybody there?
    AreYouThere,
}

/// Where in telnet's grammar the input stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Telnet {
    #[default]
    Text,
    /// After IAC.
    Command,
    /// After IAC and this verb, WILL, WONT, DO or DONT: the option comes.
    Option(u8),
    /// Within a subnegotiation.
    Subnegotiation,
    /// After IAC within a subnegotiation.
    SubnegotiationCommand,
}

/// The framing state of one connection.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    /// The unfinished line.
    partial: Vec<u8>,
    /// Bytes that were taken of the unfinished line: all of them, whatever they are. None, and no state is pending.
    taken: usize,
    /// Bytes of the open subnegotiation; they count to the line's limit.
    negotiated: u16,
    telnet: Telnet,
    /// The byte before was a CR whose meaning the next one decides.
    carriage_return: bool,
    /// The line is too long, and was handed out as such: its rest is being skipped.
    skipping: bool,
    /// The line in `partial` was handed out and is to be forgotten.
    delivered: bool,
}

impl Framer {
    /// Takes bytes off the front of `input` up to the end of a line, and returns that line; none, when all of
    /// `input` was taken without completing one, or up to the end of one that was too long.
    ///
    /// What telnet wants to be told of it is added to `answers`, and comes before whatever the line does. That is
    /// never more than has been taken.
    pub(crate) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        answers: &mut Vec<u8>,
    ) -> Option<Line<'a>> {
        self.forget_delivered();
        if let Some(line) = self.take_whole_line(input) {
            return Some(Line::Text(line));
        }
        let length = input.len();
        loop {
            self.take_plain_text(input);
            let Some((&byte, rest)) = input.split_first() else {
                self.taken += length;
                return None;
            };
            *input = rest;
            match self.push(byte, answers) {
                Step::More => {}
                Step::Asked => {
                    self.taken += length - input.len();
                    return Some(Line::AreYouThere);
                }
                Step::TooLong => {
                    self.taken += length - input.len();
                    self.partial = Vec::new();
                    self.skipping = true;
                    return Some(Line::TooLong);
                }
                Step::End if mem::take(&mut self.skipping) => {
                    self.taken = 0;
                    return None;
                }
                Step::End => {
                    self.taken = 0;
                    self.delivered = true;
                    return Some(Line::Text(&self.partial));
                }
            }
        }
    }

    /// The line that the end of input leaves unfinished, if it has anything in it.
    pub(crate) fn finish(&mut self) -> Option<Line<'_>> {
        self.forget_delivered();
        self.taken = 0;
        if mem::take(&mut self.skipping) {
            return None;
        }
        if mem::take(&mut self.carriage_return) {
            if self.partial.len() >= MAX_LINE {
                return Some(Line::TooLong);
            }
            self.partial.push(CR);
        }
        self.delivered = true;
        (!self.partial.is_empty()).then_some(Line::Text(&self.partial))
    }

    /// Whether the next byte is the option of a telnet command, whatever it is.
    pub(crate) fn awaits_option(&self) -> bool {
        matches!(self.telnet, Telnet::Option(_))
    }

    /// Whether nothing of the input so far matters for what comes.
    pub(crate) fn is_idle(&self) -> bool {
        self.taken == 0
    }

    /// Whether what comes is the rest of a line that was too long.
    pub(crate) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Bytes that were taken of the unfinished line, telnet's and those that are skipped included.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Bytes of memory held for the unfinished line.
    pub(crate) fn retained(&self) -> usize {
        self.partial.capacity()
    }

    /// The common case without copying or stepping: nothing pending, and a line of plain text ahead.
    fn take_whole_line<'i>(&self, input: &mut &'i [u8]) -> Option<&'i [u8]> {
        if self.taken > 0 {
            return None;
        }
        let at = memchr::memchr3(LF, CR, telnet::IAC, input)?;
        let after = match (input[at], input.get(at + 1)) {
            (LF, _) => at + 1,
            (CR, Some(&(LF | NUL))) => at + 2,
            _ => return None,
        };
        if at > MAX_LINE {
            return None;
        }
        let line = &input[..at];
        *input = &input[after..];
        Some(line)
    }

    /// The next most common case: plain text that is a part of a line. It is copied as a whole, up to what has a
    /// meaning of its own, or to the limit.
    fn take_plain_text(&mut self, input: &mut &[u8]) {
        if !self.is_in_text() {
            return;
        }
        let plain = memchr::memchr3(LF, CR, telnet::IAC, input).unwrap_or(input.len());
        let room = MAX_LINE - self.partial.len();
        let (text, rest) = input.split_at(plain.min(room));
        self.make_room(text.len());
        self.partial.extend_from_slice(text);
        *input = rest;
    }

    /// Makes room for so many more bytes: twice as much as there was, so that slow senders do not have it copied each
    /// time, but no more than a line may have.
    fn make_room(&mut self, more: usize) {
        let (length, capacity) = (self.partial.len(), self.partial.capacity());
        if length + more > capacity {
            let room = (2 * capacity).clamp(length + more, MAX_LINE.max(length + more));
            self.partial.reserve_exact(room - length);
        }
    }

    /// Whether the next byte is one of a line that is kept, whatever came before it.
    fn is_in_text(&self) -> bool {
        !self.skipping && !self.carriage_return && self.telnet == Telnet::Text
    }

    fn forget_delivered(&mut self) {
        if mem::take(&mut self.delivered) {
            // Most connections are idle most of the time: give the memory back rather than keep it per connection.
            self.partial = Vec::new();
        }
    }

    fn push(&mut self, byte: u8, answers: &mut Vec<u8>) -> Step {
        match self.telnet {
            Telnet::Text if byte == telnet::IAC => {
                self.telnet = Telnet::Command;
                Step::More
            }
            Telnet::Text => self.push_text(byte),
            Telnet::Command => self.command(byte),
            Telnet::Option(verb) => {
                self.telnet = Telnet::Text;
                answers.extend(refusal(verb, byte).into_iter().flatten());
                Step::More
            }
            Telnet::Subnegotiation if byte == telnet::IAC => {
                self.telnet = Telnet::SubnegotiationCommand;
                Step::More
            }
            Telnet::Subnegotiation => self.count_negotiated(),
            Telnet::SubnegotiationCommand if byte == telnet::SE => {
                self.telnet = Telnet::Text;
                self.negotiated = 0;
                Step::More
            }
            Telnet::SubnegotiationCommand => {
                self.telnet = Telnet::Subnegotiation;
                self.count_negotiated()
            }
        }
    }

    /// The byte behind IAC.
    fn command(&mut self, byte: u8) -> Step {
        self.telnet = match byte {
            telnet::SB => Telnet::Subnegotiation,
            telnet::WILL..=telnet::DONT => Telnet::Option(byte),
            _ => Telnet::Text,
        };
        match byte {
            telnet::IAC => self.push_text(byte),
            telnet::EC => self.push_text(keys::ERASE),
            // Ctrl-C drops the line on every terminal.
            telnet::EL | telnet::IP => self.push_text(keys::KILL),
            telnet::AYT => Step::Asked,
            // There is no output to be aborted, nothing to be suspended, and nothing to be done about a break.
            _ => Step::More,
        }
    }

    /// An open subnegotiation must not swallow input for ever: over the limit it ends with its line.
    fn count_negotiated(&mut self) -> Step {
        self.negotiated += 1;
        if self.partial.len() + usize::from(self.negotiated) <= MAX_LINE {
            return Step::More;
        }
        self.telnet = Telnet::Text;
        self.negotiated = 0;
        if self.skipping { Step::More } else { Step::TooLong }
    }

    fn push_text(&mut self, byte: u8) -> Step {
        if mem::take(&mut self.carriage_return) {
            if byte == LF || byte == NUL {
                return Step::End;
            }
            // It was no line end: a control character like others.
            if let Step::TooLong = self.append(CR) {
                // The byte at hand belongs to what is skipped, but may itself begin or be an end.
                self.carriage_return = byte == CR;
                return Step::TooLong;
            }
        }
        match byte {
            LF => Step::End,
            CR => {
                self.carriage_return = true;
                Step::More
            }
            _ => self.append(byte),
        }
    }

    fn append(&mut self, byte: u8) -> Step {
        if self.skipping {
            return Step::More;
        }
        if self.partial.len() + usize::from(self.negotiated) >= MAX_LINE {
            return Step::TooLong;
        }
        self.make_room(1);
        self.partial.push(byte);
        Step::More
    }
}

/// What is answered to an option. We have none, so what is asked for is refused, and what is refused us needs no answer:
/// no peer that keeps to RFC 1143 is answered twice. But a timing mark is set: the answer is the mark.
fn refusal(verb: u8, option: u8) -> Option<[u8; 3]> {
    let answer = match verb {
        telnet::DO if option == telnet::TIMING_MARK => telnet::WILL,
        telnet::DO => telnet::WONT,
        telnet::WILL => telnet::DONT,
        _ => return None,
    };
    Some([telnet::IAC, answer, option])
}

/// What one byte did.
enum Step {
    More,
    Asked,
    TooLong,
    End,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    /// Every line of `input`, fed in pieces of `size` bytes.
    fn lines(input: &[u8], size: usize) -> Vec<String> {
        let mut framer = Framer::default();
        let mut lines = vec![];
        let text = |line: Line<'_>| match line {
            Line::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Line::TooLong => String::from("(too long)"),
            Line::AreYouThere => String::from("(are you there?)"),
        };
        for mut chunk in input.chunks(size) {
            while !chunk.is_empty() {
                let mut answers = vec![];
                let line = framer.next(&mut chunk, &mut answers).map(text);
                lines.extend((!answers.is_empty()).then(|| alloc::format!("{answers:?}")));
                lines.extend(line);
            }
        }
        lines.extend(framer.finish().map(text));
        lines
    }

    fn assert_lines(input: &[u8], expected: &[&str]) {
        for size in 1..=input.len().min(9) {
            assert_eq!(lines(input, size), expected, "in pieces of {size}");
        }
        assert_eq!(lines(input, input.len()), expected, "in one piece");
    }

    #[test]
    fn three_line_ends_and_none() {
        assert_lines(b"a\nb\r\nc\r\0d", &["a", "b", "c", "d"]);
    }

    #[test]
    fn another_carriage_return_is_text() {
        assert_lines(b"a\rb\r\r\n\rc\r", &["a\rb\r", "\rc\r"]);
    }

    #[test]
    fn telnet_negotiation_is_removed() {
        assert_lines(
            b"\xff\xfe\x01he\xff\xfc\x1fl\xff\xf1lo\xff\xfa\x18\x00\nx\xff\xffy\xff\xf0!\r\n",
            &["hello!"],
        );
    }

    #[test]
    fn what_wants_an_answer_gets_one() {
        let answered = |input: &[u8]| {
            let (mut framer, mut answers) = (Framer::default(), vec![]);
            for mut byte in input.chunks(1) {
                framer.next(&mut byte, &mut answers);
            }
            answers
        };
        assert_eq!(answered(b"\xff\xf4\xff\xfd\x06"), b"\xff\xfb\x06", "Ctrl-C of the usual clients");
        assert_eq!(answered(b"a\xff\xfd\x03b\xff\xfb\x18"), b"\xff\xfc\x03\xff\xfe\x18", "in order");
        assert_eq!(answered(b"\xff\xfc\x03\xff\xfe\x06\xff\xf5\xff\xf3"), b"", "refusals, AO, BRK");
        let endless = [&[b'x'; MAX_LINE + 1][..], b"\xff\xfd\x06"].concat();
        assert_eq!(answered(&endless), b"\xff\xfb\x06", "while a line is skipped");
    }

    #[test]
    fn a_question_amid_a_line() {
        assert_lines(b"he\xff\xf6llo\xff\xf6\n", &["(are you there?)", "(are you there?)", "hello"]);
    }

    #[test]
    fn telnet_edits_with_the_same_keys() {
        assert_lines(b"ab\xff\xf7c\xff\xf8d\xff\xf4\n", &["ab\x08c\x15d\x15"]);
        let full = [&[b'x'; MAX_LINE][..], b"\xff\xf7\n"].concat();
        assert_eq!(lines(&full, 100), ["(too long)"], "what is erased counts");
    }

    #[test]
    fn a_doubled_iac_stands_for_itself() {
        assert_lines(b"a\xff\xffb\n", &["a\u{fffd}b"]);
    }

    #[test]
    fn the_longest_line_and_one_more() {
        let longest = "x".repeat(MAX_LINE);
        for end in ["\n", "\r\n", "\r\0"] {
            let fits = alloc::format!("{longest}{end}next\n");
            let over = alloc::format!("{longest}x{end}next\n");
            assert_eq!(lines(fits.as_bytes(), 1000), [&longest, "next"]);
            assert_eq!(lines(over.as_bytes(), 1000), ["(too long)", "next"]);
            assert_eq!(lines(over.as_bytes(), over.len()), ["(too long)", "next"]);
        }
        let carriage_return_over = alloc::format!("{longest}\r\r\nnext\n");
        assert_eq!(lines(carriage_return_over.as_bytes(), 7), ["(too long)", "next"]);
    }

    #[test]
    fn a_line_is_too_long_as_soon_as_it_is() {
        for mut endless in [vec![b'x'; 2 * MAX_LINE], [b"\xff\xfa", &[b'x'; 2 * MAX_LINE][..]].concat()] {
            let (mut framer, length) = (Framer::default(), endless.len());
            let mut input = &endless[..];
            assert_eq!(framer.next(&mut input, &mut vec![]), Some(Line::TooLong));
            assert_eq!((framer.taken(), framer.retained()), (length - input.len(), 0));
            assert_eq!(framer.next(&mut input, &mut vec![]), None, "and that is said once");
            assert_eq!(framer.finish(), None);
            endless.clear();
        }
    }

    #[test]
    fn an_unfinished_line_takes_no_more_than_the_longest() {
        for size in [1, 7, 1_000, 4_000] {
            let mut framer = Framer::default();
            let line = vec![b'x'; MAX_LINE];
            for mut chunk in line.chunks(size) {
                assert_eq!(framer.next(&mut chunk, &mut vec![]), None);
                assert!(framer.retained() <= MAX_LINE);
            }
        }
    }

    #[test]
    fn an_open_subnegotiation_counts_to_the_limit() {
        let mut input = b"\xff\xfa".to_vec();
        input.extend(core::iter::repeat_n(b'x', MAX_LINE + 10));
        input.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&input, 100), ["(too long)", "next"]);
    }

    #[test]
    fn an_empty_rest_is_no_line() {
        assert_lines(b"a\n", &["a"]);
        assert_lines(b"\n\n", &["", ""]);
    }
}
