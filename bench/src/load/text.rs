//! What is said: who says it and which of their messages it is, so that whoever hears it can check.

use std::io::Write as _;

use crate::Result;

/// Bytes of one message, in every dialect, without what the dialect puts around it.
pub(crate) const TEXT: usize = 64;

/// Which message this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// In which room.
    pub(crate) room: usize,
    /// Which of the room's speakers says it.
    pub(crate) speaker: usize,
    /// How many it has said before.
    pub(crate) number: u64,
}

impl Text {
    /// Its bytes.
    pub(crate) fn bytes(self) -> [u8; TEXT] {
        let mut bytes = [b'.'; TEXT];
        let mut rest = &mut bytes[..];
        write!(rest, "{:06} {:04} {:012} ", self.room, self.speaker, self.number)
            .expect("numbers are shorter than the text");
        bytes
    }

    /// What these bytes say.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let number = |range| {
            let digits: &[u8] = bytes.get(range)?;
            digits.iter().try_fold(0, |number, &digit| {
                digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
            })
        };
        let parsed = number(0..6).zip(number(7..11)).zip(number(12..24)).filter(|_| bytes.len() == TEXT);
        let ((room, speaker), number) =
            parsed.ok_or_else(|| format!("no message of ours: {:?}", String::from_utf8_lossy(bytes)))?;
        Ok(Self { room: room as usize, speaker: speaker as usize, number })
    }
}

/// What one listener knows of a room's speakers: which message each of them says next.
#[derive(Debug)]
pub(crate) struct Expected {
    room: usize,
    next: Vec<u64>,
}

impl Expected {
    /// As many speakers, who have said nothing yet.
    pub(crate) fn new(room: usize, speakers: usize) -> Self {
        Self { room, next: vec![0; speakers] }
    }

    /// Takes in one message: it must be the next of its speaker.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Result<()> {
        let text = Text::parse(bytes)?;
        let next = self.next.get_mut(text.speaker).ok_or("said by nobody we know")?;
        if text.number != *next || text.room != self.room {
            return Err(
                format!("{text:?} was heard in room {} where number {next} was due", self.room).into()
            );
        }
        *next += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written() {
        let text = Text { room: 17, speaker: 3, number: 1_234_567 };
        assert_eq!(Text::parse(&text.bytes()).unwrap(), text);
        assert!(Text::parse(b"hello").is_err());
    }

    #[test]
    fn a_message_lost_or_repeated_is_noticed() {
        let mut expected = Expected::new(5, 2);
        let say = |speaker, number| Text { room: 5, speaker, number }.bytes();
        expected.hear(&say(0, 0)).unwrap();
        expected.hear(&say(1, 0)).unwrap();
        expected.hear(&say(0, 1)).unwrap();
        assert!(expected.hear(&say(0, 1)).is_err(), "repeated");
        assert!(expected.hear(&say(1, 2)).is_err(), "one is missing");
        assert!(expected.hear(&Text { room: 6, speaker: 1, number: 1 }.bytes()).is_err(), "another room's");
    }
}
