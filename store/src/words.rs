//! What of a text can be looked for: the same for every store, and the same in its index and out of it.
//!
//! A text is brought into one form for all that looks the same ([`seen`](seen::seen)), and cut into *terms*: words, which are
//! runs of letters and digits with their marks; each letter of a script that has no blanks between its words; each emoji; each
//! other sign. An index has a text's terms, but not their places. A question is cut in the same way, and what stands together
//! in it has to stand together in the text.
//!
//! What is in an index depends on this file: whoever changes it has every store make its index anew.

mod seen;

use std::collections::BTreeSet;

use icu_properties::CodePointMapData;
use icu_properties::CodePointSetData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup, QuotationMark, TerminalPunctuation};

use self::seen::{Class, JOINER, KEYCAP, class, seen};

/// The longest term, in bytes: what is longer is cut, here as there. Indexes have limits.
const LONGEST: usize = 128;
/// Terms for which an index is asked in one question, at most: the rest is looked for in what it finds.
const MAX_ASKED: usize = 32;

/// Stands around each term of a cut text: `|上|海| |is| |big|＋|`. No term has it, since ASCII's signs are written in full
/// width there, nor anything that an index could take for its own.
const EDGE: char = '|';

/// A text that is being cut.
struct Cutter {
    cut: String,
    /// Where the last term begins.
    begin: usize,
    /// What the last term is, if more may come to it.
    open: Option<Class>,
    /// Whether the next term stands beside the last one.
    is_beside: bool,
    /// Whether the next sign is joined to the last one.
    joins: bool,
}

/// The terms of a text, as they stand there.
fn cut(text: &str) -> String {
    let seen = seen(text);
    let mut cutter = Cutter {
        cut: String::with_capacity(2 * seen.len() + 1),
        begin: 0,
        open: None,
        is_beside: false,
        joins: false,
    };
    for c in seen.chars() {
        cutter.take(c);
    }
    cutter.end();
    cutter.cut
}

impl Cutter {
    fn take(&mut self, c: char) {
        let class = class(c);
        let joins = std::mem::take(&mut self.joins);
        match (class, self.open) {
            (Class::Word, Some(Class::Word))
            | (Class::Mark, Some(Class::Alone | Class::Half | Class::Sign)) => {
                self.cut.push(c);
            }
            (Class::Mark, Some(Class::Word)) if c == KEYCAP => {
                let key = self.cut.pop();
                self.begin(Class::Sign);
                self.cut.extend(key);
                self.cut.push(c);
            }
            (Class::Mark, Some(_)) => self.cut.push(c),
            (Class::Sign, Some(Class::Sign)) if joins && !c.is_ascii() => self.cut.extend([JOINER, c]),
            (Class::Half, Some(Class::Half)) => {
                self.cut.push(c);
                self.open = Some(Class::Sign);
            }
            (Class::Join, Some(Class::Sign)) => self.joins = true,
            (Class::Join, _) => {}
            (Class::Blank, _) => {
                self.end();
                self.is_beside = false;
            }
            // A mark that belongs to nothing.
            (Class::Mark, None) => {
                self.begin(Class::Sign);
                self.cut.push(c);
            }
            (Class::Sign, _) if c.is_ascii() => {
                self.begin(class);
                self.cut.extend(char::from_u32(u32::from(c) - u32::from('!') + u32::from('！')));
            }
            (Class::Word | Class::Alone | Class::Half | Class::Sign, _) => {
                self.begin(class);
                self.cut.push(c);
            }
        }
    }

    fn begin(&mut self, class: Class) {
        self.end();
        if self.cut.is_empty() {
            self.cut.push(EDGE);
        } else if !self.is_beside {
            self.cut.extend([' ', EDGE]);
        }
        self.begin = self.cut.len();
        self.open = Some(class);
        self.is_beside = true;
    }

    fn end(&mut self) {
        if self.open.take().is_none() {
            return;
        }
        if self.cut.len() == self.begin {
            // It was the key of a keycap, and nothing else.
            return;
        }
        let longest = self.cut.floor_char_boundary(self.begin + LONGEST);
        self.cut.truncate(longest);
        self.cut.push(EDGE);
    }
}

/// Each term of a cut text.
fn terms(cut: &str) -> impl Iterator<Item = &str> {
    cut.split([EDGE, ' ']).filter(|term| !term.is_empty())
}

/// The terms of a text, each once, separated by blanks: for an index.
pub(crate) fn indexed(text: &str) -> String {
    let cut = cut(text);
    let mut line = String::with_capacity(cut.len());
    for term in terms(&cut).collect::<BTreeSet<_>>() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(term);
    }
    line
}

/// What somebody looks for.
pub(crate) struct Wanted {
    /// Terms that stand together, in the form of a cut text.
    runs: BTreeSet<String>,
    /// Those for which an index is asked.
    terms: Vec<String>,
    is_exact: bool,
}

impl Wanted {
    pub(crate) fn new(words: &str) -> Self {
        let cut = cut(words);
        let runs: BTreeSet<String> = cut.split(' ').flat_map(runs).collect();
        let all: BTreeSet<&str> = runs.iter().flat_map(|run| terms(run)).collect();
        let mut all: Vec<&str> = all.into_iter().collect();
        // The longer, the rarer, as a rule.
        all.sort_by_key(|term| std::cmp::Reverse(term.len()));
        let is_exact = all.len() <= MAX_ASKED && runs.iter().all(|run| terms(run).nth(1).is_none());
        all.truncate(MAX_ASKED);
        let terms = all.into_iter().map(str::to_owned).collect();
        Self { runs, terms, is_exact }
    }

    /// Whether that is nothing, which no text has.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// What an index is asked for: each text in question has all of these.
    pub(crate) fn terms(&self) -> &[String] {
        &self.terms
    }

    /// Whether each text with these terms is one that is looked for: then what an index finds need not be looked at.
    pub(crate) fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Whether a text has all that is looked for.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let cut = cut(text);
        !self.is_empty() && self.runs.iter().all(|run| cut.contains(run))
    }
}

/// What of these terms, which stand together in a question, has to stand together in a text. Punctuation counts only if
/// there is nothing else: nobody who looks for "what?" means the question mark.
fn runs(together: &str) -> Vec<String> {
    let all = || terms(together);
    if all().all(is_punctuation) {
        return if together.is_empty() { Vec::new() } else { vec![together.to_owned()] };
    }
    let mut runs = Vec::new();
    let mut run = String::new();
    for term in all() {
        if is_punctuation(term) {
            runs.extend(Some(std::mem::take(&mut run)).filter(|run| !run.is_empty()));
            continue;
        }
        if run.is_empty() {
            run.push(EDGE);
        }
        run.push_str(term);
        run.push(EDGE);
    }
    runs.extend(Some(run).filter(|run| !run.is_empty()));
    runs
}

/// Whether a term is what divides sentences and words: ends, brackets, quotes, dashes, accents that stand alone.
fn is_punctuation(term: &str) -> bool {
    let Some(first) = term.chars().next() else { return true };
    let category = CodePointMapData::<GeneralCategory>::new().get(first);
    let divides = match category {
        GeneralCategory::OtherPunctuation => {
            CodePointSetData::new::<TerminalPunctuation>().contains(first)
                || CodePointSetData::new::<QuotationMark>().contains(first)
        }
        GeneralCategory::ModifierSymbol => true,
        category => GeneralCategoryGroup::Punctuation.contains(category),
    };
    divides || GeneralCategoryGroup::Mark.contains(category)
}

#[cfg(test)]
#[path = "../tests/suite/cases.rs"]
mod cases;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cases::CASES;
    use super::*;

    #[test]
    fn what_a_text_is_cut_into() {
        for (text, expected) in [
            ("Don't panic: 42", "|don|＇|t| |panic|：| |42|"),
            ("  \t ", ""),
            ("ÄRGER İstanbul STRASSE straße", "|ärger| |istanbul| |strasse| |strasse|"),
            ("我家在iPhone边", "|我|家|在|iphone|边|"),
            ("กิน ข้าว", "|กิ|น| |ข้|า|ว|"),
            ("서울에서", "|서|울|에|서|"),
            ("हिन्दी", "|हिन्दी|"),
            ("ok👍🏽👩\u{200d}💻❤\u{fe0f}", "|ok|👍|👩\u{200d}💻|❤|"),
            ("🇩🇪🇫🇷🇩", "|🇩🇪|🇫🇷|🇩|"),
            ("12\u{fe0f}\u{20e3} 1\u{20e3}2\u{20e3}", "|1|2\u{20e3}| |1\u{20e3}|2\u{20e3}|"),
            ("Word™", "|word| |tm|"),
        ] {
            assert_eq!(cut(text), expected, "{text}");
        }
        assert_eq!(indexed("the fox, the C++"), "c fox the ＋ ，");
    }

    #[test]
    fn what_is_seen_is_found() {
        for &(text, words, expected) in CASES {
            assert_eq!(Wanted::new(words).is_in(text), expected, "{words} in {text}");
        }
    }

    #[test]
    fn a_long_question_asks_an_index_for_some_of_it() {
        let long: String = (0x4e00..0x4e80).filter_map(char::from_u32).collect();
        let wanted = Wanted::new(&long);
        assert!(!wanted.is_exact() && wanted.terms().len() == MAX_ASKED);
        assert!(wanted.is_in(&format!("x{long}x")));
        assert!(!wanted.is_in(&long[3..]));
    }

    /// Texts of what is hard, and of anything.
    fn texts() -> impl Strategy<Value = String> {
        let hard = prop::sample::select(
            "aéßİiſ1½ΣςKｶﾞが々ー上海가힣กิำខ្မាहि्\u{301}\u{307}\u{345}\u{1100}\u{1161}\u{11a8}\u{ad}\u{200d}\u{fe0f}\u{20e3}\
            \u{3164}👍🏽👩💻🇩🇪🏴\u{e0067}\u{e007f}™№㎏´+#.,'‼…＝≠\u{338}  \0"
                .chars()
                .collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![4 => hard, 1 => any::<char>()], 0..40)
            .prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_part_of_a_text_finds_it(text in texts(), begin: prop::sample::Index, end: prop::sample::Index) {
            let cut = cut(&text);
            let edges: Vec<usize> = cut.match_indices(EDGE).map(|(at, _)| at).collect();
            if edges.is_empty() {
                return Ok(());
            }
            let (begin, end) = (begin.index(edges.len()), end.index(edges.len()));
            let part = cut[edges[begin.min(end)]..edges[begin.max(end)]].replace(EDGE, "");
            let wanted = Wanted::new(&part);
            prop_assert!(part.trim().is_empty() == wanted.is_empty(), "{part:?}");
            prop_assert!(wanted.is_empty() || wanted.is_in(&text), "{part:?} of {cut:?}");
            let indexed = indexed(&text);
            let indexed: BTreeSet<&str> = indexed.split(' ').collect();
            for term in wanted.terms() {
                prop_assert!(indexed.contains(&**term), "{term:?} of {indexed:?}");
            }
        }

        #[test]
        fn terms_are_nothing_that_an_index_understands(text in texts()) {
            for term in indexed(&text).split(' ') {
                let first_is_ascii_sign = term.chars().any(|c| c.is_ascii() && !c.is_ascii_alphanumeric());
                prop_assert!(!first_is_ascii_sign && term.len() <= LONGEST, "{term:?}");
            }
        }
    }
}
