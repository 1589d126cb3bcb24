//! Nicknames and room names: what may be one, and when two are the same.

use alloc::string::String;

use icu_casemap::CaseMapper;
use smol_str::SmolStr;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::text::is_blank;

/// The longest nickname, in characters.
pub(crate) const MAX_NICK: usize = 30;
/// The longest room name, in characters without its `#`.
pub(crate) const MAX_ROOM: usize = 49;
/// The most marks that may stand behind one letter. Burmese has five; towers of them reach into other lines.
const MAX_MARKS: usize = 5;

/// A well-formed name and the key by which it is compared. While they have at most 23 bytes, both are kept in place:
/// whoever is looked up among a million is compared with names that are in no cache, and these come along with the
/// node of the tree that holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// As its owner wrote it.
    pub(crate) shown: SmolStr,
    /// NFKC(case fold(NFKC(shown))): names with one key are one name.
    pub(crate) key: SmolStr,
}

impl Name {
    /// A nickname, if `name` may be one.
    pub(crate) fn nick(name: &str) -> Option<Self> {
        Self::well_formed(name, name, MAX_NICK)
    }

    /// A room name, if `name` may be one: `#` and then what a nickname is made of.
    pub(crate) fn room(name: &str) -> Option<Self> {
        Self::well_formed(name, name.strip_prefix('#')?, MAX_ROOM)
    }

    fn well_formed(name: &str, body: &str, max: usize) -> Option<Self> {
        // Bytes first: a line of 4,096 bytes is not worth normalising.
        if body.is_empty() || body.len() > max * 4 {
            return None;
        }
        let fits = body.chars().count() <= max && !body.starts_with(is_combining_mark);
        // Compatibility forms, which ASCII has none of, are checked as what they stand for: U+FDFA is a letter, but
        // hides spaces.
        let compatible = || body.is_ascii() || body.nfkc().all(is_name_char) && is_moderate(body);
        let well_formed = fits && body.chars().all(is_name_char) && compatible();
        well_formed.then(|| {
            let shown = SmolStr::from(name);
            Self { key: key(&shown), shown }
        })
    }
}

/// What a room with this name, its `#` included, is known by in [`RoomRecord::key`](crate::RoomRecord); none, if no room
/// may be called that.
#[must_use]
pub fn room_key(name: &str) -> Option<String> {
    Name::room(name).map(|name| String::from(name.key))
}

/// Letters and digits of any script with the marks that belong to them, and the punctuation that IRC allows.
fn is_name_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "-_[]{}|^\\`".contains(c);
    }
    // Some letters and marks are drawn as nothing: a name with these could pass for another, or for none.
    (c.is_alphanumeric() || is_combining_mark(c)) && !is_blank(c)
}

/// Whether no letter has too many marks, nor one twice, which looks like once (Unicode Technical Standard 39, section 5.4).
fn is_moderate(name: &str) -> bool {
    let mut marks = 0;
    let mut before = None;
    name.nfd().all(|c| {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        let is_twice = before.replace(c) == Some(c) && marks > 0;
        marks <= MAX_MARKS && !is_twice
    })
}

fn key(name: &SmolStr) -> SmolStr {
    if !name.is_ascii() {
        let composed: String = name.nfkc().collect();
        return CaseMapper::new().fold_string(&composed).nfkc().collect::<String>().into();
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return name.to_ascii_lowercase().into();
    }
    name.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(name: &str) -> Name {
        Name::nick(name).unwrap_or_else(|| panic!("{name} is a nickname"))
    }

    #[test]
    fn what_may_be_a_name() {
        for good in [
            "ann",
            "Ann_[42]",
            "a-b{c}|^\\`",
            "Jürgen",
            "日本語",
            "аня",
            "नमस्ते",
            &"x".repeat(30),
            &"語".repeat(30),
            "Việt",
            "Vie\u{323}\u{302}t",
            "မြွှေ့",
            "שָׁלוֹם",
            "e\u{301}\u{302}\u{303}\u{304}\u{305}",
        ] {
            assert!(Name::nick(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a#b",
            "a<b",
            "a/b",
            "a\u{200b}b",
            "\u{202e}a",
            "\u{3164}",
            "ﷺ",
            "½",
            "a\tb",
            "\u{301}a",
            "a\u{fe0f}",
            "\u{13441}",
            "a\u{16fe4}",
            "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
            "\u{1ec7}\u{303}\u{304}\u{305}\u{306}",
            "e\u{301}\u{301}",
            "\u{e9}\u{301}",
            &"x".repeat(31),
        ] {
            assert!(Name::nick(bad).is_none(), "{bad:?}");
        }
        let room = |chars| Name::room(&alloc::format!("#{}", "r".repeat(chars)));
        assert!(room(49).is_some() && room(50).is_none());
        assert!(Name::room("lobby").is_none() && Name::room("#").is_none() && Name::room("##a").is_none());
    }

    #[test]
    fn one_key_is_one_name() {
        assert_eq!(nick("STRASSE").key, nick("Straße").key);
        assert_eq!(nick("ＡＮＮ").key, nick("ann").key);
        assert_eq!(nick("Ångström").key, nick("a\u{30a}ngstro\u{308}m").key);
        assert_ne!(nick("ann").key, nick("anna").key);
    }
}
