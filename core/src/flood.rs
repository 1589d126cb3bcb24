//! Flood control: a token bucket, in integers.

use core::time::Duration;

use crate::config::FloodLimit;
use crate::time::{Mono, nanos};

/// The bucket of one connection, as the time at which it will be full again.
///
/// This is the generic cell rate algorithm (ITU-T I.371, annex A, as a virtual schedule): one number, no drift.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    full_at: Mono,
}

impl Bucket {
    /// Whether there is a token for one line now, or when there will be.
    pub(crate) fn check(self, limit: FloodLimit, now: Mono) -> Result<(), Mono> {
        let allowed_at = Mono(self.after_one(limit, now).0.saturating_sub(nanos(limit.per)));
        if allowed_at > now { Err(allowed_at) } else { Ok(()) }
    }

    /// Takes the token of one line.
    pub(crate) fn take(&mut self, limit: FloodLimit, now: Mono) {
        self.full_at = self.after_one(limit, now);
    }

    /// When the bucket will be full again if one more line is let through.
    fn after_one(self, limit: FloodLimit, now: Mono) -> Mono {
        let cost = nanos(limit.per) / u64::from(limit.lines);
        self.full_at.max(now).after(Duration::from_nanos(cost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: FloodLimit = FloodLimit { lines: 20, per: Duration::from_secs(4) };
    const SECOND: u64 = 1_000_000_000;

    /// Lines that come through at once.
    fn burst(bucket: &mut Bucket, now: Mono) -> usize {
        let mut lines = 0;
        while bucket.check(LIMIT, now).is_ok() {
            bucket.take(LIMIT, now);
            lines += 1;
        }
        lines
    }

    #[test]
    fn a_full_bucket_then_its_refill() {
        let mut bucket = Bucket::default();
        let start = Mono(10 * SECOND);
        assert_eq!(burst(&mut bucket, start), 20);
        let next = bucket.check(LIMIT, start).unwrap_err();
        assert_eq!(next, Mono(start.0 + SECOND / 5));
        assert_eq!(bucket.check(LIMIT, Mono(next.0 - 1)), Err(next));
        assert_eq!(burst(&mut bucket, next), 1);
    }

    #[test]
    fn refills_to_the_brim_and_no_further() {
        let mut bucket = Bucket::default();
        assert_eq!(burst(&mut bucket, Mono(SECOND)), 20);
        assert_eq!(burst(&mut bucket, Mono(1_000 * SECOND)), 20);
    }
}
