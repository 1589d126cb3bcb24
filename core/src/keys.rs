//! Keys that edit a line. Terminals in line mode keep them to themselves; the others send each key, and show its author
//! the line as it is edited (POSIX.1-2017, section 11.1.6: ERASE and KILL). So that is what the line has to be.

use alloc::string::String;

use unicode_segmentation::UnicodeSegmentation as _;

/// Backspace: erases a character.
pub(crate) const ERASE: u8 = 0x08;
/// The other one that does.
const DELETE: u8 = 0x7f;
/// Ctrl-U: erases the line.
pub(crate) const KILL: u8 = 0x15;

/// What is looked at, in bytes, to find where the last character begins. No family and no flag takes a third of it, and
/// erasing costs the same wherever it happens.
const FARTHEST: usize = 128;

/// The line that came of these keys, by whole characters as people see them (Unicode Standard Annex 29).
pub(crate) fn edited(keys: &str) -> String {
    let mut line = String::new();
    for run in keys.split_inclusive(is_key) {
        match run.bytes().next_back() {
            Some(KILL) => line.clear(),
            Some(ERASE | DELETE) => {
                line.push_str(&run[..run.len() - 1]);
                erase_last(&mut line);
            }
            _ => line.push_str(run),
        }
    }
    line
}

fn is_key(c: char) -> bool {
    u8::try_from(c).is_ok_and(|byte| matches!(byte, ERASE | DELETE | KILL))
}

fn erase_last(line: &mut String) {
    let from = line.floor_char_boundary(line.len().saturating_sub(FARTHEST));
    let last = line[from..].grapheme_indices(true).next_back();
    line.truncate(last.map_or(0, |(at, _)| from + at));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_what_was_seen() {
        assert_eq!(edited("helo\u{8}lo"), "hello");
        assert_eq!(edited("bob\u{7f}\u{7f}\u{7f}ann"), "ann");
        assert_eq!(edited("\u{8}\u{8}ann\u{8}"), "an", "there may be nothing to erase");
        assert_eq!(edited("never mind\u{15}hello"), "hello");
        assert_eq!(edited("x\u{8}"), "");
        assert_eq!(edited("ann\u{8}\u{301}"), "an\u{301}", "what follows may join what is left");
    }

    #[test]
    fn characters_are_erased_as_a_whole() {
        for character in ["é", "e\u{301}", "日", "👩‍👩‍👧", "🇩🇪", "👍🏽", "நி", "\u{fffd}", "각"]
        {
            let erased = edited(&alloc::format!("a{character}\u{8}b"));
            assert_eq!(erased, "ab", "{character}");
        }
        assert_eq!(edited("🇩🇪🇫🇷\u{7f}"), "🇩🇪");
    }

    #[test]
    fn what_cannot_be_one_character_goes_in_parts() {
        let tower = alloc::format!("e{}", "\u{301}".repeat(1_000));
        assert_eq!(edited(&alloc::format!("{tower}{}", "\u{8}".repeat(16))), "");
        assert!(edited(&alloc::format!("{tower}\u{8}")).len() >= tower.len() - FARTHEST);
    }
}
