//! The words of a text, the same for every store, and the same in its index and out of it.

use std::collections::BTreeSet;

/// The longest word that is looked for as a whole, in bytes: what is longer is cut, here as there. Indexes have limits.
const LONGEST: usize = 128;

/// Each word of a text once, in lower case: runs of letters and digits.
pub(crate) fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(normal).collect()
}

fn normal(word: &str) -> String {
    let mut word = word.to_lowercase();
    word.truncate(word.floor_char_boundary(LONGEST));
    // Lower case of some letters brings marks with it, which are no letters.
    word.retain(char::is_alphanumeric);
    word
}

/// The words of a text, separated by spaces: for an index.
pub(crate) fn spaced(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in words(text) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    line
}

/// Whether all these words are in a text.
pub(crate) fn has_all(text: &str, wanted: &BTreeSet<String>) -> bool {
    let there = words(text);
    wanted.iter().all(|word| there.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(spaced("Don't panic: 42 TIMES, don't"), "42 don panic t times");
        assert_eq!(spaced("  ?!  "), "");
        assert_eq!(spaced("ÄRGER İstanbul"), "istanbul ärger");
    }

    #[test]
    fn a_word_is_found_however_it_is_written_and_however_long() {
        let long = "x".repeat(1_000);
        assert!(has_all(&format!("so {long}"), &words(&long)));
        assert!(has_all("The Quick, brown fox", &words("FOX quick")));
        assert!(!has_all("The Quick, brown fox", &words("foxes")));
    }
}
