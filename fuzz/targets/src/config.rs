//! The configuration file: any bytes are settings that read back, or are refused with a line.

use std::path::Path;

use toml::Table;

/// What the file is called.
const NAME: &str = "chat.toml";
/// Descriptors of a machine like any other.
const DESCRIPTORS: u64 = 20_000;

/// Reads `data` as a configuration file.
///
/// What is refused is refused in one line that names the file and a line in it. What is accepted prints as a file
/// with the same settings.
///
/// # Panics
/// Where that is not so.
pub fn config(data: &[u8]) {
    let check = |bytes| chat_server::check_config(Path::new(NAME), bytes, DESCRIPTORS);
    match check(data) {
        Err(error) => check_refusal(&error.to_string(), data),
        Ok(told) => match check(told.as_bytes()) {
            Err(error) => panic!("{error}\nin what is printed:\n{told}"),
            Ok(again) => assert_eq!(settings(&again), settings(&told), "what is printed reads back"),
        },
    }
}

fn check_refusal(refusal: &str, data: &[u8]) {
    let line = refusal.strip_prefix(NAME).and_then(|rest| rest.strip_prefix(':')?.split_once(": "));
    let (line, what) = line.unwrap_or_else(|| panic!("{refusal:?} does not say where"));
    let line: usize = line.parse().expect("the number of a line");
    let lines = 1 + data.iter().filter(|&&byte| byte == b'\n').count();
    assert!((1..=lines).contains(&line), "line {line} of {lines}: {refusal:?}");
    assert!(!what.is_empty() && !what.contains(char::is_control), "{refusal:?} is not one line of text");
}

/// The settings in a file, without where they come from.
fn settings(text: &str) -> Table {
    text.parse().expect("what is printed is TOML")
}
