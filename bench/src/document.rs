//! `BENCHMARKS.md`: each command replaces its own section, and leaves the rest as it is.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The repository, where the benchmark was built.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package lies in the workspace").to_owned()
}

/// Replaces what stands between `<!-- NAME -->` and `<!-- end of NAME -->` in `BENCHMARKS.md`.
pub(crate) fn replace_section(name: &str, text: &str) -> io::Result<()> {
    let path = repository().join("BENCHMARKS.md");
    let document = fs::read_to_string(&path)?;
    fs::write(&path, with_section(&document, name, text)?)
}

fn with_section(document: &str, name: &str, text: &str) -> io::Result<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let missing = || io::Error::other(format!("BENCHMARKS.md has no section {name:?}"));
    let (before, rest) = document.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_rest_is_left() {
        let document = "# top\n<!-- a -->\nold\n<!-- end of a -->\nbottom\n";
        let expected = "# top\n<!-- a -->\n\nnew\n\n<!-- end of a -->\nbottom\n";
        assert_eq!(with_section(document, "a", "new\n").unwrap(), expected);
        assert!(with_section(document, "b", "new").is_err());
    }
}
