//! Writes on their way to the kernel.

use std::collections::BTreeMap;

use chat_core::{ConnId, Mono};

/// The outstanding writes, and since when their bytes wait.
///
/// Nearly all leave whole, as soon as they are begun. So only one is kept in place, and memory is taken only for those
/// that wait for their sockets.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// The one that was begun last.
    current: Option<(ConnId, Write)>,
    /// Others that have not left yet.
    waiting: BTreeMap<ConnId, Write>,
}

#[derive(Clone, Copy, Debug)]
struct Write {
    /// Bytes that have not left.
    left: usize,
    since: Mono,
}

impl Writes {
    /// A write of so many bytes begins; the oldest of them were made then.
    pub(crate) fn begin(&mut self, conn: ConnId, bytes: usize, since: Mono) {
        if let Some((other, write)) = self.current.replace((conn, Write { left: bytes, since })) {
            self.waiting.insert(other, write);
        }
    }

    /// So many bytes have left. If they were the last of their write: since when that waited.
    pub(crate) fn wrote(&mut self, conn: ConnId, bytes: usize) -> Option<Mono> {
        let is_current = self.current.is_some_and(|(current, _)| current == conn);
        let write = if is_current {
            self.current.as_mut().map(|(_, write)| write)
        } else {
            self.waiting.get_mut(&conn)
        }?;
        write.left = write.left.saturating_sub(bytes);
        let finished = (write.left == 0).then_some(write.since);
        if finished.is_some() {
            self.forget(conn);
        }
        finished
    }

    /// A connection is gone, and whatever it has not taken will never leave.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        if self.current.is_some_and(|(current, _)| current == conn) {
            self.current = None;
        } else {
            self.waiting.remove(&conn);
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
        assert!(writes.waiting.is_empty());
        writes.begin(eve, 10, Mono(3));
        writes.begin(ann, 10, Mono(4));
        assert_eq!(writes.waiting.len(), 2);
        assert_eq!(writes.wrote(bob, 6), Some(Mono(2)));
        writes.forget(eve);
        assert_eq!(writes.wrote(ann, 10), Some(Mono(4)));
        assert!(writes.waiting.is_empty() && writes.current.is_none());
    }
}
