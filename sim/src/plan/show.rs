//! Moments for people to read, one line each.

use std::fmt;

use super::{Act, Fault, Moment, What};

/// Bytes of a line that are shown, of longer ones the first and the last of them.
const SHOWN: usize = 72;

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4}.{:06} {}", self.at.as_secs(), self.at.subsec_micros(), self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(client, act) => write!(f, "c{client} {act}"),
            Self::Fault(fault) => write!(f, "{fault}"),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connects"),
            Self::Send(bytes) => write!(f, "sends {}", Excerpt(bytes)),
            Self::Read(appetite) => write!(f, "reads {appetite:?}"),
            Self::Finish => f.write_str("finishes"),
            Self::Reset => f.write_str("resets"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold(client) => write!(f, "holds what c{client} sends and is sent"),
            Self::Release(client) => write!(f, "releases c{client}"),
            Self::DeafTo(client) => write!(f, "loses what c{client} sends"),
            Self::MuteTo(client) => write!(f, "loses what c{client} is sent"),
            Self::SilentDeath(client) => write!(f, "c{client} dies silently"),
            Self::Panic(client) => write!(f, "serving c{client} panics"),
            Self::AcceptError(times) => write!(f, "accepting fails {times} times"),
            Self::NoDescriptors(time) => write!(f, "no descriptors for {time:?}"),
            Self::WallJump(seconds) => write!(f, "the wall clock jumps by {seconds:+} s"),
            Self::Suspend(time) => write!(f, "the server sleeps for {time:?}"),
            Self::Crash(time) => write!(f, "the server crashes, and is back {time:?} later"),
            Self::Shutdown => f.write_str("the server is asked to end"),
        }
    }
}

struct Excerpt<'a>(&'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        if bytes.len() <= SHOWN {
            return write!(f, "\"{}\"", bytes.escape_ascii());
        }
        let (head, tail) = (&bytes[..SHOWN / 2], &bytes[bytes.len() - SHOWN / 2..]);
        write!(f, "\"{}\"...\"{}\" ({} bytes)", head.escape_ascii(), tail.escape_ascii(), bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_one_readable_line() {
        let at = Duration::from_millis(1_050);
        let moment = |what| Moment { at, record: 0, noise: 0, what }.to_string();
        let send = |bytes: &[u8]| moment(What::Act(3, Act::Send(bytes.to_vec())));
        assert_eq!(send(b"hi\r\n\xff"), r#"   1.050000 c3 sends "hi\r\n\xff""#);
        assert!(send(&[b'x'; 5_000]).ends_with(r#"xxx" (5000 bytes)"#) && send(&[0; 5_000]).len() < 400);
        assert_eq!(moment(What::Fault(Fault::WallJump(-5))), "   1.050000 the wall clock jumps by -5 s");
    }
}
