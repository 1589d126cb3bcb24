//! The one source of every choice: bytes that a seed, a fuzzer or a shrinker provides.
//!
//! A tape is a header, which says what the world is like, and records, each of which says one thing that
//! happens. What a byte decides depends on its place alone: dropping a record leaves the others as they were,
//! zeroing a byte makes its choice the simplest, and cutting the tape short makes the run shorter.

use std::time::Duration;

/// Bytes of the header.
pub const HEADER: usize = 72;
/// Bytes of a record.
pub const RECORD: usize = 8;

/// How many records a seed makes: from, to, and out of sixteen seeds how many.
const LENGTHS: [(usize, usize, u32); 3] = [(30, 600, 13), (2, 30, 2), (600, 4_000, 1)];

/// Everything that is decided about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    header: [u8; HEADER],
    records: Vec<[u8; RECORD]>,
}

impl Tape {
    /// The tape of a seed, for ever the same. Its first eight bytes are the seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut header = [0; HEADER];
        rng.fill(&mut header);
        header[..8].copy_from_slice(&seed.to_le_bytes());
        let mut length = Draws::new(&[]).with(rng.clone());
        let (from, to, _) = LENGTHS[length.weighted(&LENGTHS.map(|(_, _, weight)| weight))];
        let count = from + length.below(to - from);
        rng.draw();
        let records = (0..count).map(|_| rng.draw().to_le_bytes()).collect();
        Self { header, records }
    }

    /// Any bytes are a tape: what is missing of the header or of the last record is zero.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (head, rest) = bytes.split_at(bytes.len().min(HEADER));
        Self { header: padded(head), records: rest.chunks(RECORD).map(padded).collect() }
    }

    /// A tape of these parts.
    #[must_use]
    pub fn new(header: [u8; HEADER], records: Vec<[u8; RECORD]>) -> Self {
        Self { header, records }
    }

    /// What [`from_bytes`](Self::from_bytes) makes this tape of.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.header[..], self.records.as_flattened()].concat()
    }

    /// What the world is like.
    #[must_use]
    pub fn header(&self) -> &[u8; HEADER] {
        &self.header
    }

    /// What happens, in order.
    #[must_use]
    pub fn records(&self) -> &[[u8; RECORD]] {
        &self.records
    }

    /// For what is decided beyond the tape: its first eight bytes.
    #[must_use]
    pub fn seed(&self) -> u64 {
        u64::from_le_bytes(padded(&self.header[..8]))
    }
}

fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut all = [0; N];
    all[..bytes.len()].copy_from_slice(bytes);
    all
}

/// Choices out of a few bytes: first the bytes themselves, then numbers that follow from them.
///
/// A choice made of zeros is the simplest one: `false`, 0, the first of several. Bytes that are all zero are
/// followed by zeros.
#[derive(Clone, Debug)]
pub struct Draws<'a> {
    bytes: &'a [u8],
    rest: Option<Rng>,
}

impl<'a> Draws<'a> {
    /// Choices out of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let simple = bytes.iter().all(|&byte| byte == 0);
        // FNV-1a: every byte counts, and the order of them.
        let seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { bytes, rest: (!simple).then(|| Rng::new(seed)) }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        if let Some((&byte, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            return byte;
        }
        // The upper bits of splitmix64 are as good as the lower ones.
        self.rest.as_mut().map_or(0, |rng| (rng.draw() >> 56) as u8)
    }

    /// The next eight bytes, as a number.
    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number below `bound`, which is neither 0 nor above 2^24. It grows with the bytes it is made of.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(0 < bound && bound <= 1 << 24, "{bound} is no bound for a few bytes");
        let taken = if bound <= 1 << 6 { 1 } else { 2 + usize::from(bound > 1 << 14) };
        let number = (0..taken).fold(0_u64, |number, _| number << 8 | u64::from(self.byte()));
        ((number * bound as u64) >> (8 * taken)) as usize
    }

    /// A number from `least` to `most`, both of them possible.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// True about once in `count` times, of which there are at most 2^24.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) + 1 == count
    }

    /// One of these.
    pub fn pick<'b, T>(&mut self, of: &'b [T]) -> &'b T {
        &of[self.below(of.len())]
    }

    /// The index of one of these weights, each as likely as it is heavy. One without weight is never it.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: usize = weights.iter().map(|&weight| weight as usize).sum();
        let mut left = self.below(total);
        for (index, &weight) in weights.iter().enumerate() {
            match left.checked_sub(weight as usize) {
                None => return index,
                Some(less) => left = less,
            }
        }
        unreachable!("the number is below the sum of all weights")
    }

    /// A whole number of milliseconds below `bound`.
    pub fn millis_below(&mut self, bound: usize) -> Duration {
        Duration::from_millis(self.below(bound) as u64)
    }

    fn with(mut self, rng: Rng) -> Self {
        self.rest = Some(rng);
        self
    }
}

/// Numbers that look random and follow from a seed: splitmix64, our own, so that no update of a library changes
/// what a seed means.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Every seed is as good as any other.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.draw().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_for_ever() {
        // The reference values of splitmix64 for seed 0.
        let mut rng = Rng::new(0);
        assert_eq!([rng.draw(), rng.draw()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        let tape = Tape::from_seed(7);
        assert_eq!((tape.seed(), &tape), (7, &Tape::from_seed(7)));
        assert_ne!(tape, Tape::from_seed(8));
    }

    #[test]
    fn any_bytes_are_a_tape() {
        assert_eq!(Tape::from_bytes(&[]), Tape::new([0; HEADER], Vec::new()));
        let tape = Tape::from_bytes(&[1; HEADER + RECORD + 1]);
        assert_eq!(tape.records(), [[1; RECORD], [1, 0, 0, 0, 0, 0, 0, 0]]);
        assert_eq!(Tape::from_bytes(&tape.to_bytes()), tape);
    }

    #[test]
    fn seeds_make_runs_of_many_lengths() {
        let lengths = (0..200).map(|seed| Tape::from_seed(seed).records().len());
        let (short, long): (Vec<_>, Vec<_>) = lengths.partition(|&length| length < 600);
        assert!(short.len() > 150 && long.len() > 2, "{} and {}", short.len(), long.len());
        assert!(short.iter().min() < Some(&30) && long.iter().max() > Some(&1_500), "{long:?}");
    }

    #[test]
    fn zeros_are_simple_for_ever() {
        let mut draws = Draws::new(&[0, 0]);
        for _ in 0..20 {
            assert_eq!((draws.below(7), draws.one_in(3), draws.weighted(&[0, 1, 2])), (0, false, 1));
        }
        assert_eq!(draws.u64(), 0);
    }

    #[test]
    fn the_bytes_come_first_and_all_is_within_bounds() {
        let mut draws = Draws::new(&[255, 3]);
        assert_eq!((draws.below(10), draws.byte()), (9, 3));
        let more: Vec<u8> = (0..64).map(|_| draws.byte()).collect();
        assert!(more.iter().any(|&byte| byte != more[0]));
        for bound in [1, 2, 64, 65, 1_000, 16_385, 1 << 24] {
            assert!((0..500).all(|_| draws.below(bound) < bound));
        }
        assert!((0..500).all(|_| draws.weighted(&[5, 0, 1]) != 1));
        assert!((0..500).any(|_| draws.one_in(9)));
    }
}
