//! A text as people see it: the same for all ways of composing it, and without what is drawn as nothing.

use std::borrow::Cow;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, LineBreak};
use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
};

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();
const CASES: CaseMapperBorrowed<'static> = CaseMapper::new();
const IGNORABLE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();
const CATEGORIES: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();
const BREAKS: CodePointMapDataBorrowed<'static, LineBreak> = CodePointMapData::new();

/// Joins emoji to one.
pub(super) const JOINER: char = '\u{200d}';
/// Draws what stands before it as a key.
pub(super) const KEYCAP: char = '\u{20e3}';

/// The flag that is one of a country with letters behind it that nobody sees.
const FLAG: char = '🏴';
/// An i with a dot above it.
const DOTTED: &str = "i\u{307}";

/// What a character is to a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// One of a word: a letter or a digit.
    Word,
    /// A letter of a script that has no blanks between its words.
    Alone,
    /// It belongs to what stands before it.
    Mark,
    /// Half a flag.
    Half,
    /// Any other that is seen.
    Sign,
    /// Joins two signs.
    Join,
    /// A blank.
    Blank,
}

pub(super) fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => Class::Word,
            '!'..='~' => Class::Sign,
            _ => Class::Blank,
        };
    }
    match c {
        JOINER => return Class::Join,
        '\u{1f1e6}'..='\u{1f1ff}' => return Class::Half,
        _ if is_tag(c) => return Class::Mark,
        // Drawn as a blank, whatever they are called.
        '\u{115f}' | '\u{1160}' | '\u{2800}' => return Class::Blank,
        _ => {}
    }
    let category = CATEGORIES.get(c);
    if GeneralCategoryGroup::Letter.contains(category) || GeneralCategoryGroup::Number.contains(category) {
        return if is_unspaced(c) { Class::Alone } else { Class::Word };
    }
    if GeneralCategoryGroup::Mark.contains(category) {
        return Class::Mark;
    }
    if GeneralCategoryGroup::Separator.contains(category) || category == GeneralCategory::Control {
        return Class::Blank;
    }
    Class::Sign
}

/// Whether a line may end before or behind this letter without a blank there.
fn is_unspaced(c: char) -> bool {
    matches!(
        BREAKS.get(c),
        LineBreak::Ideographic
            | LineBreak::ComplexContext
            | LineBreak::ConditionalJapaneseStarter
            | LineBreak::Nonstarter
            | LineBreak::H2
            | LineBreak::H3
            | LineBreak::JL
            | LineBreak::JV
            | LineBreak::JT
            | LineBreak::Aksara
            | LineBreak::AksaraPrebase
            | LineBreak::AksaraStart
    )
}

/// A text in the one form in which all that looks the same is the same: Unicode's NFKC and full case folding.
pub(super) fn seen(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let has_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if has_upper { text.to_ascii_lowercase().into() } else { text.into() };
    }
    let drawn = drawn(text);
    let composed = NFKC.normalize(&drawn);
    let mut folded = CASES.fold_string(&composed);
    if folded.contains(DOTTED) {
        folded = without_dots(&folded).into();
    }
    let seen = NFKC.normalize(&folded);
    if *seen == *text { text.into() } else { seen.into_owned().into() }
}

/// Where a dot above an i comes from the capital one in Turkish, nobody types it.
fn without_dots(text: &str) -> String {
    let mut after_i = false;
    let is_kept = |c: &char| {
        let is_dot = after_i && *c == '\u{307}';
        after_i = is_dot || *c == 'i';
        !is_dot
    };
    text.chars().filter(is_kept).collect()
}

/// A text without what is drawn as nothing: soft hyphens, choices of a glyph, marks of direction. Neither is a skin's colour
/// kept: a thumb is a thumb.
fn drawn(text: &str) -> Cow<'_, str> {
    if !text.chars().any(needs_thought) {
        return text.into();
    }
    let mut drawn = String::with_capacity(text.len());
    // Whether what was kept last is a picture.
    let mut after_picture = false;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{3164}' | '\u{ffa0}' => drawn.push(' '),
            JOINER if after_picture && rest.clone().next().is_some_and(|c| is_symbol(c) && !is_colour(c)) => {
                drawn.push(c);
            }
            _ if is_tag(c) && drawn.ends_with(|before| before == FLAG || is_tag(before)) => drawn.push(c),
            _ if after_picture && is_colour(c) => {}
            '\u{115f}' | '\u{1160}' => drawn.push(' '),
            _ if IGNORABLE.contains(c) => {}
            // A short form of letters stands for itself: what is beside ™ is the whole word.
            _ if is_short_form(c) => {
                drawn.extend(['\0', c, '\0']);
                after_picture = false;
            }
            _ => {
                drawn.push(c);
                after_picture = CATEGORIES.get(c) == GeneralCategory::OtherSymbol;
            }
        }
    }
    drawn.into()
}

/// Whether [`drawn`] may have more to do with this than to keep it.
fn needs_thought(c: char) -> bool {
    !c.is_ascii() && (IGNORABLE.contains(c) || is_symbol(c))
}

fn is_symbol(c: char) -> bool {
    GeneralCategoryGroup::Symbol.contains(CATEGORIES.get(c))
}

/// Whether this is a letter of which flag it is.
fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

/// Whether this is the colour of a skin.
fn is_colour(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Whether this is a sign that is made of letters which are no part of the word beside them.
fn is_short_form(c: char) -> bool {
    let is_made_of_letters = || NFKC.normalize(c.encode_utf8(&mut [0; 4])).contains(char::is_alphanumeric);
    !c.is_ascii() && is_symbol(c) && !c.is_alphabetic() && is_made_of_letters()
}
