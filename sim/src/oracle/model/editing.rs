//! Keys that erase what was typed before them.
//!
//! What is one character is said by hand, of those that are used in runs: one that used the engine's tables would share
//! their mistakes.

use super::framing::{BACKSPACE, CTRL_U};

/// The line that is left of these keys.
pub(super) fn edited(keys: &str) -> String {
    let mut characters: Vec<String> = Vec::new();
    for key in keys.chars() {
        if key == char::from(BACKSPACE) || key == '\u{7f}' {
            characters.pop();
        } else if key == char::from(CTRL_U) {
            characters.clear();
        } else {
            match characters.last_mut().filter(|last| goes_with(last, key)) {
                Some(last) => last.push(key),
                None => characters.push(key.into()),
            }
        }
    }
    characters.concat()
}

/// Whether `key` is drawn as a part of what was typed last.
fn goes_with(last: &str, key: char) -> bool {
    const JOINER: char = '\u{200d}';
    let is_control = last.chars().all(char::is_control);
    let flag = |c: char| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c);
    let is_half_a_flag = last.chars().count() == 1 && last.chars().all(flag);
    let is_mark = matches!(key, JOINER | '\u{300}'..='\u{36f}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}');
    let is_person = |c: char| ('\u{1f300}'..='\u{1faff}').contains(&c);
    let joined = last.ends_with(JOINER) && last.starts_with(is_person) && is_person(key);
    !is_control && is_mark || joined || is_half_a_flag && flag(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_erased() {
        let cases = [
            ("ax\u{8}b", "ab"),
            ("x\u{7f}\u{7f}ab", "ab"),
            ("no\u{15}yes", "yes"),
            ("ae\u{301}\u{8}b", "ab"),
            ("a👩‍👩‍👧\u{8}b", "ab"),
            ("🇩🇪🇫🇷\u{8}", "🇩🇪"),
        ];
        for (keys, line) in cases {
            assert_eq!(edited(keys), line, "{keys:?}");
        }
    }
}
