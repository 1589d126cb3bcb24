//! Stamps as stores have them.

use chrono::{DateTime, Datelike, Utc};

/// The stamp of so many microseconds since 1970. What is in no year that can be shown, such as PostgreSQL's `infinity`, was
/// written by somebody else, and is 1970.
pub(crate) fn of_micros(micros: i64) -> DateTime<Utc> {
    let stamp = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    if (1..=9_999).contains(&stamp.year()) { stamp } else { DateTime::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_beyond_what_can_be_shown() {
        for micros in [i64::MIN, i64::MIN + 1, -62_167_219_200_000_001, 253_402_300_800_000_000, i64::MAX] {
            assert_eq!(of_micros(micros), DateTime::UNIX_EPOCH, "{micros}");
        }
        for micros in [-1, 0, 1_800_000_000_123_456, 253_402_300_799_999_999] {
            assert_eq!(of_micros(micros).timestamp_micros(), micros);
        }
    }
}
