//! The last event before a moment, by binary search: stamps go up with the numbers, but where the clock was set back.

use chrono::{DateTime, Utc};

/// The newest event from `oldest` to `newest` that is older than `before`; `next` finds the first event from a number on.
///
/// From the newest on it goes back in steps that double, so that what was stamped by a clock that was set back since hides
/// nothing: where one end of a step has a later stamp than the newer one, it looks where the clock was set back.
pub(crate) fn last_before<E>(
    (oldest, newest): (u64, u64),
    before: DateTime<Utc>,
    mut next: impl FnMut(u64) -> Result<Option<(u64, DateTime<Utc>)>, E>,
) -> Result<Option<u64>, E> {
    // What is from here on is too new. It may be a number without an event.
    let mut end = newest.saturating_add(1);
    let mut stamp_of_end = None;
    let mut step = 1;
    while end > oldest {
        let start = end.saturating_sub(step).max(oldest);
        step = step.saturating_mul(2);
        let Some((seq, at)) = next(start)?.filter(|&(seq, _)| seq < end) else {
            end = start;
            continue;
        };
        let mut found = (at < before).then_some(seq);
        // What follows, if it is stamped later than what comes after it.
        let mut ahead = Some((seq, at));
        loop {
            if let Some(first) = found {
                let last = last_of_run((first, end), before, &mut next)?;
                found = Some(last);
                ahead = next(last + 1)?.filter(|&(seq, _)| seq < end);
            }
            let Some(ahead) = ahead.filter(|&(_, at)| stamp_of_end.is_some_and(|newer| at > newer)) else {
                break;
            };
            let run = beginning_of_run(ahead, end, &mut next)?;
            let Some((first, _)) = run.filter(|&(_, at)| at < before) else { break };
            found = Some(first);
        }
        if found.is_some() {
            return Ok(found);
        }
        (end, stamp_of_end) = (seq, Some(at));
    }
    Ok(None)
}

/// The last event of those from `first` to before `end` that is older than `before`, as the first one is; they go up.
fn last_of_run<E>(
    (first, end): (u64, u64),
    before: DateTime<Utc>,
    next: &mut impl FnMut(u64) -> Result<Option<(u64, DateTime<Utc>)>, E>,
) -> Result<u64, E> {
    let (mut found, mut low, mut high) = (first, first + 1, end);
    while low < high {
        let middle = low + (high - low) / 2;
        match next(middle)?.filter(|&(seq, _)| seq < high) {
            Some((seq, at)) if at < before => (found, low) = (seq, seq + 1),
            // Nothing is there, or what is there is too new.
            _ => high = middle,
        }
    }
    Ok(found)
}

/// Where the clock was set back: the first event before `end` with a stamp that is earlier than that of the one before it.
/// The event `start` is older, with a later stamp than the one at `end`.
fn beginning_of_run<E>(
    (start, stamp): (u64, DateTime<Utc>),
    end: u64,
    next: &mut impl FnMut(u64) -> Result<Option<(u64, DateTime<Utc>)>, E>,
) -> Result<Option<(u64, DateTime<Utc>)>, E> {
    let (mut found, mut low, mut high) = (None, start + 1, end);
    while low < high {
        let middle = low + (high - low) / 2;
        match next(middle)?.filter(|&(seq, _)| seq < high) {
            Some((seq, at)) if at >= stamp => low = seq + 1,
            Some(event) => (found, high) = (Some(event), middle),
            None => high = middle,
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> DateTime<Utc> {
        DateTime::from_timestamp(i64::try_from(second).unwrap(), 0).unwrap()
    }

    /// What is found among events with these numbers and stamps.
    fn found(events: &[(u64, u64)], before: u64) -> Option<u64> {
        let next = |from| {
            let event = events.iter().find(|&&(seq, _)| seq >= from);
            Ok::<_, ()>(event.map(|&(seq, stamp)| (seq, at(stamp))))
        };
        let ends = (events[0].0, events[events.len() - 1].0);
        last_before(ends, at(before), next).unwrap()
    }

    #[test]
    fn gaps_and_ends() {
        let events = [3_u64, 4, 9, 10, 20].map(|seq| (seq, seq));
        for before in 0..25 {
            let expected = events.iter().rev().find(|&&(_, stamp)| stamp < before).map(|&(seq, _)| seq);
            assert_eq!(found(&events, before), expected, "{before}");
        }
    }

    #[test]
    fn what_was_stamped_by_a_clock_that_was_set_back_hides_nothing() {
        // A year ahead for a hundred events, and then right; before that, another ten that are older.
        for ahead in [1, 2, 100] {
            let older = (1..=10).map(|seq| (seq, seq));
            let wrong = (11..11 + ahead).map(|seq| (seq, 1_000_000 + seq));
            let right = (11 + ahead..=400).map(|seq| (seq, seq));
            let events: Vec<_> = older.chain(wrong).chain(right).collect();
            for before in 2..=500 {
                let expected = events.iter().rev().find(|&&(_, stamp)| stamp < before).map(|&(seq, _)| seq);
                assert_eq!(found(&events, before), expected, "{ahead} {before}");
            }
            assert_eq!(found(&events, 1), None);
            assert_eq!(found(&events, 2_000_000), Some(400));
        }
    }
}
