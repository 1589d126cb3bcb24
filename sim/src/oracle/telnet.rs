//! What of the output is telnet's, and no text.

/// Begins each of telnet's answers, and is in no UTF-8.
const IAC: u8 = 255;
/// Bytes of an answer: IAC, what is said of it, and the option.
const ANSWER: usize = 3;

/// What was written but for telnet's answers; none, if one of them is not whole.
pub(crate) fn without_answers(written: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.iter().position(|&byte| byte == IAC) {
        text.extend_from_slice(&rest[..at]);
        rest = rest.get(at + ANSWER..)?;
    }
    text.extend_from_slice(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_no_text() {
        assert_eq!(without_answers(b"a\n\xff\xfb\x06b\n\xff\xfc\n").as_deref(), Some(&b"a\nb\n"[..]));
        assert_eq!(without_answers(b"a\n\xff\xfb"), None);
    }
}
