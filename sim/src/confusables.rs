//! What single characters are drawn like: all that Unicode says of it (Unicode Technical Standard 39, section 4).

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The characters that stand for others, by themselves, and what for.
static STANDS_FOR: LazyLock<BTreeMap<char, String>> = LazyLock::new(|| {
    let drawn = |c: char| -> String { unicode_security::skeleton(c.encode_utf8(&mut [0; 4])).collect() };
    ('\0'..=char::MAX).map(|c| (c, drawn(c))).filter(|(c, drawn)| !drawn.chars().eq([*c])).collect()
});

/// What a character is drawn like, if not like itself: nothing, when it is not drawn.
pub(crate) fn stands_for(c: char) -> Option<&'static str> {
    STANDS_FOR.get(&c).map(String::as_str)
}

/// Letters and digits beyond ASCII that are drawn like this one of ASCII.
pub(crate) fn drawn_like(ascii: char) -> &'static [char] {
    static ALIKE: LazyLock<BTreeMap<char, Vec<char>>> = LazyLock::new(|| {
        let drawn = |c: char| stands_for(c).map_or_else(|| c.to_string(), str::to_owned);
        let mut alike = BTreeMap::<char, Vec<char>>::new();
        for ascii in ('!'..='~').filter(char::is_ascii_alphanumeric) {
            let foreign = STANDS_FOR.keys().filter(|c| !c.is_ascii() && c.is_alphanumeric());
            alike.insert(ascii, foreign.copied().filter(|&c| drawn(c) == drawn(ascii)).collect());
        }
        alike
    });
    ALIKE.get(&ascii).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_whole_one() {
        assert_eq!((stands_for('В'), stands_for('m'), stands_for('x')), (Some("B"), Some("rn"), None));
        assert_eq!(stands_for('\u{200b}'), Some(""));
        assert!(drawn_like('a').contains(&'а') && drawn_like('Z').contains(&'Ζ'));
        assert!(drawn_like('l').len() > 50 && drawn_like('#').is_empty());
    }
}
