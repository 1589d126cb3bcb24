//! Who we are to the server, as far as its plain lines tell.

use std::collections::VecDeque;

use crate::line::{Line, confirms};

/// Our nickname: the one the server confirmed, and those it has yet to answer, in order.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    own: Option<String>,
    wanted: VecDeque<String>,
}

impl Identity {
    /// The nickname the server confirmed.
    pub(crate) fn own(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// A line we send; it may ask for a nickname.
    pub(crate) fn sent(&mut self, line: &str) {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let asked = if command.eq_ignore_ascii_case("/nick") {
            rest.trim()
        } else if self.own.is_none() && !command.starts_with('/') {
            line.trim()
        } else {
            return;
        };
        self.wanted.push_back(asked.to_owned());
    }

    /// A line we received; it may be the answer. Tells whether it is the one that registers us.
    ///
    /// The server's greeting, which it sends when our nickname takes long to arrive, is a `* `
    /// line too; only the welcome can name us.
    pub(crate) fn received(&mut self, line: &str) -> bool {
        match Line::parse(line) {
            Line::Notice => {
                let Some(answered) = self.wanted.iter().position(|name| confirms(line, name)) else {
                    return false;
                };
                let before = self.own.take();
                self.own = self.wanted.drain(..=answered).next_back();
                if before.is_none() {
                    // What was typed behind the nickname was no other nickname.
                    self.wanted.clear();
                }
                before.is_none()
            }
            Line::Error => {
                self.wanted.pop_front();
                false
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_welcome_is_told_from_the_greeting() {
        let mut identity = Identity::default();
        assert!(!identity.received("* hello ann"));
        identity.sent("ann");
        assert!(!identity.received("* which nickname?"));
        assert!(identity.received("* welcome, ann"));
        assert_eq!(identity.own(), Some("ann"));
        assert!(!identity.received("* ann is you"));
    }

    #[test]
    fn a_refused_nickname_is_not_ours() {
        let mut identity = Identity::default();
        identity.sent("ann");
        assert!(!identity.received("! ann is taken"));
        identity.sent("/nick bea");
        assert!(identity.received("* welcome, bea"));
        assert_eq!(identity.own(), Some("bea"));
    }

    #[test]
    fn answers_may_come_late() {
        let mut identity = Identity::default();
        for line in ["ann", "bea", "hello"] {
            identity.sent(line);
        }
        assert!(!identity.received("! ann is taken"));
        assert!(identity.received("* welcome, bea") && identity.own() == Some("bea"));
        assert!(!identity.received("* hello"));
    }

    #[test]
    fn a_rename_is_followed_and_words_are_not() {
        let mut identity = Identity::default();
        identity.sent("ann");
        identity.received("* welcome, ann");
        identity.sent("bea");
        assert!(!identity.received("* bea"));
        identity.sent("/NICK bea");
        assert!(!identity.received("[12:34:56] #rust <bob> bea!"));
        assert_eq!(identity.own(), Some("ann"));
        assert!(!identity.received("* you are now known as bea"));
        assert_eq!(identity.own(), Some("bea"));
    }
}
