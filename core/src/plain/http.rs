//! Browsers: recognised by their first line, and sent away.
//!
//! A web page can make a visitor's browser send text to any host and port; without this, what it sends would be
//! said in the chat in the visitor's name.

/// What an HTTP client is told.
pub(crate) const HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 59\r\n\
    Connection: close\r\n\
    \r\n\
    This is a chat server, not a web server: use nc or telnet.\n";

/// Whether `line` is a request line (RFC 9112, section 3): method, target, version.
pub(crate) fn is_http_request(line: &str) -> bool {
    let mut words = line.split(' ');
    let (method, version) = (words.next(), words.next_back());
    let is_method = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    method.is_some_and(is_method)
        && words.next().is_some()
        && version.is_some_and(|word| word.starts_with("HTTP/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_of_any_method() {
        for line in ["GET / HTTP/1.1", "POST /x y HTTP/1.0", "PRI * HTTP/2.0", "M-SEARCH * HTTP/1.1"] {
            assert!(is_http_request(line), "{line}");
        }
        for line in ["ann", "GET /", "HTTP/1.1", "I like HTTP", "GET HTTP/1.1", ""] {
            assert!(!is_http_request(line), "{line}");
        }
    }

    #[test]
    fn the_answer_has_the_length_it_claims() {
        let text = core::str::from_utf8(HTTP_ANSWER).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&alloc::format!("Content-Length: {}", body.len())));
    }
}
