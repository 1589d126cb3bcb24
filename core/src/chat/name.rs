//! Nicknames and room names: what may be one, when two are the same, and when two look alike.

use alloc::collections::BTreeMap;
use alloc::string::String;

use icu_casemap::CaseMapper;
use smol_str::{SmolStr, SmolStrBuilder};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The longest nickname, in characters.
pub(crate) const MAX_NICK: usize = 30;
/// The longest room name, in characters without its `#`.
pub(crate) const MAX_ROOM: usize = 49;

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

    /// Whether the two are different names that could pass for each other.
    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        let ascii = self.shown.is_ascii() && other.shown.is_ascii();
        !ascii && self.key != other.key && skeleton(&self.key) == skeleton(&other.key)
    }

    fn well_formed(name: &str, body: &str, max: usize) -> Option<Self> {
        // Bytes first: a line of 4,096 bytes is not worth normalising.
        if body.is_empty() || body.len() > max * 4 {
            return None;
        }
        let fits = body.chars().count() <= max && !body.starts_with(is_combining_mark);
        // Compatibility forms, which ASCII has none of, are checked as what they stand for: U+FDFA is a letter, but
        // hides spaces.
        let compatible = || body.is_ascii() || body.nfkc().all(is_name_char);
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
    // Letters and marks by category, but drawn as nothing: a name with these could pass for another, or for none.
    let invisible = matches!(
        c,
        '\u{34f}' | '\u{2d7f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{13441}' | '\u{13442}' | '\u{16fe4}'
            | '\u{e0100}'..='\u{e01ef}'
    );
    (c.is_alphanumeric() || is_combining_mark(c)) && !invisible
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

/// Who holds which name: at most one holder a key, and no two names that pass for each other.
///
/// Names of one skeleton stand side by side (Unicode Technical Standard 39, section 4), so one path through one tree
/// says whether a name is free: among a million, most of that path is in no cache. They are either in ASCII, all of
/// them, and never collide with each other (user1 and userl may both live), or there is only one.
#[derive(Debug)]
pub(crate) struct Directory<T> {
    holders: BTreeMap<Look, Holder<T>>,
}

/// A key behind what it looks like.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    skeleton: SmolStr,
    key: SmolStr,
}

#[derive(Debug)]
struct Holder<T> {
    holder: T,
    /// Whether the name, as its owner wrote it, is in ASCII.
    ascii: bool,
}

/// Why a name is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Somebody holds that very name.
    Same,
    /// Somebody holds a name that looks like it.
    LooksAlike,
}

impl<T> Default for Directory<T> {
    fn default() -> Self {
        Self { holders: BTreeMap::new() }
    }
}

impl<T: Copy> Directory<T> {
    /// Who holds the name with this key.
    pub(crate) fn holder(&self, key: &SmolStr) -> Option<T> {
        self.holders.get(&Look::of(key)).map(|held| held.holder)
    }

    /// Whether `name` is free for somebody who holds `own` until then.
    pub(crate) fn check(&self, name: &Name, own: Option<&Name>) -> Result<(), Taken> {
        let look = Look::of(&name.key);
        let is_own = |key: &SmolStr| own.is_some_and(|own| own.key == *key);
        if !is_own(&name.key) && self.holders.contains_key(&look) {
            return Err(Taken::Same);
        }
        let first = Look { skeleton: look.skeleton.clone(), key: SmolStr::default() };
        let alike = self.holders.range(first..).take_while(|(held, _)| held.skeleton == look.skeleton);
        match alike.filter(|(held, _)| !is_own(&held.key)).map(|(_, held)| held.ascii).next() {
            Some(ascii) if !ascii || !name.shown.is_ascii() => Err(Taken::LooksAlike),
            _ => Ok(()),
        }
    }

    /// Gives a free name to `holder`.
    pub(crate) fn insert(&mut self, name: &Name, holder: T) {
        let held = Holder { holder, ascii: name.shown.is_ascii() };
        let before = self.holders.insert(Look::of(&name.key), held);
        assert!(before.is_none(), "a name has one holder");
    }

    /// Frees a name.
    pub(crate) fn remove(&mut self, name: &Name) {
        self.holders.remove(&Look::of(&name.key)).expect("only a held name is freed");
    }

    /// How many names are held.
    pub(crate) fn len(&self) -> usize {
        self.holders.len()
    }
}

impl Look {
    fn of(key: &SmolStr) -> Self {
        Self { skeleton: skeleton(key), key: key.clone() }
    }
}

/// What a key looks like. Mostly like itself.
fn skeleton(key: &SmolStr) -> SmolStr {
    if !key.is_ascii() {
        return unicode_security::skeleton(key).collect::<String>().into();
    }
    if key.bytes().all(|byte| ascii_likeness(byte).is_none()) {
        return key.clone();
    }
    // Without a String, which would be made on the heap for each.
    let mut skeleton = SmolStrBuilder::new();
    for byte in key.bytes() {
        match ascii_likeness(byte) {
            Some(likeness) => skeleton.push_str(likeness),
            None => skeleton.push(char::from(byte)),
        }
    }
    skeleton.finish()
}

/// The skeleton of a byte that a key in ASCII may have; none, where it is the byte itself.
fn ascii_likeness(byte: u8) -> Option<&'static str> {
    match byte {
        b'0' => Some("O"),
        b'1' | b'|' => Some("l"),
        b'm' => Some("rn"),
        b'`' => Some("'"),
        _ => None,
    }
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

    #[test]
    fn the_skeletons_of_ascii_are_those_of_unicode() {
        for c in ('\0'..='\x7f').filter(|&c| is_name_char(c) && !c.is_ascii_uppercase() || c == '#') {
            let unicode: String = unicode_security::skeleton(c.encode_utf8(&mut [0; 4])).collect();
            let name = SmolStr::from(String::from_iter(["a", c.encode_utf8(&mut [0; 4])]));
            assert_eq!(*skeleton(&name), *alloc::format!("a{unicode}"), "{c:?}");
        }
    }

    #[test]
    fn look_alikes_are_refused_unless_both_are_ascii() {
        let mut names = Directory::default();
        names.insert(&nick("ann"), 1);
        assert_eq!(names.check(&nick("ANN"), None), Err(Taken::Same));
        assert_eq!(names.check(&nick("аnn"), None), Err(Taken::LooksAlike), "with a Cyrillic a");
        names.insert(&nick("user1"), 2);
        assert_eq!(names.check(&nick("userl"), None), Ok(()));
        names.insert(&nick("userl"), 4);
        assert_eq!(names.check(&nick("ｕser1"), Some(&nick("user1"))), Err(Taken::LooksAlike), "fullwidth");
        names.insert(&nick("раса"), 3);
        assert_eq!(names.check(&nick("paca"), None), Err(Taken::LooksAlike), "the Cyrillic one came first");
        names.remove(&nick("раса"));
        assert_eq!(names.check(&nick("paca"), None), Ok(()));
    }

    #[test]
    fn ones_own_name_is_no_obstacle() {
        let mut names = Directory::default();
        names.insert(&nick("ann"), 1);
        assert_eq!(names.check(&nick("Ann"), Some(&nick("ann"))), Ok(()));
        assert_eq!(names.check(&nick("аnn"), Some(&nick("ann"))), Ok(()), "with a Cyrillic a");
        assert_eq!(names.check(&nick("аnn"), Some(&nick("bob"))), Err(Taken::LooksAlike));
    }
}
