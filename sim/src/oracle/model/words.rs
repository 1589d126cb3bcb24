//! What words of a line mean.

use chrono::{DateTime, NaiveDate, Utc};

/// Whether the first line is an HTTP request: method, target, version.
pub(super) fn is_http(line: &str) -> bool {
    let words: Vec<_> = line.split(' ').collect();
    let method = words[0];
    words.len() >= 3
        && !method.is_empty()
        && method.chars().all(|c| c.is_ascii_graphic())
        && words[words.len() - 1].starts_with("HTTP/")
}

/// The first word, and what stands behind it and its spaces.
pub(super) fn split_word(text: &str) -> (&str, &str) {
    match text.find([' ', '\t']) {
        None => (text, ""),
        Some(at) => (&text[..at], text[at + 1..].trim_ascii_start()),
    }
}

pub(super) fn non_empty(text: &str) -> Option<&str> {
    (!text.trim_ascii().is_empty()).then_some(text)
}

/// What a line is where the store does not answer: none, if it is always served; else whether it is said to a room.
pub(super) fn refusable(text: &str) -> Option<bool> {
    let Some(command) = text.strip_prefix('/').filter(|command| !command.starts_with('/')) else {
        return Some(!text.is_empty());
    };
    let (word, rest) = split_word(command);
    let given = non_empty(rest).is_some();
    match word.to_ascii_lowercase().as_str() {
        "quit" => None,
        "me" | "topic" => Some(given),
        "msg" => Some(rest.starts_with('#') && non_empty(split_word(rest).1).is_some()),
        _ => Some(false),
    }
}

/// `YYYY-MM-DD`, or with `THH:MM` behind it; its first moment.
pub(super) fn point_in_time(text: &str) -> Option<DateTime<Utc>> {
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00"));
    let numbers = |text: &str, between: char| -> Option<Vec<u32>> {
        let digits = |part: &&str| {
            !part.is_empty() && part.len() < 6 && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        text.split(between).map(|part| Some(part).filter(digits)?.parse().ok()).collect()
    };
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let (&[year, month, day], &[hour, minute]) = (&date[..], &time[..]) else { return None };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(date.and_hms_opt(hour, minute, 0)?.and_utc())
}
