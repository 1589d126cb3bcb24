//! What names look like.
//!
//! Upper and lower case are one name, so whoever knows `bob` takes `Bob` for the same: a name passes for another that looks
//! like *some* way of writing it. `Вob` with a Cyrillic letter looks like `Bob`, and nothing else that it can be written as
//! does. So a name has the looks of all that it may be shown as, and two pass for each other if they share one:
//!
//! - as its owner wrote it, in lower case, in upper case, and with a capital: the skeletons of these (Unicode Technical
//!   Standard 39, section 4);
//! - in a skeleton, what is ASCII counts without case, and what is alike in one case is alike: `I` is drawn as `l`, so `i`
//!   and `l` are one. Thereby a name in ASCII has one look, in whatever mixture of cases, and none can be imitated.

use alloc::string::String;

use smallvec::{SmallVec, smallvec};
use smol_str::{SmolStr, SmolStrBuilder};

use super::name::Name;

/// The looks of a name, each once. Mostly one.
pub(super) type Looks = SmallVec<[SmolStr; 1]>;

impl Name {
    /// All that it looks like. The first is that of its key.
    pub(super) fn looks(&self) -> Looks {
        let mut looks: Looks = smallvec![look(&self.key)];
        if !self.shown.is_ascii() {
            let upper = self.key.to_uppercase();
            // Mostly the key itself; but Greek has a letter for ends of words, and Cherokee folds to its capitals.
            let lower = upper.to_lowercase();
            for written in [&*self.shown, &upper, &lower, &capitalised(&lower), &capitalised(&self.key)] {
                let look = look(written);
                if !looks.contains(&look) {
                    looks.push(look);
                }
            }
        }
        looks
    }

    /// Whether the two are different names that could pass for each other.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        let ascii = self.shown.is_ascii() && other.shown.is_ascii();
        let others = || other.looks();
        !ascii && self.key != other.key && self.looks().iter().any(|look| others().contains(look))
    }
}

/// What a text looks like.
pub(super) fn look(text: &str) -> SmolStr {
    if text.is_ascii() {
        return ascii_look(text);
    }
    let mut look = String::new();
    for c in unicode_security::skeleton(text) {
        match u8::try_from(c).ok().filter(u8::is_ascii) {
            Some(byte) => look.push_str(&ascii_look(c.encode_utf8(&mut [byte; 4]))),
            None => look.push(c),
        }
    }
    look.into()
}

/// The same without a String, which would be made on the heap for each.
fn ascii_look(text: &str) -> SmolStr {
    if text.bytes().all(|byte| matches!(likeness(byte), (same, None) if same == byte)) {
        return text.into();
    }
    let mut look = SmolStrBuilder::new();
    for byte in text.bytes() {
        let (first, second) = likeness(byte);
        look.push(char::from(first));
        second.into_iter().for_each(|second| look.push(char::from(second)));
    }
    look.finish()
}

/// What a byte of ASCII looks like, whatever its case: one byte, or two.
fn likeness(byte: u8) -> (u8, Option<u8>) {
    match byte.to_ascii_lowercase() {
        b'0' => (b'o', None),
        b'1' | b'|' | b'i' => (b'l', None),
        b'm' => (b'r', Some(b'n')),
        b'`' => (b'\'', None),
        other => (other, None),
    }
}

/// With its first letter in upper case.
fn capitalised(lower: &str) -> String {
    let (mark, body) = lower.split_at(usize::from(lower.starts_with('#')));
    let mut letters = body.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    mark.chars().chain(first).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(name: &str) -> Name {
        Name::nick(name).unwrap_or_else(|| panic!("{name} is a nickname"))
    }

    fn alike(one: &str, other: &str) -> bool {
        let (one, other) = (nick(one), nick(other));
        assert_eq!(one.looks_like(&other), other.looks_like(&one));
        one.looks_like(&other)
    }

    #[test]
    fn in_both_cases() {
        for (real, fake) in [
            ("Bob", "Вob"),
            ("bob", "Вob"),
            ("BOB", "воb"),
            ("KATE", "КATE"),
            ("kate", "КATE"),
            ("ANN", "ΑΝΝ"),
            ("ann", "ΑΝΝ"),
            ("zoe", "Ζoe"),
            ("bill", "bіII"),
            ("fred", "ſred"),
            ("bab", "Вɑb"),
            ("modem", "rnоdern"),
            ("вова", "Boвa"),
            ("Вова", "Boвa"),
            ("ꭰꭰᏴ", "ᴅᴅʙ"),
            ("ΝΙΚΟΣ", "vιĸοϛ"),
        ] {
            assert!(alike(real, fake), "{fake} beside {real}");
        }
    }

    #[test]
    fn what_nobody_mistakes_is_two() {
        for (one, other) in [
            ("тот", "год"),
            ("Петя", "Гетя"),
            ("света", "совет"),
            ("Jörn", "Jörg"),
            ("Müller", "Müllen"),
            ("νίκος", "νίκη"),
            ("日本", "本日"),
            ("user1", "userl"),
            ("modem", "modern"),
            ("Straße", "Strase"),
        ] {
            assert!(!alike(one, other), "{one} beside {other}");
        }
    }

    #[test]
    fn a_name_in_ascii_has_one_look_however_it_is_written() {
        let skeleton = |text: &str| look(&unicode_security::skeleton(text).collect::<String>());
        for c in ('!'..='~').filter(|c| c.is_ascii_alphanumeric() || "-_[]{}|^\\`".contains(*c)) {
            let [lower, upper] =
                [c.to_ascii_lowercase(), c.to_ascii_uppercase()].map(|c| String::from_iter(['#', c]));
            assert_eq!(skeleton(&lower), look(&upper), "{c}");
            assert_eq!(skeleton(&upper), look(&upper), "{c}");
            assert_eq!(look(&lower), look(&upper), "{c}");
        }
    }
}
