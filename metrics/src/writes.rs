//! Writes on their way to the kernel.

use std::collections::{BTreeMap, VecDeque};

use chat_core::{ConnId, Mono};

/// Writes that are begun before any of them has to be looked for in a tree: as many as the driver makes together.
const TOGETHER: usize = 64;

/// The outstanding writes, and since when their bytes wait.
///
/// Nearly all leave whole, and in the order in which they are begun. So the last ones are kept in a queue, and only those
/// that wait for their sockets in a tree.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// Those that were begun last, in their order.
    begun: VecDeque<(ConnId, Write)>,
    /// Others, of which nothing or a part has left.
    waiting: BTreeMap<ConnId, Write>,
}

#[derive(Clone, Copy, Debug)]
struct Write {
    /// Bytes that have not left.
    left: usize,
    since: Mono,
}

impl Write {
    /// So many bytes have left. If they were the last: since when they waited.
    fn wrote(&mut self, bytes: usize) -> Option<Mono> {
        self.left = self.left.saturating_sub(bytes);
        (self.left == 0).then_some(self.since)
    }
}

impl Writes {
    /// A write of so many bytes begins; the oldest of them were made then.
    pub(crate) fn begin(&mut self, conn: ConnId, bytes: usize, since: Mono) {
        if self.begun.len() == TOGETHER {
            self.waiting.extend(self.begun.pop_front());
        }
        self.begun.push_back((conn, Write { left: bytes, since }));
    }

    /// So many bytes have left. If they were the last of their write: since when that waited.
    pub(crate) fn wrote(&mut self, conn: ConnId, bytes: usize) -> Option<Mono> {
        if !self.waiting.is_empty()
            && let Some(write) = self.waiting.get_mut(&conn)
        {
            let since = write.wrote(bytes);
            if since.is_some() {
                self.waiting.remove(&conn);
            }
            return since;
        }
        // Those before it have not left whole.
        while self.begun.front().is_some_and(|&(first, _)| first != conn) {
            self.waiting.extend(self.begun.pop_front());
        }
        let (_, write) = self.begun.front_mut()?;
        let since = write.wrote(bytes);
        if since.is_some() {
            self.begun.pop_front();
        }
        since
    }

    /// A connection is gone, and whatever it has not taken will never leave.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        if self.waiting.remove(&conn).is_none() {
            self.begun.retain(|&(begun, _)| begun != conn);
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::{Config, Engine, Now};
    use chrono::DateTime;

    use super::*;

    #[test]
    fn what_waits_for_its_socket_keeps_its_age_and_nothing_else_is_kept() {
        let mut engine = Engine::new(Config::default()).unwrap();
        let now = Now { mono: Mono(0), utc: DateTime::UNIX_EPOCH };
        let [ann, bob, eve] = [(); 3].map(|()| engine.connect(now, [127, 0, 0, 1].into()));
        let mut writes = Writes::default();
        writes.begin(ann, 10, Mono(1));
        assert_eq!(writes.wrote(ann, 10), Some(Mono(1)));
        writes.begin(bob, 10, Mono(2));
        assert_eq!(writes.wrote(bob, 4), None);
        writes.begin(eve, 10, Mono(3));
        writes.begin(ann, 10, Mono(4));
        assert_eq!(writes.wrote(ann, 4), None);
        assert_eq!(writes.wrote(bob, 6), Some(Mono(2)));
        assert_eq!(writes.wrote(ann, 6), Some(Mono(4)));
        writes.forget(eve);
        assert!(writes.waiting.is_empty() && writes.begun.is_empty());
    }

    #[test]
    fn however_many_wait_each_is_found_again() {
        let mut engine = Engine::new(Config::default()).unwrap();
        let now = Now { mono: Mono(0), utc: DateTime::UNIX_EPOCH };
        let conns: Vec<_> = (0..200).map(|_| engine.connect(now, [127, 0, 0, 1].into())).collect();
        let mut writes = Writes::default();
        for (age, &conn) in (0..).zip(&conns) {
            writes.begin(conn, 1, Mono(age));
        }
        for n in [199, 0, 150, 140, 1] {
            assert_eq!(writes.wrote(conns[n], 1), Some(Mono(n as u64)));
        }
        for &conn in &conns {
            writes.forget(conn);
        }
        assert!(writes.waiting.is_empty() && writes.begun.is_empty());
    }
}
