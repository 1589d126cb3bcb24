//! The password of a server: never shown, compared in constant time.

use alloc::boxed::Box;
use core::fmt;

use subtle::ConstantTimeEq as _;

use crate::text;

/// The password that whoever connects has to know.
#[derive(Clone)]
pub struct Password(Known);

#[derive(Clone)]
enum Known {
    Known(Box<str>),
    /// Of a server that was recorded. What each attempt came to is foretold.
    Recorded,
}

impl Password {
    /// This one. The same rules hold as for lines: what is no valid UTF-8, or has a line end in it, cannot be sent.
    #[must_use]
    pub fn new(password: &str) -> Self {
        Self(Known::Known(password.into()))
    }

    /// That of a server that was recorded, for replays: see [`Engine::foretell`](crate::Engine::foretell).
    #[must_use]
    pub fn recorded() -> Self {
        Self(Known::Recorded)
    }

    /// Whether nobody knows it, since it is that of a server that was recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(self.0, Known::Recorded)
    }

    /// Whether it is this; never, where nobody knows. The time it takes tells no more than the length.
    pub(crate) fn is(&self, attempt: &str) -> bool {
        match &self.0 {
            Known::Known(password) => password.as_bytes().ct_eq(attempt.as_bytes()).into(),
            Known::Recorded => false,
        }
    }

    /// Whether nobody could send it as a line: it is empty, or longer than one, or has something else in it.
    pub(crate) fn is_unspeakable(&self, max: usize) -> bool {
        match &self.0 {
            Known::Known(password) => {
                let trimmed = password.trim_ascii();
                trimmed.is_empty()
                    || trimmed.len() < password.len()
                    || password.len() > max
                    || text::from_wire(password.as_bytes()) != **password
                    || password.contains(['\n', '\r', char::REPLACEMENT_CHARACTER])
            }
            Known::Recorded => false,
        }
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        match &other.0 {
            Known::Known(password) => self.is(password),
            Known::Recorded => self.is_recorded(),
        }
    }
}

impl Eq for Password {}

/// Says nothing about it.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_it_is_and_nobody_sees_it() {
        let password = Password::new("open sesame");
        assert_eq!(
            ["open sesame", "open sesam", "Open sesame", ""].map(|it| password.is(it)),
            [true, false, false, false]
        );
        assert_eq!(alloc::format!("{password:?}"), "Password");
    }

    #[test]
    fn what_no_line_can_be_is_no_password() {
        let unspeakable = |password: &str| Password::new(password).is_unspeakable(8);
        assert!(
            ["", " ", " x", "x\n", "x\ry", "x\u{8}y", "123456789", "\u{fffd}"]
                .iter()
                .all(|it| unspeakable(it))
        );
        assert!(["x", "x y", "12345678", "日本", "/quit"].iter().all(|it| !unspeakable(it)));
    }
}
