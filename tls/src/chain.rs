//! A certificate chain as its operator has to know it: how long it lasts, and what clients may not like about it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

const DAY: f64 = 86_400.0;

/// When the certificates of a chain are valid, all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    /// In seconds of Unix time.
    from: i64,
    until: i64,
}

/// What clients may refuse a certificate for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Warning {
    /// It is valid no longer, since so many days.
    Expired(f64),
    /// It is not valid yet, for so many days.
    NotYetValid(f64),
    /// A certificate did not sign the one before it; its place in the file, from 1.
    Order(usize),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(days) => write!(f, "the certificate has expired, {days:.1} days ago"),
            Self::NotYetValid(days) => write!(f, "the certificate is not valid yet, for {days:.1} days"),
            Self::Order(place) => write!(
                f,
                "certificate {place} of the file did not sign the one before it: the server's own comes first, then \
                 the one that signed it, and so on"
            ),
        }
    }
}

impl Validity {
    /// Until when, in days from `now`: less than 0 after that.
    pub(crate) fn days_left(self, now: SystemTime) -> f64 {
        (self.until - unix(now)) as f64 / DAY
    }

    /// What is wrong with it now.
    pub(crate) fn warning(self, now: SystemTime) -> Option<Warning> {
        let until_valid = (self.from - unix(now)) as f64 / DAY;
        match self.days_left(now) {
            left if left < 0.0 => Some(Warning::Expired(-left)),
            _ if until_valid > 0.0 => Some(Warning::NotYetValid(until_valid)),
            _ => None,
        }
    }
}

/// Looks at a chain: when it is valid, and which of its certificates stand where they should not. The place of one that
/// is none is the error, from 1.
pub(crate) fn inspect(chain: &[CertificateDer<'_>]) -> Result<(Validity, Vec<Warning>), usize> {
    let parsed =
        (1_usize..).zip(chain).map(|(place, der)| Ok(X509Certificate::from_der(der).map_err(|_| place)?.1));
    let parsed = parsed.collect::<Result<Vec<_>, usize>>()?;
    let from = parsed.iter().map(|it| it.validity().not_before.timestamp()).max().unwrap_or(i64::MIN);
    let until = parsed.iter().map(|it| it.validity().not_after.timestamp()).min().unwrap_or(i64::MAX);
    let pairs = (2..).zip(parsed.windows(2));
    let wrong = pairs.filter(|(_, pair)| pair[0].issuer().as_raw() != pair[1].subject().as_raw());
    Ok((Validity { from, until }, wrong.map(|(place, _)| Warning::Order(place)).collect()))
}

/// Seconds of Unix time.
fn unix(time: SystemTime) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    time.duration_since(UNIX_EPOCH).map_or_else(|error| -seconds(error.duration()), seconds)
}
