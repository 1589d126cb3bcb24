//! Tapes as text, and those that are replayed for ever.
//!
//! A file holds the bytes of a tape in hex: first its header, then each record on a line of its own. Spaces and
//! line ends mean nothing, and `#` begins a comment to the end of its line. So what a record does, which stands
//! behind it for people to read, may be out of date without harm.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::{fs, io};

use crate::plan::{Plan, Swarm};
use crate::tape::Tape;

/// Where the tapes are that once failed.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");
/// Bytes of the header on a line.
const ROW: usize = 16;

/// All tapes of the corpus with their file names, in the order of these.
///
/// # Errors
/// When one cannot be read, or is no tape.
pub fn all() -> io::Result<Vec<(String, Tape)>> {
    let mut tapes = BTreeMap::new();
    for entry in fs::read_dir(FOLDER)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tape") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            tapes.insert(name, load(&path)?);
        }
    }
    Ok(tapes.into_iter().collect())
}

/// The tape in a file.
///
/// # Errors
/// When it cannot be read, or is no tape.
pub fn load(path: &Path) -> io::Result<Tape> {
    let invalid = |what: String| Error::new(ErrorKind::InvalidData, what);
    parse(&fs::read_to_string(path)?).map_err(invalid)
}

/// The tape that `text` stands for.
///
/// # Errors
/// When there is something in it that is neither hex nor a comment, or half a byte; tells in which line.
pub fn parse(text: &str) -> Result<Tape, String> {
    let mut bytes = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split('#').next().unwrap_or_default();
        let mut digits = Vec::new();
        for c in code.chars().filter(|c| !c.is_whitespace()) {
            digits.push(c.to_digit(16).ok_or_else(|| format!("line {number}: {c:?} is no hex digit"))? as u8);
        }
        let (pairs, []) = digits.as_chunks() else {
            return Err(format!("line {number}: half a byte at its end"));
        };
        bytes.extend(pairs.iter().map(|[high, low]| high << 4 | low));
    }
    Ok(Tape::from_bytes(&bytes))
}

/// The text of a tape, with `heading` (what was found with it, say) and what it means as comments.
#[must_use]
pub fn print(tape: &Tape, heading: &str) -> String {
    let mut text = String::new();
    for line in heading.lines().chain(Swarm::from_tape(tape).to_string().lines()) {
        text += format!("# {line}").trim_end();
        text.push('\n');
    }
    for row in tape.header().chunks(ROW) {
        text += &hex(row);
        text.push('\n');
    }
    let mut moments: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for moment in Plan::from_tape(tape).moments {
        moments.entry(moment.record).or_default().push(moment.to_string());
    }
    for (index, record) in tape.records().iter().enumerate() {
        let what = moments.get(&index).map(|moments| moments.join(";")).unwrap_or_default();
        text += format!("{} #{what}", hex(record)).trim_end_matches(" #");
        text.push('\n');
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for seed in 0..20 {
            let tape = Tape::from_seed(seed);
            let text = print(&tape, "Order: a line was lost\nand found");
            assert!(text.starts_with("# Order: a line was lost\n# and found\n# "), "{text}");
            assert_eq!(parse(&text), Ok(tape));
        }
    }

    #[test]
    fn what_is_no_tape_is_told() {
        assert_eq!(parse("# nothing"), Ok(Tape::from_bytes(&[])));
        assert_eq!(parse("0a\n 0 b #x").map(|tape| tape.header()[..3].to_vec()), Ok(vec![10, 11, 0]));
        assert_eq!(parse("00\nzz"), Err("line 2: 'z' is no hex digit".into()));
        assert_eq!(parse("000"), Err("line 1: half a byte at its end".into()));
    }

    #[test]
    fn the_corpus_can_be_read() {
        let tapes = all().expect("every file of the corpus is a tape");
        assert!(tapes.is_sorted_by(|(one, _), (two, _)| one < two) && !tapes.is_empty());
    }
}
