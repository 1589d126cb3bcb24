//! Which names there can be, which are the same, which look alike.
//!
//! Of characters beyond ASCII the model knows those that plans use in names, from a table written by hand: one
//! that used the engine's own tables would share their mistakes.

/// A character, what it is compared as, and what that looks like.
const CHARS: [(char, &str, &str); 24] = [
    ('\u{430}', "\u{430}", "a"),
    ('\u{410}', "\u{430}", "a"),
    ('\u{43e}', "\u{43e}", "o"),
    ('\u{441}', "\u{441}", "c"),
    ('\u{421}', "\u{441}", "c"),
    ('\u{435}', "\u{435}", "e"),
    ('\u{43d}', "\u{43d}", "\u{43d}"),
    ('\u{44f}', "\u{44f}", "\u{44f}"),
    ('Ａ', "a", "a"),
    ('Ｂ', "b", "b"),
    ('Ｏ', "o", "o"),
    ('ａ', "a", "a"),
    ('ｅ', "e", "e"),
    ('ｎ', "n", "n"),
    ('ｔ', "t", "t"),
    ('\u{fb01}', "fi", "fi"),
    ('ß', "ss", "ss"),
    ('ẞ', "ss", "ss"),
    ('\u{e9}', "\u{e9}", "\u{e9}"),
    ('\u{c9}', "\u{e9}", "\u{e9}"),
    ('日', "日", "日"),
    ('本', "本", "本"),
    ('語', "語", "語"),
    ('ü', "ü", "ü"),
];

const MAX_NICK: usize = 30;
const MAX_ROOM: usize = 49;

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
        looks_like((&self.shown, &self.key), (&other.shown, &other.key))
    }

    /// Whether one of `others`, given by name and key, stands in its way.
    pub(super) fn taken<'a>(&self, others: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Taken> {
        let mut taken = None;
        for (shown, key) in others {
            if key == self.key {
                return Some(Taken::Same);
            }
            if looks_like((&self.shown, &self.key), (shown, key)) {
                taken = Some(Taken::LooksAlike);
            }
        }
        taken
    }
}

fn looks_like((shown, key): (&str, &str), (other_shown, other_key): (&str, &str)) -> bool {
    // ASCII names never collide: user1 and userl may both live.
    let ascii = shown.is_ascii() && other_shown.is_ascii();
    !ascii && key != other_key && skeleton(key) == skeleton(other_key)
}

fn key(name: &str, max: usize) -> Option<String> {
    let composed = name.replace("e\u{301}", "\u{e9}");
    if !(1..=max).contains(&name.chars().count()) {
        return None;
    }
    let mut key = String::new();
    for c in composed.chars() {
        match CHARS.iter().find(|(known, ..)| *known == c) {
            Some((_, folded, _)) => key.push_str(folded),
            None if c.is_ascii_alphanumeric() || "-_[]{}|^\\`".contains(c) => {
                key.push(c.to_ascii_lowercase());
            }
            None => return None,
        }
    }
    Some(key)
}

/// What a name looks like, by its key.
fn skeleton(key: &str) -> String {
    let look = |c: char| match c {
        'm' => "rn".into(),
        '1' | '|' => "l".into(),
        '0' => "O".into(),
        c => CHARS.iter().find(|(known, ..)| *known == c).map_or(c.to_string(), |(.., look)| (*look).into()),
    };
    key.chars().map(look).collect::<Vec<String>>().concat()
}
