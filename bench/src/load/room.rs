//! What a room hears. All its listeners hear the same bytes, so one copy is taken apart, and everybody is
//! compared with that: a check of every byte that costs no more than `memcmp`. (Where a server gives a room no one
//! order, or the listeners themselves speak, they hear different bytes, and those of each are taken apart.)

use std::collections::VecDeque;
use std::mem;

use super::moves::Moves;
use super::text::Expected;
use crate::Result;
use crate::dialect::{Dialect, Heard};

/// Bytes that everybody has heard are forgotten in lots of this size.
const FORGET: usize = 1 << 20;

/// How far one listener has come.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    /// Bytes heard since the crowd was in step.
    bytes: u64,
    /// Whole messages among them.
    messages: u64,
    /// Where listeners hear different bytes: what this one hears.
    own: Option<Box<Own>>,
}

/// What one listener hears by itself.
#[derive(Debug)]
struct Own {
    expected: Expected,
    /// What was heard and is not whole yet.
    pending: Vec<u8>,
    /// The server answers it, too.
    is_member: bool,
}

impl Ear {
    /// One that hears an order of its own.
    pub(crate) fn alone(expected: Expected) -> Self {
        let own = Own { expected, pending: Vec::new(), is_member: false };
        Self { own: Some(Box::new(own)), ..Self::default() }
    }

    /// One that also speaks, and has heard the beginning of something already.
    pub(crate) fn of_member(expected: Expected, pending: Vec<u8>) -> Self {
        let own = Own { expected, pending, is_member: true };
        Self { own: Some(Box::new(own)), ..Self::default() }
    }
}

/// What is to be heard.
#[derive(Debug)]
pub(crate) enum Expect {
    /// What the speakers say, and nothing else.
    Talk(Expected),
    /// Members who leave and join again.
    Moves(Moves),
}

/// What has been said in a room, as far as any listener has heard it.
#[derive(Debug)]
pub(crate) struct Room {
    dialect: Dialect,
    expect: Expect,
    /// What was heard from offset `base` on.
    heard: Vec<u8>,
    base: u64,
    /// Offsets at which messages end, those that everybody has heard excepted.
    ends: VecDeque<u64>,
    /// Where the next message begins.
    whole: u64,
    /// Listeners that have heard just so many messages, from the slowest on.
    progress: VecDeque<u32>,
    /// Listeners that have stopped reading, and those of them of whom the others heard that they were cut off.
    pub(crate) stalled: u32,
    pub(crate) cut_off: u32,
    /// Messages that everybody has heard.
    pub(crate) complete: u64,
    /// Messages that anybody has heard.
    pub(crate) begun: u64,
}

impl Room {
    /// A room with so many listeners, before anything is said.
    pub(crate) fn new(dialect: Dialect, expect: Expect, listeners: u32) -> Self {
        Self {
            dialect,
            expect,
            heard: Vec::new(),
            base: 0,
            ends: VecDeque::new(),
            whole: 0,
            progress: VecDeque::from([listeners]),
            stalled: 0,
            cut_off: 0,
            complete: 0,
            begun: 0,
        }
    }

    /// One listener hears `bytes`; says which messages it has heard whole with them.
    pub(crate) fn hear(&mut self, ear: &mut Ear, bytes: &[u8]) -> Result<std::ops::Range<u64>> {
        let before = ear.messages;
        let after = match &mut ear.own {
            Some(own) => before + own.hear(bytes, self.dialect)?,
            None => self.hear_together(&mut ear.bytes, bytes)?,
        };
        self.advance(ear, after)?;
        Ok(before..after)
    }

    /// A member says `text` where it is not told what it says: it counts as having heard it.
    pub(crate) fn say(&mut self, ear: &mut Ear, text: &[u8]) -> Result<()> {
        ear.own.as_mut().ok_or("no member")?.expected.hear(text)?;
        self.advance(ear, ear.messages + 1)
    }

    /// One listener has now heard so many messages.
    fn advance(&mut self, ear: &mut Ear, messages: u64) -> Result<()> {
        let before = mem::replace(&mut ear.messages, messages);
        while self.begun < ear.messages {
            self.progress.push_back(0);
            self.begun += 1;
        }
        self.progress[usize::try_from(before - self.complete)?] -= 1;
        self.progress[usize::try_from(ear.messages - self.complete)?] += 1;
        self.forget();
        Ok(())
    }

    /// Compares `bytes`, heard at `offset`, with what others have heard; how many messages are heard with them.
    fn hear_together(&mut self, offset: &mut u64, bytes: &[u8]) -> Result<u64> {
        let from = usize::try_from(*offset - self.base)?;
        let known = bytes.len().min(self.heard.len() - from);
        if bytes[..known] != self.heard[from..from + known] {
            return Err(format!(
                "one heard {:?} where another heard {:?}",
                String::from_utf8_lossy(&bytes[..known]),
                String::from_utf8_lossy(&self.heard[from..from + known])
            )
            .into());
        }
        if known < bytes.len() {
            self.heard.extend_from_slice(&bytes[known..]);
            self.take_apart()?;
        }
        *offset += bytes.len() as u64;
        // Mostly it has now heard all there is.
        let whole = if self.whole == *offset {
            self.ends.len()
        } else {
            self.ends.partition_point(|&end| end <= *offset)
        };
        Ok(self.complete + whole as u64)
    }

    /// So many listeners, who have heard nothing yet, count no more: they have stalled.
    pub(crate) fn leave_out(&mut self, listeners: u32) {
        self.progress[0] -= listeners;
        self.stalled = listeners;
    }

    fn take_apart(&mut self) -> Result<()> {
        let mut at = usize::try_from(self.whole - self.base)?;
        while let Some((taken, heard)) = self.dialect.next(&self.heard[at..])? {
            at += taken;
            self.whole = self.base + at as u64;
            match (heard, &mut self.expect) {
                (Heard::Said(text), Expect::Talk(expected)) => expected.hear(text)?,
                (Heard::Other(line), Expect::Moves(moves)) => moves.hear(line)?,
                (Heard::Other(line), Expect::Talk(_))
                    if self.stalled > self.cut_off && tells_of_a_cut(line) =>
                {
                    self.cut_off += 1;
                    continue;
                }
                (heard, _) => return Err(format!("the room heard {heard:?}").into()),
            }
            self.ends.push_back(self.whole);
        }
        Ok(())
    }

    /// Lets go of what everybody has heard.
    fn forget(&mut self) {
        let mut complete_end = None;
        while self.progress.len() > 1 && self.progress[0] == 0 {
            self.progress.pop_front();
            complete_end = self.ends.pop_front();
            self.complete += 1;
        }
        let Some(end) = complete_end else { return };
        let done = (end - self.base) as usize;
        if done >= FORGET || done == self.heard.len() {
            self.heard.drain(..done);
            self.base = end;
        }
    }
}

/// Whether this tells that a stalled listener is gone.
fn tells_of_a_cut(line: &[u8]) -> bool {
    memchr::memmem::find(line, b" left (too slow to read)").is_some()
}

impl Own {
    /// Hears `bytes`; how many messages are whole with them.
    fn hear(&mut self, bytes: &[u8], dialect: Dialect) -> Result<u64> {
        self.pending.extend_from_slice(bytes);
        let (mut at, mut messages) = (0, 0);
        while let Some((taken, heard)) = dialect.next(&self.pending[at..])? {
            at += taken;
            match heard {
                Heard::Said(text) => {
                    self.expected.hear(text)?;
                    messages += 1;
                }
                // How many heard what it said; or, late, who joined: who says the marker waits for none.
                Heard::Other(_) if self.is_member => {}
                Heard::Other(_) => return Err(format!("a listener heard {heard:?}").into()),
            }
        }
        self.pending.drain(..at);
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Text;
    use super::*;

    fn talk() -> Room {
        Room::new(Dialect::Floor, Expect::Talk(Expected::new(0, 1)), 2)
    }

    fn lines(numbers: std::ops::Range<u64>) -> Vec<u8> {
        numbers
            .flat_map(|number| [&Text { room: 0, speaker: 0, number }.bytes()[..], b"\n"].concat())
            .collect()
    }

    #[test]
    fn a_message_is_complete_when_the_slowest_has_it() {
        let mut room = talk();
        let (mut fast, mut slow) = (Ear::default(), Ear::default());
        let three = lines(0..3);
        assert_eq!(room.hear(&mut fast, &three).unwrap(), 0..3);
        assert_eq!((room.begun, room.complete), (3, 0));
        assert_eq!(room.hear(&mut slow, &three[..70]).unwrap(), 0..1);
        assert_eq!(room.complete, 1);
        assert_eq!(room.hear(&mut slow, &three[70..]).unwrap(), 1..3);
        assert_eq!(room.complete, 3);
        assert_eq!(room.hear(&mut slow, &lines(3..4)).unwrap(), 3..4, "and on it goes");
    }

    #[test]
    fn a_member_without_an_echo_has_heard_what_it_says() {
        let mut room = talk();
        let member = || Ear::of_member(Expected::new(0, 1), Vec::new());
        let (mut author, mut other) = (member(), member());
        let text = Text { room: 0, speaker: 0, number: 0 }.bytes();
        room.say(&mut author, &text).unwrap();
        assert_eq!((room.begun, room.complete), (1, 0));
        assert_eq!(room.hear(&mut other, &lines(0..1)).unwrap(), 0..1);
        assert_eq!(room.complete, 1);
        assert!(room.hear(&mut author, &lines(0..1)).is_err(), "it comes back");
    }

    #[test]
    fn only_members_are_answered() {
        let mut room = Room::new(Dialect::Redis, Expect::Talk(Expected::new(0, 1)), 2);
        let mut member = Ear::of_member(Expected::new(0, 1), b":1".to_vec());
        assert_eq!(room.hear(&mut member, b"0\r\n").unwrap(), 0..0);
        let mut listener = Ear::alone(Expected::new(0, 1));
        assert!(room.hear(&mut listener, b":10\r\n").is_err());
    }

    #[test]
    fn a_listener_who_hears_something_else_is_noticed() {
        let mut room = talk();
        let (mut one, mut other) = (Ear::default(), Ear::default());
        room.hear(&mut one, &lines(0..2)).unwrap();
        assert!(room.hear(&mut other, &lines(1..2)).is_err(), "it missed the first");
    }
}
