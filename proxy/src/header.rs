//! What a proxy says first, from bytes to an address.

use std::net::IpAddr;

use ppp::{HeaderResult, v1, v2};

/// The least that a header has: `PROXY UNKNOWN` and its end.
const LEAST: usize = 15;
/// The most that one of version 1 has (section 2.1 of the specification).
const V1_MOST: usize = 107;
/// What one of version 2 has before its length is known.
const V2_START: usize = 16;
/// The most that one of version 2 may have here. Addresses take 36 bytes of up to 65,535 that there can be, and what
/// proxies add to them, such as the name that TLS was asked for, some hundreds.
const V2_MOST: usize = 4 << 10;

/// A header on its way. It takes not one byte of what follows, so nothing has to be given back.
pub(crate) struct Header {
    /// The proxy's own address.
    proxy: IpAddr,
    bytes: Vec<u8>,
}

/// It is no header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoHeader;

impl Header {
    /// Of the proxy at this address; nothing has come of it.
    pub(crate) fn new(proxy: IpAddr) -> Self {
        Self { proxy, bytes: Vec::new() }
    }

    /// How many bytes may be read next: at least one, and none of what stands behind the header.
    pub(crate) fn wants(&self) -> usize {
        let least = self.v2_length().unwrap_or(LEAST);
        // Where the line of version 1 ends is known when it does.
        least.saturating_sub(self.bytes.len()).max(1)
    }

    /// Takes more of it in. When it is whole: for whom the proxy speaks, itself if for nobody.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Option<Result<IpAddr, NoHeader>> {
        self.bytes.extend_from_slice(bytes);
        let have = self.bytes.len();
        let (is_whole, most) = if self.begins_like(v2::PROTOCOL_PREFIX) {
            (self.v2_length().is_some_and(|length| have >= length), V2_MOST)
        } else if self.begins_like(v1::PROTOCOL_PREFIX.as_bytes()) {
            (self.bytes.ends_with(b"\n"), V1_MOST)
        } else {
            return Some(Err(NoHeader));
        };
        if have.max(self.v2_length().unwrap_or(0)) > most {
            return Some(Err(NoHeader));
        }
        is_whole.then(|| self.parse())
    }

    fn begins_like(&self, prefix: &[u8]) -> bool {
        let both = self.bytes.len().min(prefix.len());
        self.bytes[..both] == prefix[..both]
    }

    /// How long a header of version 2 is, once it says so.
    fn v2_length(&self) -> Option<usize> {
        let start = self.bytes.get(..V2_START).filter(|start| start.starts_with(v2::PROTOCOL_PREFIX))?;
        Some(V2_START + usize::from(u16::from_be_bytes([start[14], start[15]])))
    }

    fn parse(&self) -> Result<IpAddr, NoHeader> {
        let said = match HeaderResult::parse(&self.bytes) {
            HeaderResult::V1(Ok(header)) => match header.addresses {
                v1::Addresses::Tcp4(tcp) => Some(tcp.source_address.into()),
                v1::Addresses::Tcp6(tcp) => Some(tcp.source_address.into()),
                v1::Addresses::Unknown => None,
            },
            HeaderResult::V2(Ok(header)) => match (header.command, header.addresses) {
                (v2::Command::Proxy, v2::Addresses::IPv4(ip)) => Some(ip.source_address.into()),
                (v2::Command::Proxy, v2::Addresses::IPv6(ip)) => Some(ip.source_address.into()),
                // A check of the proxy's own, or somebody without an IP address.
                _ => None,
            },
            _ => return Err(NoHeader),
        };
        Ok(said.map_or(self.proxy, |peer: IpAddr| peer.to_canonical()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    /// What comes of `bytes` when at most `chunk` of them come at a time, and how many are taken.
    fn said(bytes: &[u8], chunk: usize) -> (Option<Result<IpAddr, NoHeader>>, usize) {
        let mut header = Header::new(PROXY);
        let mut taken = 0;
        while taken < bytes.len() {
            let end = bytes.len().min(taken + header.wants().min(chunk));
            let said = header.receive(&bytes[taken..end]);
            taken = end;
            if said.is_some() {
                return (said, taken);
            }
        }
        (None, taken)
    }

    fn v2(command: u8, family: u8, addresses: &[u8], more: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len() + more.len()).unwrap().to_be_bytes();
        [v2::PROTOCOL_PREFIX, &[0x20 | command, family], &length, addresses, more].concat()
    }

    #[test]
    fn the_address_is_taken_and_nothing_behind_it() {
        let ipv4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0x1f, 0x90];
        let mut ipv6 = [0; 36];
        ipv6[..16].copy_from_slice(&"2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets());
        let mapped = "PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.1 4660 8080\r\n";
        let headers: [(&[u8], &str); 9] = [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 8080\r\n", "192.0.2.7"),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 4660 8080\r\n", "2001:db8::7"),
            (mapped.as_bytes(), "192.0.2.7"),
            (b"PROXY UNKNOWN\r\n", "10.0.0.1"),
            (b"PROXY UNKNOWN ff:: :: 1 2\r\n", "10.0.0.1"),
            (&v2(1, 0x11, &ipv4, b""), "192.0.2.7"),
            (&v2(1, 0x21, &ipv6, b"\x02\x00\x03cat"), "2001:db8::7"),
            (&v2(0, 0x00, b"", b""), "10.0.0.1"),
            (&v2(1, 0x31, &[b'x'; 216], b""), "10.0.0.1"),
        ];
        for (header, peer) in headers {
            let bytes = [header, b"\nPROXY\nann\n"].concat();
            for chunk in [1, 2, 7, 1_000] {
                let expected = (Some(Ok(peer.parse().unwrap())), header.len());
                assert_eq!(said(&bytes, chunk), expected, "{} by {chunk}", header.escape_ascii());
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused_soon() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let vast = v2(1, 0x11, &[0; 5_000], b"");
        let bad: [(&[u8], usize); 7] = [
            (b"ann\nhello, how are you\n", 15),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdef", 15),
            (b"PROXY TCP4 nobody at all\r\n", 26),
            (b"PROXY TCP4 192.0.2.7\n", 21),
            (&long, 108),
            (&vast, 16),
            (&v2(1, 0x11, &[1, 2, 3], b""), 19),
        ];
        for (bytes, taken) in bad {
            assert_eq!(said(bytes, 1_000), (Some(Err(NoHeader)), taken), "{}", bytes.escape_ascii());
            assert_eq!(said(bytes, 1).0, Some(Err(NoHeader)), "{}", bytes.escape_ascii());
        }
        assert_eq!(said(b"\r\n\r\n\0\r\nQUI", 1).0, None);
    }
}
