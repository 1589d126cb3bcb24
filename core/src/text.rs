//! Text as chat carries it, and as a terminal may see it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// A line's bytes as chat text: valid UTF-8 without NUL, CR and LF, each replaced by U+FFFD.
pub(crate) fn from_wire(line: &[u8]) -> Cow<'_, str> {
    // The check for what is mostly the case is the faster one.
    let text = str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    if memchr::memchr3(b'\0', b'\r', b'\n', text.as_bytes()).is_none() {
        return text;
    }
    Cow::Owned(text.chars().map(|c| if matches!(c, '\0' | '\r' | '\n') { REPLACEMENT } else { c }).collect())
}

/// Whether a terminal may act on `c` instead of showing it: control characters except TAB, line and paragraph
/// separators, and what overrides the direction of text.
fn is_unsafe(c: char) -> bool {
    match c {
        '\t' => false,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => c.is_control(),
    }
}

/// Whether all of it is ASCII that a terminal shows. Without a way out of the loop, it looks at many bytes at a time.
fn is_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~' | b'\t'))
}

/// Appends the parts of a text with everything that a terminal may act on replaced by U+FFFD.
pub(crate) fn push_for_terminal(out: &mut Vec<u8>, parts: &[&str]) {
    let start = out.len();
    // The end of the line follows.
    out.reserve(parts.iter().map(|part| part.len()).sum::<usize>() + 1);
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    if is_plain(&out[start..]) {
        return;
    }
    out.truncate(start);
    let mut buffer = [0; 4];
    for c in parts.iter().flat_map(|part| part.chars()) {
        let shown = if is_unsafe(c) { REPLACEMENT } else { c };
        out.extend_from_slice(shown.encode_utf8(&mut buffer).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = Vec::new();
        push_for_terminal(&mut out, &[text]);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_terminal_acts_on_is_made_visible() {
        assert_eq!(shown("a\x1b[31mb\tc\x07"), "a\u{fffd}[31mb\tc\u{fffd}");
        assert_eq!(
            shown("\u{9b}2J \u{202e}abc\u{2066} \u{2028}\u{2029}"),
            "\u{fffd}2J \u{fffd}abc\u{fffd} \u{fffd}\u{fffd}"
        );
        assert_eq!(shown("grüße 日本 👩‍👩‍👧 עברית"), "grüße 日本 👩‍👩‍👧 עברית");
    }

    #[test]
    fn the_wire_may_carry_anything() {
        assert_eq!(from_wire(b"plain"), "plain");
        assert_eq!(from_wire(b"a\0b\rc\xff\xc3"), "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}");
    }
}
