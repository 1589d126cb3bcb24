//! The last event before a moment, by binary search: stamps go up with the numbers, but for jumps of the clock.

use chrono::{DateTime, Utc};

/// The newest event from `oldest` to `newest` that is older than `before`. `next` finds the first event from a number
/// on. If the clock jumped, it is one of those after which a newer event follows.
pub(crate) fn last_before<E>(
    (oldest, newest): (u64, u64),
    before: DateTime<Utc>,
    mut next: impl FnMut(u64) -> Result<Option<(u64, DateTime<Utc>)>, E>,
) -> Result<Option<u64>, E> {
    let mut found = None;
    let (mut low, mut high) = (oldest, newest);
    while low <= high {
        let middle = low + (high - low) / 2;
        match next(middle)?.filter(|&(seq, _)| seq <= high) {
            Some((seq, at)) if at < before => {
                found = Some(seq);
                low = seq + 1;
            }
            // Nothing is there, or what is there is too new.
            _ if middle == 0 => break,
            _ => high = middle - 1,
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_ends() {
        let events = [3_u64, 4, 9, 10, 20];
        let at = |seq: u64| DateTime::from_timestamp(i64::try_from(seq).unwrap(), 0).unwrap();
        for before in 0..25 {
            let expected = events.iter().rev().find(|&&seq| seq < before).copied();
            let next = |from| Ok::<_, ()>(events.iter().find(|&&seq| seq >= from).map(|&seq| (seq, at(seq))));
            assert_eq!(last_before((3, 20), at(before), next), Ok(expected), "{before}");
        }
    }
}
