//! The names that are used in runs.
//!
//! A reference model that folded and compared Unicode by the engine's own tables would share its mistakes.
//! So every valid name of a run is ASCII, where the rules are simple, or stands in a table written by hand.

/// A name that is not ASCII, and what is true of it. `#` and the name is a room name, of which the same is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolName {
    /// As its owner writes it.
    pub shown: &'static str,
    /// By what it is compared: two names with one key are the same name. That of an ASCII name is the name in
    /// lower case.
    pub key: &'static str,
    /// What it looks like: two names of different keys but one skeleton pass for each other, unless both are
    /// ASCII. No ASCII name has one of these skeletons but that whose key it is.
    pub skeleton: &'static str,
}

/// All the names that are not ASCII.
pub const POOL: [PoolName; 18] = [
    // With a Cyrillic letter or two.
    of("\u{430}nn", "\u{430}nn", "ann"),
    of("b\u{43e}b", "b\u{43e}b", "bob"),
    of("\u{441}at", "\u{441}at", "cat"),
    of("\u{421}AT", "\u{441}at", "cat"),
    of("\u{435}v\u{435}", "\u{435}v\u{435}", "eve"),
    of("t\u{435}a", "t\u{435}a", "tea"),
    // Fullwidth.
    of("Ａｎｎ", "ann", "ann"),
    of("ＢＯＢ", "bob", "bob"),
    of("ｔｅａ", "tea", "tea"),
    // A ligature; letters that fold to two.
    of("\u{fb01}n", "fin", "fin"),
    of("straße", "strasse", "strasse"),
    of("STRAẞE", "strasse", "strasse"),
    // Composed, decomposed, in upper case.
    of("jos\u{e9}", "jos\u{e9}", "jose\u{301}"),
    of("jose\u{301}", "jos\u{e9}", "jose\u{301}"),
    of("JOS\u{c9}", "jos\u{e9}", "jose\u{301}"),
    // Like nobody else's.
    of("日本", "日本", "日本"),
    of("аня", "аня", "аня"),
    of("Аня", "аня", "аня"),
];

const fn of(shown: &'static str, key: &'static str, skeleton: &'static str) -> PoolName {
    PoolName { shown, key, skeleton }
}

/// The clients' own nicknames.
pub(super) const NICKS: [&str; 24] = [
    "ann", "bob", "cat", "eve", "fin", "strasse", "jose", "Tea", "user1", "userl", "modern", "modem", "ida",
    "Kim", "leo", "[max]", "n_o", "otto-2", "p{i}", "q^q", "ra|f", "s\\t", "t`t", "UMA",
];

/// The rooms that are joined.
pub(super) const ROOMS: [&str; 8] = ["#lobby", "#tea", "#code", "#bob", "#B0B", "#cat", "#fin", "#[x]"];

/// What may not be a nickname, nor a room's name behind a `#`.
pub(super) const BAD: [&str; 12] = [
    "",
    "two words",
    "a#b",
    "<ann>",
    "a/b",
    "ann!",
    "a.b",
    "👋",
    "a\u{200b}nn",
    "\u{202e}nna",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "\u{301}ann",
];

#[cfg(test)]
mod tests {
    use chat_core::{Action, Config, Engine, Event, Mono, Now};

    use super::*;

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

    /// Every name with its key and skeleton, as a model knows them.
    fn all() -> Vec<(String, String, String)> {
        let ascii = NICKS.into_iter().chain(ROOMS.map(|room| &room[1..])).map(|name| {
            let key = name.to_ascii_lowercase();
            (name.to_owned(), key.clone(), key)
        });
        let pool = POOL.map(|name| (name.shown.into(), name.key.into(), name.skeleton.into()));
        ascii.chain(pool).collect()
    }

    #[test]
    fn the_table_says_what_the_engine_does() {
        for (one, one_key, one_skeleton) in &all() {
            for (two, two_key, two_skeleton) in &all() {
                let expected = if one_key == two_key {
                    "is taken"
                } else if one_skeleton == two_skeleton {
                    "looks like"
                } else {
                    "welcome"
                };
                let answer = second(one, two);
                assert!(answer.contains(expected), "{one}, then {two}: {answer}, not {expected}");
            }
        }
    }

    #[test]
    fn no_other_ascii_name_looks_like_one_of_the_pool() {
        // What is drawn alike within ASCII: 0 and O, 1 and l and |, m and rn, ` and '.
        let alike = |skeleton: &str| skeleton.contains(['0', 'o', '1', 'l', '|', 'm', '`', '\'']);
        for name in POOL.iter().filter(|name| name.skeleton.is_ascii()) {
            let other = name.skeleton.replace('o', "0");
            let is_other = other != name.skeleton;
            assert!(!is_other || second(name.shown, &other).contains("welcome"), "{other} is not {name:?}");
            assert!(!alike(&name.skeleton.replace('o', "")) && !name.skeleton.contains("rn"), "{name:?}");
        }
    }

    #[test]
    fn bad_names_are_bad() {
        for bad in BAD {
            assert!(second("ann", bad).contains("no nickname"), "{bad:?}");
        }
    }
}
