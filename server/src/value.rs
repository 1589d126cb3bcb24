//! How values are written in flags. Each type reads back what it prints, so that defaults can be shown.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use chat_core::{ConnectLimit, FloodLimit, RoomLimit};
use ipnet::IpNet;

/// Where to listen: an address, or a port alone (`8080`, `:8080`) for all interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    At(SocketAddr),
    Everywhere(u16),
}

impl Listen {
    /// How many sockets this takes: IPv4 and IPv6 have one each.
    pub(crate) fn sockets(self) -> u64 {
        match self {
            Self::At(_) => 1,
            Self::Everywhere(_) => 2,
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
            return Ok(Self::Everywhere(port));
        }
        text.parse().map(Self::At).map_err(|_| String::from("use IP:PORT, [IPV6]:PORT, or PORT alone"))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(addr) => addr.fmt(f),
            Self::Everywhere(port) => port.fmt(f),
        }
    }
}

/// An address, or a network in CIDR notation: `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(IpNet);

impl Network {
    /// From its first address to its last.
    pub(crate) fn range(self) -> RangeInclusive<IpAddr> {
        self.0.network()..=self.0.broadcast()
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network
            .map(Self)
            .ok_or_else(|| format!("{text:?} is neither an address nor a network, such as 192.0.2.0/24"))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

/// The room that everybody joins, or `none`. The engine knows which names are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lobby(pub(crate) Option<String>);

impl FromStr for Lobby {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self((text != "none").then(|| String::from(text))))
    }
}

impl fmt::Display for Lobby {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("none"))
    }
}

/// `LINES/SECONDS`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flood(pub(crate) Option<FloodLimit>);

impl FromStr for Flood {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let limit = rate(text).ok_or("use LINES/SECONDS, such as 20/4, or off")?;
        Ok(Self(limit.map(|(lines, per)| FloodLimit { lines, per })))
    }
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(FloodLimit { lines, per }) => write!(f, "{lines}/{}", Seconds(per)),
            None => f.write_str("off"),
        }
    }
}

/// `N/SECONDS`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectRate(pub(crate) Option<ConnectLimit>);

impl FromStr for ConnectRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let limit = rate(text).ok_or("use N/SECONDS, such as 100/50, or off")?;
        Ok(Self(limit.map(|(connections, per)| ConnectLimit { connections, per })))
    }
}

impl fmt::Display for ConnectRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ConnectLimit { connections, per }) => write!(f, "{connections}/{}", Seconds(per)),
            None => f.write_str("off"),
        }
    }
}

/// `N/SECONDS`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomRate(pub(crate) Option<RoomLimit>);

impl FromStr for RoomRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let limit = rate(text).ok_or("use N/SECONDS, such as 50/600, or off")?;
        Ok(Self(limit.map(|(rooms, per)| RoomLimit { rooms, per })))
    }
}

impl fmt::Display for RoomRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(RoomLimit { rooms, per }) => write!(f, "{rooms}/{}", Seconds(per)),
            None => f.write_str("off"),
        }
    }
}

/// How many in how long, or `off`; none, if it is neither.
fn rate(text: &str) -> Option<Option<(u32, Duration)>> {
    if text == "off" {
        return Some(None);
    }
    let (number, per) = text.split_once('/')?;
    Some(Some((number.parse().ok()?, per.parse::<Seconds>().ok()?.0)))
}

/// Seconds, with a fraction if need be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(Self)
            .ok_or_else(|| String::from("use seconds, such as 10 or 0.5"))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_secs_f64().fmt(f)
    }
}

/// Bytes, with a suffix `k`, `m` or `g` (powers of 1,024) if need be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

/// The suffixes, the greatest first.
const UNITS: [(char, usize); 3] = [('g', 1 << 30), ('m', 1 << 20), ('k', 1 << 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let suffixed = UNITS.iter().find_map(|&(suffix, unit)| Some((lower.strip_suffix(suffix)?, unit)));
        let (digits, unit) = suffixed.unwrap_or((&lower, 1));
        let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
        bytes.map(Self).ok_or_else(|| String::from("use bytes, such as 65536, 64k, 1m or 1g"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|&&(_, unit)| self.0 >= unit && self.0.is_multiple_of(unit));
        match whole {
            Some((suffix, unit)) => write!(f, "{}{suffix}", self.0 / unit),
            None => self.0.fmt(f),
        }
    }
}

/// Bytes, or `auto` for a share of what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share(pub(crate) Option<Size>);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(None));
        }
        text.parse().map(|size| Self(Some(size))).map_err(|hint: String| format!("{hint}; or auto"))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(size) => size.fmt(f),
            None => f.write_str("auto"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same<T: FromStr + fmt::Display>(text: &str) -> bool {
        text.parse::<T>().is_ok_and(|value| value.to_string() == text)
    }

    #[test]
    fn what_is_printed_reads_back() {
        for text in ["127.0.0.1:0", "[::1]:8080", "8080"] {
            assert!(same::<Listen>(text), "{text}");
        }
        for text in ["192.0.2.1", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32"] {
            assert!(same::<Network>(text), "{text}");
        }
        for text in ["#lobby", "none"] {
            assert!(same::<Lobby>(text), "{text}");
        }
        for text in ["20/4", "1/0.5", "off"] {
            assert!(same::<Flood>(text), "{text}");
            assert!(same::<ConnectRate>(text), "{text}");
            assert!(same::<RoomRate>(text), "{text}");
        }
        for text in ["0", "1000", "64k", "1m", "3g", "1025"] {
            assert!(same::<Size>(text), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(":8080".parse(), Ok(Listen::Everywhere(8080)));
        assert!("localhost:8080".parse::<Listen>().is_err());
        assert!(
            ["", "192.0.2", "192.0.2.0/33", "example.org", "::/129"]
                .iter()
                .all(|it| it.parse::<Network>().is_err())
        );
        assert!("20".parse::<Flood>().is_err());
        assert!("-1".parse::<Seconds>().is_err());
        assert!("nan".parse::<Seconds>().is_err());
        assert!("99999999999g".parse::<Size>().is_err());
        assert!("m".parse::<Size>().is_err());
    }
}
