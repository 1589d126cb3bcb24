//! The names that are used in runs: such as people have, and such as somebody has who means ill.

use crate::confusables::drawn_like;
use crate::tape::Draws;

/// Names that are not ASCII. `#` and the name is a room name.
pub(super) const POOL: [&str; 26] = [
    // With a Cyrillic letter or two, in either case.
    "\u{430}nn",
    "b\u{43e}b",
    "\u{412}ob",
    "\u{41a}im",
    "\u{441}at",
    "\u{421}AT",
    "\u{435}v\u{435}",
    "t\u{435}a",
    // Greek capitals.
    "ΑΝΝ",
    "ΤΕΑ",
    // Fullwidth.
    "Ａｎｎ",
    "ＢＯＢ",
    "ｔｅａ",
    // A ligature; letters that fold to two, or are drawn like another.
    "\u{fb01}n",
    "straße",
    "STRAẞE",
    "\u{17f}in",
    // Composed, decomposed, in upper case.
    "jos\u{e9}",
    "jose\u{301}",
    "JOS\u{c9}",
    // Like nobody else's.
    "日本",
    "аня",
    "Аня",
    // Like the server's own.
    "уou",
    "Sеrver",
    "ΝICKSERV",
];

/// The clients' own nicknames.
pub(super) const NICKS: [&str; 24] = [
    "ann", "bob", "cat", "eve", "fin", "strasse", "jose", "Tea", "user1", "userl", "modern", "modem", "ida",
    "Kim", "leo", "[max]", "n_o", "otto-2", "p{i}", "q^q", "ra|f", "s\\t", "t`t", "UMA",
];

/// The rooms that are joined.
pub(super) const ROOMS: [&str; 8] = ["#lobby", "#tea", "#code", "#bob", "#B0B", "#cat", "#fin", "#[x]"];

/// What may not be a nickname, nor a room's name behind a `#`.
pub(super) const BAD: [&str; 15] = [
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
    // Towers of marks, and one mark twice.
    "a\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}nn",
    "\u{e1}\u{301}nn",
    "ann\u{3164}",
];

/// A name that looks much like `name`, written in some case.
pub(super) fn imitation(name: &str, draws: &mut Draws<'_>) -> String {
    let written = match draws.below(4) {
        0 => name.to_owned(),
        1 => name.to_ascii_uppercase(),
        2 => name[..1].to_ascii_uppercase() + &name[1..].to_ascii_lowercase(),
        _ => name.to_ascii_lowercase(),
    };
    let all = draws.one_in(3);
    let at = draws.below(name.len());
    let imitate = |(index, c): (usize, char)| match drawn_like(c) {
        alike if !alike.is_empty() && (all || index == at) => *draws.pick(alike),
        _ => c,
    };
    written.chars().enumerate().map(imitate).collect()
}

/// All names, for the model to be compared with the engine.
#[cfg(test)]
pub(crate) fn all() -> Vec<String> {
    let rooms = ROOMS.map(|room| &room[1..]);
    NICKS
        .into_iter()
        .chain(rooms)
        .chain(POOL)
        .chain(BAD)
        .chain(["you", "Server", "nlckserv"])
        .map(str::to_owned)
        .collect()
}

/// So many imitations, each behind whom it imitates, that are other names than theirs.
#[cfg(test)]
pub(crate) fn imitations(count: u64) -> Vec<(&'static str, String)> {
    use crate::tape::Tape;

    let imitate = |seed| {
        let tape = Tape::from_seed(seed);
        let mut draws = Draws::new(tape.header());
        let name = *draws.pick(&NICKS);
        (name, imitation(name, &mut draws))
    };
    (0..count).map(imitate).filter(|(_, imitation)| !imitation.is_ascii()).collect()
}
