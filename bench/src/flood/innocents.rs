//! Ordinary users, in pairs, each pair in a room of its own: what they notice of a flood.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::crew::header;
use crate::Result;

/// Pairs: enough for a quantile within seconds, though each user says no more than flood control lets it.
const PAIRS: usize = 5;
/// Each says a line so often.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long is waited for what was said last.
const PATIENCE: Duration = Duration::from_secs(30);

/// All of them.
pub(super) struct Innocents {
    users: Vec<User>,
}

/// What they noticed.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    /// How late lines came, sorted: since they should have been said.
    pub(super) delays: Vec<Duration>,
    /// Lines that never came, or came in another order.
    pub(super) lost: u64,
    /// What the server said of them that it does not say on quiet days: the first of it.
    pub(super) complaint: Option<String>,
}

struct User {
    stream: TcpStream,
    pending: Vec<u8>,
    /// When each line should have been said.
    due: Vec<Instant>,
    /// Lines of the other one of the pair that came in order.
    heard: usize,
    is_cut_off: bool,
}

impl Innocents {
    /// They come, say the password if there is one, and join their rooms.
    pub(super) fn come(server: SocketAddr, password: Option<&str>) -> Result<Self> {
        let users = (0..2 * PAIRS).map(|number| User::come(server, number, password));
        Ok(Self { users: users.collect::<Result<_>>()? })
    }

    /// They talk until it is over. What counts is said after `begun`, if that comes.
    pub(super) fn talk(mut self, begun: &AtomicBool, over: &AtomicBool) -> Result<Noticed> {
        let mut noticed = Noticed::default();
        let start = Instant::now();
        let mut counts_from = None;
        let mut ended = None;
        loop {
            let now = Instant::now();
            if counts_from.is_none() && begun.load(Ordering::Relaxed) {
                counts_from = Some(now);
            }
            if ended.is_none() && over.load(Ordering::Relaxed) {
                ended = Some(now);
            }
            let mut next = now + INTERVAL;
            if ended.is_none() {
                for number in 0..self.users.len() {
                    next = next.min(self.users[number].say_what_is_due(number, start, now));
                }
            } else if self.has_heard_all() || ended.is_some_and(|ended| ended.elapsed() > PATIENCE) {
                break;
            }
            self.hear(next.saturating_duration_since(Instant::now()), counts_from, &mut noticed)?;
        }
        noticed.lost = self.lost();
        noticed.delays.sort_unstable();
        Ok(noticed)
    }

    fn has_heard_all(&self) -> bool {
        let cut_off = |number: usize| self.users[number].is_cut_off;
        (0..self.users.len())
            .all(|number| cut_off(number) || self.users[number].heard == self.users[number ^ 1].due.len())
    }

    fn lost(&self) -> u64 {
        let lost = |number: usize| self.users[number ^ 1].due.len() - self.users[number].heard;
        (0..self.users.len()).map(|number| lost(number) as u64).sum()
    }

    fn hear(&mut self, at_most: Duration, counts_from: Option<Instant>, noticed: &mut Noticed) -> Result<()> {
        let ready: Vec<bool> = {
            let mut fds: Vec<_> =
                self.users.iter().map(|user| PollFd::new(&user.stream, PollFlags::IN)).collect();
            match poll(&mut fds, Some(&Timespec::try_from(at_most)?)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            fds.iter().map(|fd| !fd.revents().is_empty()).collect()
        };
        for (number, ready) in ready.into_iter().enumerate() {
            if !ready || self.users[number].is_cut_off {
                continue;
            }
            let now = Instant::now();
            for line in self.users[number].read()? {
                match said(&line) {
                    Some(said) if said == self.users[number].heard => {
                        let due = self.users[number ^ 1].due[said];
                        self.users[number].heard += 1;
                        if counts_from.is_some_and(|from| due >= from) {
                            noticed.delays.push(now - due);
                        }
                    }
                    Some(said) => {
                        let due = self.users[number].heard;
                        noticed.complaint.get_or_insert(format!("line {said} came where {due} was due"));
                    }
                    None if line.starts_with("! ") => drop(noticed.complaint.get_or_insert(line)),
                    None => {}
                }
            }
            if self.users[number].is_cut_off {
                noticed.complaint.get_or_insert("an ordinary user was cut off".into());
            }
        }
        Ok(())
    }
}

impl User {
    fn come(server: SocketAddr, number: usize, password: Option<&str>) -> Result<Self> {
        let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let from: IpAddr = Ipv4Addr::new(192, 0, 2, u8::try_from(number)?).into();
        stream.write_all(header(from).as_bytes())?;
        let mut user = Self { stream, pending: Vec::new(), due: Vec::new(), heard: 0, is_cut_off: false };
        if let Some(password) = password {
            user.ask(&format!("{password}\n"), "* ")?;
        }
        let room = number / 2;
        user.ask(&format!("pal{number}\n"), "* welcome")?;
        // What strangers do in the lobby is no other room's business.
        user.ask("/part #lobby\n", "* you left")?;
        user.ask(&format!("/join #pair{room}\n"), &format!("* you are in #pair{room}"))?;
        user.stream.set_nonblocking(true)?;
        Ok(user)
    }

    fn ask(&mut self, line: &str, answer: &str) -> Result<()> {
        self.stream.write_all(line.as_bytes())?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !self.is_cut_off {
            if self.read()?.iter().any(|line| line.starts_with(answer)) {
                return Ok(());
            }
        }
        Err(format!("an ordinary user was not answered {answer:?}").into())
    }

    /// Says what is due by now, as its number; returns when the next is.
    fn say_what_is_due(&mut self, number: usize, start: Instant, now: Instant) -> Instant {
        // Not all at once.
        let phase = INTERVAL * number as u32 / (2 * PAIRS as u32);
        let at = |count: usize| start + phase + INTERVAL * count as u32;
        while !self.is_cut_off && at(self.due.len()) <= now {
            let line = format!("{}\n", self.due.len());
            self.due.push(at(self.due.len()));
            self.is_cut_off = self.stream.write_all(line.as_bytes()).is_err();
        }
        if self.is_cut_off { now + INTERVAL } else { at(self.due.len()) }
    }

    /// The whole lines that are there; waits for some where the stream does.
    fn read(&mut self) -> Result<Vec<String>> {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.is_cut_off = true,
            Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.is_cut_off = true,
        }
        let end = memchr::memrchr(b'\n', &self.pending).map_or(0, |end| end + 1);
        let whole: Vec<u8> = self.pending.drain(..end).collect();
        Ok(String::from_utf8_lossy(&whole).lines().map(Into::into).collect())
    }
}

/// The number in `[HH:MM:SS] #pairN <palM> NUMBER`.
fn said(line: &str) -> Option<usize> {
    let (_, text) = line.strip_prefix('[')?.split_once("> ")?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_by_its_number() {
        assert_eq!(said("[12:00:00] #pair0 <pal1> 17"), Some(17));
        assert_eq!(said("[12:00:00] #pair0 -- pal1 joined"), None);
        assert_eq!(said("! not delivered"), None);
    }
}
