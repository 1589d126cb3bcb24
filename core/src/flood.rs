//! How fast lines, and connections from one address, may come: a token bucket, in integers.

use core::time::Duration;

use crate::config::{ConnectLimit, FloodLimit, RoomLimit};
use crate::time::{Mono, nanos};

/// A line takes one more token for each so many bytes of it.
const TOKEN_BYTES: usize = 1_024;

/// How many bytes of a line may be taken until it takes one more token, `taken` of it having been taken.
pub(crate) fn until_next_token(taken: usize) -> usize {
    TOKEN_BYTES - taken % TOKEN_BYTES
}

/// A limit on how fast something may come: `burst` at once, and as many again in `per`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    burst: u32,
    per: Duration,
}

impl Rate {
    /// So many at once, and as many again in `per`.
    pub(crate) const fn new(burst: u32, per: Duration) -> Self {
        Self { burst, per }
    }

    /// `factor` times as fast.
    pub(crate) const fn times(self, factor: u32) -> Self {
        Self { burst: self.burst.saturating_mul(factor), per: self.per }
    }

    /// Whether it lets anything through at all, and limits anything.
    pub(crate) fn is_sound(self) -> bool {
        self.burst > 0 && !self.per.is_zero()
    }
}

impl From<FloodLimit> for Rate {
    fn from(FloodLimit { lines, per }: FloodLimit) -> Self {
        Self { burst: lines, per }
    }
}

impl From<ConnectLimit> for Rate {
    fn from(ConnectLimit { connections, per }: ConnectLimit) -> Self {
        Self { burst: connections, per }
    }
}

impl From<RoomLimit> for Rate {
    fn from(RoomLimit { rooms, per }: RoomLimit) -> Self {
        Self { burst: rooms, per }
    }
}

/// The bucket of one connection, or of one address, as the time at which it will be full again.
///
/// This is the generic cell rate algorithm (ITU-T I.371, annex A, as a virtual schedule): one number, no drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket {
    full_at: Mono,
}

impl Bucket {
    /// Whether there is a token now, or when there will be.
    pub(crate) fn check(self, limit: impl Into<Rate>, now: Mono) -> Result<(), Mono> {
        let limit = limit.into();
        let allowed_at = Mono(self.after_one(limit, now).0.saturating_sub(nanos(limit.per)));
        if allowed_at > now { Err(allowed_at) } else { Ok(()) }
    }

    /// Takes a token.
    pub(crate) fn take(&mut self, limit: impl Into<Rate>, now: Mono) {
        self.full_at = self.after_one(limit.into(), now);
    }

    /// Takes so many more, which need not be there: the next one is to be had once they would be.
    pub(crate) fn take_more(&mut self, count: u32, limit: impl Into<Rate>, now: Mono) {
        let limit = limit.into();
        (0..count).for_each(|_| self.take(limit, now));
    }

    /// When all its tokens will be there, if no more are taken: the later, the more it has used of late.
    pub(crate) fn full_at(self, now: Mono) -> Mono {
        self.full_at.max(now)
    }

    /// Whether all its tokens are there: then nothing need be remembered of it.
    pub(crate) fn is_full(self, now: Mono) -> bool {
        self.full_at <= now
    }

    /// When the bucket will be full again if one more token is taken.
    fn after_one(self, limit: Rate, now: Mono) -> Mono {
        let cost = nanos(limit.per) / u64::from(limit.burst);
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
