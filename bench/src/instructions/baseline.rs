//! The committed figures, as a table that a diff shows well.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::{fs, io};

use super::Figure;
use crate::{Result, document};

const HEAD: &str = "# Counts of `cargo run -p bench --release -- instructions --write`: name, unit, value.\n";

fn path() -> PathBuf {
    document::repository().join("bench/instructions.tsv")
}

/// The baseline; empty, where there is none.
pub(super) fn read() -> Result<Vec<Figure>> {
    match fs::read_to_string(path()) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Makes `figures` the baseline.
pub(super) fn write(figures: &[Figure]) -> io::Result<()> {
    fs::write(path(), shown(figures))
}

fn shown(figures: &[Figure]) -> String {
    let line = |figure: &Figure| format!("{}\t{}\t{:.2}\n", figure.name, figure.unit, figure.value);
    [HEAD.to_owned()].into_iter().chain(figures.iter().map(line)).collect()
}

fn parse(text: &str) -> Result<Vec<Figure>> {
    let figure = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
        [name, unit, value] => Ok(Figure { name: name.into(), unit: unit.into(), value: value.parse()? }),
        _ => Err(format!("the baseline has a line that is no figure: {line:?}").into()),
    };
    text.lines().filter(|line| !line.starts_with('#')).map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let figures =
            [Figure { name: "one".into(), unit: "instructions per line".into(), value: 12.5 }].to_vec();
        assert_eq!(parse(&shown(&figures)).unwrap(), figures);
        assert!(parse("one\t2\n").is_err());
    }
}
