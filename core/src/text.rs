//! Text as chat carries it, and as a terminal may see it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::keys;

const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// A line's bytes as chat text: edited by the keys that do so, and valid UTF-8 without NUL, CR and LF, each replaced by
/// U+FFFD.
pub(crate) fn from_wire(line: &[u8]) -> Cow<'_, str> {
    // The check for what is mostly the case is the faster one.
    let text = str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    if has_controls(text.as_bytes()) { Cow::Owned(without_controls(&text)) } else { text }
}

/// Without a way out of the loop, it looks at many bytes at a time.
fn has_controls(text: &[u8]) -> bool {
    text.iter().fold(false, |any, &byte| any | (byte < b' ' && byte != b'\t' || byte == 0x7f))
}

#[cold]
fn without_controls(text: &str) -> String {
    let replaced = |c| if matches!(c, '\0' | '\r' | '\n') { REPLACEMENT } else { c };
    keys::edited(&text.chars().map(replaced).collect::<String>())
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

/// Whether `c` is drawn as nothing (while no terminal acts on it): white space (Unicode's property), what renderers are to ignore (the property
/// Default_Ignorable_Code_Point), and letters and signs that are blank by design.
pub(crate) fn is_blank(c: char) -> bool {
    match c {
        ' ' | '\t' => true,
        '\0'..='\x7f' => false,
        // It is seen as U+FFFD.
        _ if is_unsafe(c) => false,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' => true,
        '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' => true,
        '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        '\u{2800}' | '\u{2d7f}' | '\u{13441}' | '\u{13442}' | '\u{16fe4}' | '\u{1d159}' => true,
        _ => c.is_whitespace(),
    }
}

/// Columns that a run of blanks takes at most. With more, a text could fill up its row of a terminal, and begin the next
/// one as if it were another's.
const WIDEST_BLANK: usize = 8;

/// How wide a run of blanks is that was so wide before this one. Terminals disagree on those without a width, so they
/// count, too.
fn wider(run: usize, blank: char) -> usize {
    match blank {
        '\t' => (run / 8 + 1) * 8,
        '\u{3000}' => run + 2,
        _ => run + 1,
    }
}

/// Whether all of it is ASCII that a terminal shows, without TAB. Without a way out of the loop, it looks at many bytes at
/// a time.
fn is_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// Whether there may be too long a run of spaces: any with more than [`WIDEST_BLANK`] has one that stands at a multiple of
/// it, and another before that.
fn may_have_gaps(text: &[u8]) -> bool {
    (WIDEST_BLANK..text.len()).step_by(WIDEST_BLANK).any(|at| text[at] == b' ' && text[at - 1] == b' ')
}

/// Appends the parts of a text with everything that a terminal may act on replaced by U+FFFD, and with runs of blanks
/// shortened.
pub(crate) fn push_for_terminal(out: &mut Vec<u8>, parts: &[&str]) {
    let start = out.len();
    // The end of the line follows.
    out.reserve(parts.iter().map(|part| part.len()).sum::<usize>() + 1);
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    if is_plain(&out[start..]) && !may_have_gaps(&out[start..]) {
        return;
    }
    out.truncate(start);
    let mut blank = 0;
    for c in parts.iter().flat_map(|part| part.chars()) {
        blank = if is_blank(c) { wider(blank, c) } else { 0 };
        if blank <= WIDEST_BLANK {
            push_safe(out, c);
        }
    }
}

/// Appends a text that is not a user's, with everything that a terminal may act on replaced.
pub(crate) fn push_as_set(out: &mut Vec<u8>, text: &str) {
    text.chars().for_each(|c| push_safe(out, c));
}

fn push_safe(out: &mut Vec<u8>, c: char) {
    let shown = if is_unsafe(c) { REPLACEMENT } else { c };
    out.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
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
    fn blanks_fill_no_row() {
        let forged = "[12:00:07] #lobby <bob> I resign";
        for blank in [" ", "\u{a0}", "\u{2003}", "\u{2800}", "\u{3164}", "\u{200b}", " \u{200b}", "\u{e0020}"]
        {
            let shown = shown(&alloc::format!("hi{}{forged}", blank.repeat(60)));
            let kept = blank.repeat(WIDEST_BLANK / blank.chars().count());
            assert_eq!(shown, alloc::format!("hi{kept}{forged}"), "{}", blank.escape_unicode());
        }
        assert_eq!(shown("a\t\t\tb"), "a\tb");
        assert_eq!(shown("a    \t\tb \t c"), "a    \tb \tc");
        assert_eq!(
            shown(&alloc::format!("a{}b", "\u{3000}".repeat(9))),
            alloc::format!("a{}b", "\u{3000}".repeat(4))
        );
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["\tif x {", "        return x", "👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم", "a  b   c", "one. two.  three"]
        {
            assert_eq!(shown(text), text);
        }
        for length in 0..40 {
            let text = alloc::format!("{}        x", "y".repeat(length));
            assert_eq!(shown(&text), text);
            let text = alloc::format!("{}         x", "y".repeat(length));
            assert_eq!(shown(&text).len(), text.len() - 1, "from {length} on");
        }
    }

    #[test]
    fn the_wire_may_carry_anything() {
        assert_eq!(from_wire(b"plain"), "plain");
        assert_eq!(from_wire(b"a\0b\rc\xff\xc3"), "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}");
        assert_eq!(
            from_wire(b"\x1b[31m\x01\tx"),
            "\x1b[31m\x01\tx",
            "what terminals may see is for others to say"
        );
        assert_eq!(from_wire(b"helo\x08lo\0\x7f"), "hello");
    }
}
