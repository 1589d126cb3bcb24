//! Which names there can be, which are the same, which look alike.
//!
//! Of all characters. Letters, cases and normal forms are the standard library's and ICU's here, and other tables in the
//! engine, so that no mistake of theirs is shared; what is drawn alike is Unicode's own table, character by character.

use std::borrow::Cow;
use std::collections::BTreeSet;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

use super::wire::is_blank;
use crate::confusables::stands_for;

const MAX_NICK: usize = 30;
const MAX_ROOM: usize = 49;
/// Marks that one letter may have.
const MAX_MARKS: usize = 5;

/// Whom nobody may pass for.
const RESERVED: [&str; 9] =
    ["you", "server", "nickserv", "chanserv", "memoserv", "operserv", "hostserv", "botserv", "saslserv"];

/// A name that may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) shown: String,
    /// Names with one key are one name.
    pub(super) key: String,
}

/// Why a name is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Same,
    LooksAlike,
    Reserved,
}

impl Name {
    pub(super) fn nick(name: &str) -> Option<Self> {
        Some(Self { shown: name.to_owned(), key: key(name, MAX_NICK)? })
    }

    pub(super) fn room(name: &str) -> Option<Self> {
        let key = key(name.strip_prefix('#')?, MAX_ROOM)?;
        Some(Self { shown: name.to_owned(), key: format!("#{key}") })
    }

    /// Whether it is a different name that could pass for `other`.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        passes_for((&self.shown, &self.key), (&other.shown, &other.key))
    }

    /// Whether one of `others`, given by name and key, stands in its way, or nobody may have it.
    pub(super) fn taken<'a>(&self, others: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Taken> {
        let own = looks(&self.shown, &self.key);
        if RESERVED.iter().any(|name| !own.is_disjoint(&looks(name, name))) {
            return Some(Taken::Reserved);
        }
        let mut taken = None;
        for (shown, key) in others {
            if key == self.key {
                return Some(Taken::Same);
            }
            if passes_for((&self.shown, &self.key), (shown, key)) {
                taken = Some(Taken::LooksAlike);
            }
        }
        taken
    }
}

/// Whether one way to write the one looks like one way to write the other.
fn passes_for((shown, key): (&str, &str), (other_shown, other_key): (&str, &str)) -> bool {
    // ASCII names never collide: user1 and userl may both live.
    let ascii = shown.is_ascii() && other_shown.is_ascii();
    !ascii && key != other_key && !looks(shown, key).is_disjoint(&looks(other_shown, other_key))
}

/// What a name looks like: as it is written, in lower and in upper case, and with a capital.
fn looks(shown: &str, key: &str) -> BTreeSet<String> {
    let upper = key.to_uppercase();
    let lower = upper.to_lowercase();
    let capital = |text: &str| -> String {
        let at = usize::from(key.starts_with('#'));
        let capital =
            |(index, c): (usize, char)| if index == at { c.to_uppercase().collect() } else { vec![c] };
        text.chars().enumerate().flat_map(capital).collect()
    };
    [shown, key, &lower, &upper, &capital(&lower), &capital(key)].map(drawn).into()
}

/// What is drawn. Of ASCII, a letter counts for what it is drawn like in either case.
fn drawn(text: &str) -> String {
    let mut drawn = String::new();
    for c in decomposed(text).chars() {
        match stands_for(c) {
            Some(like) => drawn.push_str(like),
            None => drawn.push(c),
        }
    }
    let mut caseless = String::new();
    for c in decomposed(&drawn).chars() {
        match c.to_ascii_lowercase() {
            '0' => caseless.push('o'),
            'i' | '1' | '|' => caseless.push('l'),
            'm' => caseless.push_str("rn"),
            '`' => caseless.push('\''),
            other => caseless.push(other),
        }
    }
    caseless
}

fn key(name: &str, max: usize) -> Option<String> {
    let compatible = composed(name);
    let fits = (1..=max).contains(&name.chars().count()) && !name.starts_with(is_mark);
    let good = fits && name.chars().chain(compatible.chars()).all(may_stand_in_a_name);
    (good && !has_towers(name))
        .then(|| composed(&compatible.chars().map(folded).collect::<String>()).into_owned())
}

/// Letters and digits with their marks, and what IRC allows beside them; nothing that is drawn as nothing.
fn may_stand_in_a_name(c: char) -> bool {
    let is_word = if c.is_ascii() {
        c.is_ascii_alphanumeric() || "-_[]{}|^\\`".contains(c)
    } else {
        c.is_alphanumeric() || is_mark(c)
    };
    is_word && !is_blank(c)
}

/// Whether some letter has too many marks, or one twice.
fn has_towers(name: &str) -> bool {
    let letters: Vec<char> = decomposed(name).chars().collect();
    let too_many = letters.windows(MAX_MARKS + 1).any(|part| part.iter().all(|&c| is_mark(c)));
    too_many || letters.windows(2).any(|pair| pair[0] == pair[1] && is_mark(pair[0]))
}

fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(CodePointMapData::<GeneralCategory>::new().get(c))
}

/// The lower case of the upper case, but where folding is something else (CaseFolding.txt).
fn folded(c: char) -> String {
    match c {
        '\u{131}' => c.into(),
        '\u{1e9e}' => "ss".into(),
        // Cherokee folds to its capitals.
        '\u{13a0}'..='\u{13f5}' | '\u{13f8}'..='\u{13fd}' | '\u{ab70}'..='\u{abbf}' => {
            c.to_uppercase().collect()
        }
        _ => c.to_uppercase().flat_map(char::to_lowercase).collect(),
    }
}

/// In NFKC.
fn composed(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

/// In NFD.
fn decomposed(text: &str) -> Cow<'_, str> {
    DecomposingNormalizerBorrowed::new_nfd().normalize(text)
}

#[cfg(test)]
mod tests {
    use chat_core::{Action, Config, Engine, Event, Mono, Now, room_key};

    use super::*;
    use crate::plan::names::{all, imitations};

    #[test]
    fn keys_of_all_characters_are_the_engines() {
        let strays: Vec<_> = ('!'..=char::MAX)
            .flat_map(|c| [format!("#{c}"), format!("#a{c}"), format!("#{c}\u{301}")])
            .map(|room| (Name::room(&room).map(|name| name.key), room_key(&room), room))
            .filter(|(model, engine, _)| model != engine)
            .collect();
        assert!(strays.is_empty(), "{} differ: {:?}", strays.len(), &strays[..strays.len().min(20)]);
    }

    /// What the second of two users is told who ask for these nicknames one after the other.
    fn second(first: &str, second: &str) -> String {
        let mut engine = Engine::new(Config { lobby: None, ..Config::default() }).expect("a sound config");
        let now = Now { mono: Mono(0), utc: chrono::DateTime::UNIX_EPOCH };
        let mut answer = Vec::new();
        for nick in [first, second] {
            answer.clear();
            let conn = engine.connect(now, [127, 0, 0, 1].into());
            engine.handle(now, conn, Event::Opened);
            engine.handle(now, conn, Event::Received(format!("{nick}\n").as_bytes()));
            while let Some(action) = engine.poll_action() {
                if let Action::Write { conn, bytes } = action {
                    answer.extend_from_slice(&bytes);
                    engine.handle(now, conn, Event::Wrote(bytes.len()));
                }
            }
        }
        String::from_utf8(answer).expect("answers are UTF-8")
    }

    fn expected(first: &str, second: &str) -> &'static str {
        let Some(second) = Name::nick(second) else { return "no nickname" };
        let first = Name::nick(first).expect("a name");
        match second.taken([(&*first.shown, &*first.key)].into_iter()) {
            None => "welcome",
            Some(Taken::Same) => "is taken",
            Some(Taken::LooksAlike) => "looks like",
            Some(Taken::Reserved) => "nobody here may be called",
        }
    }

    #[test]
    fn names_collide_as_the_engine_says() {
        let names = all();
        for one in names.iter().filter(|name| expected("somebody", name) == "welcome") {
            for two in &names {
                let (answer, expected) = (second(one, two), expected(one, two));
                assert!(answer.contains(expected), "{one}, then {two}: {answer}, not {expected}");
            }
        }
    }

    #[test]
    fn imitations_collide_with_what_they_imitate() {
        for (real, imitation) in imitations(3_000) {
            let (answer, expected) = (second(real, &imitation), expected(real, &imitation));
            assert!(answer.contains(expected), "{real}, then {imitation}: {answer}, not {expected}");
            assert_ne!(expected, "welcome", "{imitation} beside {real}");
        }
    }

    #[test]
    fn towers_are_no_names() {
        assert!(Name::nick("e\u{301}\u{302}\u{303}\u{304}\u{305}").is_some());
        assert!(Name::nick("e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}").is_none());
        assert!(Name::nick("\u{e9}\u{301}").is_none());
    }
}
