//! Requests and answers.

use prometheus_client::encoding::prometheus_text;

use crate::snapshot::Snapshot;

/// Headers that a request may have: scrapers and browsers send about a dozen.
const HEADERS: usize = 64;
const TEXT: &str = "text/plain; charset=utf-8";

/// A request, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) wants: Wants,
    /// Whether the answer has no body.
    pub(crate) head: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    Metrics,
    Health,
    /// Something that is not to be had.
    Refused(Status),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    HeadersTooLarge,
    Unavailable,
}

impl Request {
    /// Reads a request; none, if there is more of it to come. A body is nobody's business.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(bytes) {
            Ok(status) if status.is_partial() => None,
            Ok(_) => Some(Self::new(request.method.unwrap_or_default(), request.path.unwrap_or_default())),
            Err(httparse::Error::TooManyHeaders) => Some(Self::refused(Status::HeadersTooLarge)),
            Err(_) => Some(Self::refused(Status::BadRequest)),
        }
    }

    pub(crate) fn refused(status: Status) -> Self {
        Self { wants: Wants::Refused(status), head: false }
    }

    fn new(method: &str, target: &str) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        let wants = match (path, method) {
            ("/metrics", "GET" | "HEAD") => Wants::Metrics,
            ("/healthz", "GET" | "HEAD") => Wants::Health,
            ("/metrics" | "/healthz", _) => Wants::Refused(Status::MethodNotAllowed),
            _ => Wants::Refused(Status::NotFound),
        };
        Self { wants, head: method == "HEAD" }
    }

    /// The answer; `snapshot` is there if the server is alive.
    pub(crate) fn answer(self, snapshot: Option<&Snapshot>) -> Vec<u8> {
        let (status, content_type, body) = match (self.wants, snapshot) {
            (Wants::Metrics, Some(snapshot)) => {
                (Status::Ok, prometheus_text::CONTENT_TYPE, snapshot.clone().into_text())
            }
            (Wants::Health, Some(_)) => (Status::Ok, TEXT, String::from("ok\n")),
            (Wants::Metrics | Wants::Health, None) => {
                (Status::Unavailable, TEXT, String::from("the server does not answer\n"))
            }
            (Wants::Refused(status), _) => (status, TEXT, format!("{}\n", status.line())),
        };
        let allow = if status == Status::MethodNotAllowed { "Allow: GET, HEAD\r\n" } else { "" };
        let (line, length) = (status.line(), body.len());
        let mut answer = format!(
            "HTTP/1.1 {line}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{allow}\
             Connection: close\r\n\r\n"
        );
        if !self.head {
            answer.push_str(&body);
        }
        answer.into_bytes()
    }
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::HeadersTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(request: &str) -> Option<Wants> {
        Request::read(request.as_bytes()).map(|request| request.wants)
    }

    #[test]
    fn a_request_is_read_when_its_head_is_whole() {
        let whole = "GET /metrics?x=1 HTTP/1.1\r\nHost: here\r\n\r\n";
        assert_eq!(wants(whole), Some(Wants::Metrics));
        for end in 0..whole.len() {
            assert_eq!(wants(&whole[..end]), None, "{end}");
        }
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        for (line, status) in [
            ("GET / HTTP/1.1", Status::NotFound),
            ("GET /metrics/ HTTP/1.0", Status::NotFound),
            ("POST /healthz HTTP/1.1", Status::MethodNotAllowed),
            ("ann", Status::BadRequest),
            ("GET /metrics", Status::BadRequest),
            ("GET /metrics HTTP/2.0", Status::BadRequest),
            ("\u{1}\u{2}", Status::BadRequest),
        ] {
            assert_eq!(wants(&format!("{line}\r\n\r\n")), Some(Wants::Refused(status)), "{line}");
        }
        let headers = "a: b\r\n".repeat(HEADERS + 1);
        let request = format!("GET /metrics HTTP/1.1\r\n{headers}\r\n");
        assert_eq!(wants(&request), Some(Wants::Refused(Status::HeadersTooLarge)));
    }

    #[test]
    fn a_head_has_the_length_of_a_body_and_no_body() {
        let request =
            |line: &str| Request::read(format!("{line} /healthz HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
        let get = String::from_utf8(request("GET").answer(None)).unwrap();
        let head = String::from_utf8(request("HEAD").answer(None)).unwrap();
        assert!(get.starts_with("HTTP/1.1 503 ") && get.ends_with("\r\n\r\nthe server does not answer\n"));
        assert_eq!(head, get.strip_suffix("the server does not answer\n").unwrap());
    }
}
