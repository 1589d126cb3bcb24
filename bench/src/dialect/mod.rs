//! How each kind of server is spoken to. All of them are given the same messages.

pub(crate) mod floor;
mod irc;
mod nats;
mod plain;
mod redis;

use crate::Result;

/// Something whole that a server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// The text of a message.
    Said(&'a [u8]),
    /// Something else.
    Other(&'a [u8]),
}

/// What somebody does in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Hears what is said.
    Listener,
    /// Says something. Where rooms have members, it is one, and hears the other speakers.
    Speaker,
    /// Hears what is said, and says something itself.
    Member,
}

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// This server, as netcat users see it.
    Plain,
    /// InspIRCd, in IRC.
    Irc,
    /// Redis pub/sub: bare fan-out.
    Redis,
    /// NATS: bare fan-out.
    Nats,
    /// The floor: see [`crate::floor`].
    Floor,
}

impl Dialect {
    /// What somebody sends first: who they are, and which room they join.
    pub(crate) fn hello(self, name: &str, room: usize, role: Role) -> Vec<u8> {
        match self {
            Self::Plain => plain::hello(name, room),
            Self::Irc => irc::hello(name),
            Self::Redis => redis::hello(room, role),
            Self::Nats => nats::hello(room, role),
            Self::Floor => floor::hello(room, role),
        }
    }

    /// Whether this, which is no message, says that somebody is in.
    pub(crate) fn is_joined(self, other: &[u8]) -> bool {
        match self {
            Self::Plain => other.starts_with(b"* you are in #r"),
            Self::Irc => irc::is_joined(other),
            Self::Redis => matches!(other, b"subscribe" | b"+PONG"),
            Self::Nats => other == b"PONG",
            Self::Floor => other == floor::OK,
        }
    }

    /// What a client that is to be in `room` answers to this, which is no message.
    pub(crate) fn reply(self, other: &[u8], room: usize) -> Option<Vec<u8>> {
        match self {
            Self::Nats => (other == b"PING").then(|| b"PONG\r\n".into()),
            Self::Irc => irc::reply(other, room),
            Self::Plain | Self::Redis | Self::Floor => None,
        }
    }

    /// Whether the server asks each client something after it has joined, and wants a reply. NATS measures each
    /// client's delay, some two seconds after it came.
    pub(crate) fn asks_later(self) -> bool {
        self == Self::Nats
    }

    /// Whether all listeners hear a room in one and the same order. NATS keeps only that of each speaker.
    pub(crate) fn has_one_order(self) -> bool {
        self != Self::Nats
    }

    /// Whether members are sent their own words, too: Redis has no way not to. Such an echo is checked, and is no
    /// delivery.
    pub(crate) fn echoes(self) -> bool {
        self == Self::Redis
    }

    /// Adds to `out` what says this in a room.
    pub(crate) fn say(self, room: usize, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain | Self::Floor => {
                out.extend_from_slice(text);
                out.push(b'\n');
            }
            Self::Irc => irc::say(room, text, out),
            Self::Redis => redis::say(room, text, out),
            Self::Nats => nats::say(room, text, out),
        }
    }

    /// The first whole thing in `input`, and how many bytes it takes; none, while more must come first.
    pub(crate) fn next(self, input: &[u8]) -> Result<Option<(usize, Heard<'_>)>> {
        match self {
            Self::Plain => Ok(plain::next(input)),
            Self::Irc => irc::next(input),
            Self::Redis => redis::next(input),
            Self::Nats => nats::next(input),
            Self::Floor => Ok(floor::next(input)),
        }
    }
}

/// The first line of `input` without its end, and how many bytes it takes with it.
fn line(input: &[u8]) -> Option<(usize, &[u8])> {
    let end = memchr::memchr(b'\n', input)?;
    let line = &input[..end];
    Some((end + 1, line.strip_suffix(b"\r").unwrap_or(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `input` apart in all ways in which it can be cut in two.
    #[track_caller]
    fn heard(dialect: Dialect, input: &[u8]) -> Vec<String> {
        let whole = take_apart(dialect, &[input]);
        for cut in 1..input.len() {
            assert_eq!(take_apart(dialect, &[&input[..cut], &input[cut..]]), whole, "cut at {cut}");
        }
        whole
    }

    fn take_apart(dialect: Dialect, chunks: &[&[u8]]) -> Vec<String> {
        let (mut pending, mut all) = (Vec::new(), Vec::new());
        for chunk in chunks {
            pending.extend_from_slice(chunk);
            while let Some((taken, heard)) = dialect.next(&pending).unwrap() {
                all.push(match heard {
                    Heard::Said(text) => format!("said {}", String::from_utf8_lossy(text)),
                    Heard::Other(other) => format!("other {}", String::from_utf8_lossy(other)),
                });
                pending.drain(..taken);
            }
        }
        assert!(pending.is_empty());
        all
    }

    #[test]
    fn each_dialect_tells_messages_from_the_rest() {
        let plain = b"* you are in #r0 (1 member); no topic yet\n[12:00:00] #r0 <ann> <hi> there\n\
            [12:00:00] #r0 -- bob joined\n";
        assert_eq!(
            heard(Dialect::Plain, plain),
            [
                "other * you are in #r0 (1 member); no topic yet",
                "said <hi> there",
                "other [12:00:00] #r0 -- bob joined"
            ]
        );
        let irc = b":chat 366 bob #r0 :End of /NAMES\r\n:ann!u@host PRIVMSG #r0 :<hi> :there\r\n:eve!u@host JOIN #r0\r\n";
        assert_eq!(
            heard(Dialect::Irc, irc),
            ["other :chat 366 bob #r0 :End of /NAMES", "said <hi> :there", "other :eve!u@host JOIN #r0"]
        );
        let redis = b"*3\r\n$9\r\nsubscribe\r\n$2\r\nr0\r\n:1\r\n:7\r\n*3\r\n$7\r\nmessage\r\n$2\r\nr0\r\n$3\r\na\nb\r\n";
        assert_eq!(heard(Dialect::Redis, redis), ["other subscribe", "other :7", "said a\nb"]);
        let resp3 = b"%2\r\n$5\r\nproto\r\n:3\r\n$7\r\nmodules\r\n*0\r\n\
            >3\r\n$9\r\nsubscribe\r\n$2\r\nr0\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$2\r\nr0\r\n$3\r\na\nb\r\n:10\r\n";
        assert_eq!(
            heard(Dialect::Redis, resp3)[6..],
            ["other *0", "other subscribe", "said a\nb", "other :10"],
            "in RESP3, after the answer to HELLO"
        );
        let nats = b"INFO {}\r\nPONG\r\nMSG r0 1 3\r\na\nb\r\nPING\r\n";
        assert_eq!(heard(Dialect::Nats, nats), ["other INFO {}", "other PONG", "said a\nb", "other PING"]);
        assert_eq!(heard(Dialect::Floor, b"ok\nhi\n"), ["other ok", "said hi"]);
    }

    #[test]
    fn a_refusal_is_an_error() {
        assert!(Dialect::Redis.next(b"-ERR unknown command\r\n").is_err());
        assert!(Dialect::Nats.next(b"-ERR 'Unknown Protocol Operation'\r\n").is_err());
        assert!(Dialect::Irc.next(b"ERROR :Closing link\r\n").is_err());
    }
}
