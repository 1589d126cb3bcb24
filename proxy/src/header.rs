//! What a proxy says first, from bytes to an address.

use std::net::IpAddr;

use ppp::v1;

/// What a header of version 2 begins with (section 2.2 of the specification).
const V2_PREFIX: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The least that a header has: `PROXY UNKNOWN` and its end.
const LEAST: usize = 15;
/// The most that one of version 1 has (section 2.1).
const V1_MOST: usize = 107;
/// What one of version 2 has before its length is known.
const V2_START: usize = 16;

/// A header on its way. It takes not one byte of what follows, so nothing has to be given back.
pub(crate) struct Header {
    /// The proxy's own address.
    proxy: IpAddr,
    /// The beginning of what has come. Of version 2 that is more than the addresses; what stands behind them, such as the
    /// name that TLS was asked for, is nobody's business here.
    bytes: Vec<u8>,
    /// How much has come.
    have: usize,
}

/// It is no header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoHeader;

impl Header {
    /// Of the proxy at this address; nothing has come of it.
    pub(crate) fn new(proxy: IpAddr) -> Self {
        Self { proxy, bytes: Vec::new(), have: 0 }
    }

    /// How many bytes may be read next: at least one, and none of what stands behind the header.
    pub(crate) fn wants(&self) -> usize {
        let least = self.v2_length().unwrap_or(LEAST);
        // Where the line of version 1 ends is known when it does.
        least.saturating_sub(self.have).max(1)
    }

    /// Takes more of it in. When it is whole: for whom the proxy speaks, itself if for nobody.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Option<Result<IpAddr, NoHeader>> {
        self.have += bytes.len();
        let room = (V1_MOST + 1).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.begins_like(V2_PREFIX) {
            let said = self.v2_peer();
            if said == Some(Err(NoHeader)) {
                return said;
            }
            return said.filter(|_| self.v2_length().is_some_and(|length| self.have >= length));
        }
        if self.have > V1_MOST || !self.begins_like(v1::PROTOCOL_PREFIX.as_bytes()) {
            return Some(Err(NoHeader));
        }
        self.bytes.ends_with(b"\n").then(|| self.v1_peer())
    }

    fn begins_like(&self, prefix: &[u8]) -> bool {
        let both = self.bytes.len().min(prefix.len());
        self.bytes[..both] == prefix[..both]
    }

    fn v1_peer(&self) -> Result<IpAddr, NoHeader> {
        let header = v1::Header::try_from(self.bytes.as_slice()).map_err(|_| NoHeader)?;
        Ok(match header.addresses {
            v1::Addresses::Tcp4(tcp) => IpAddr::from(tcp.source_address).to_canonical(),
            v1::Addresses::Tcp6(tcp) => IpAddr::from(tcp.source_address).to_canonical(),
            v1::Addresses::Unknown => self.proxy,
        })
    }

    /// How long a header of version 2 is, once it says so.
    fn v2_length(&self) -> Option<usize> {
        let start = self.bytes.get(..V2_START).filter(|start| start.starts_with(V2_PREFIX))?;
        Some(V2_START + usize::from(u16::from_be_bytes([start[14], start[15]])))
    }

    /// Whom a header of version 2 is about, once it says so (section 2.2).
    fn v2_peer(&self) -> Option<Result<IpAddr, NoHeader>> {
        let length = self.v2_length()?;
        let (version, command) = (self.bytes[12] >> 4, self.bytes[12] & 0xF);
        let (family, transport) = (self.bytes[13] >> 4, self.bytes[13] & 0xF);
        let addresses = match (version, command, family, transport) {
            // A check of the proxy's own. Whatever else it says has to be skipped, its family included.
            (2, 0, ..) => return Some(Ok(self.proxy)),
            // Somebody without an address, or with none of IP.
            (2, 1, 0, 0..=2) | (2, 1, 3, 0..=2) => return Some(Ok(self.proxy)),
            (2, 1, 1, 0..=2) => 12,
            (2, 1, 2, 0..=2) => 36,
            // "Receivers must drop connections" with other values.
            _ => return Some(Err(NoHeader)),
        };
        if length < V2_START + addresses {
            return Some(Err(NoHeader));
        }
        let addresses = self.bytes.get(V2_START..V2_START + addresses)?;
        Some(Ok(match *addresses {
            [a, b, c, d, _, _, _, _, _, _, _, _] => IpAddr::from([a, b, c, d]),
            _ => IpAddr::from(<[u8; 16]>::try_from(&addresses[..16]).expect("so many")).to_canonical(),
        }))
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
            assert!(header.bytes.len() <= V1_MOST + 1, "{} bytes are kept", header.bytes.len());
            taken = end;
            if said.is_some() {
                return (said, taken);
            }
        }
        (None, taken)
    }

    fn v2(command: u8, family: u8, addresses: &[u8], more: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len() + more.len()).unwrap().to_be_bytes();
        [V2_PREFIX, &[0x20 | command, family], &length, addresses, more].concat()
    }

    fn is_said(header: &[u8], peer: &str) {
        let bytes = [header, b"\nPROXY\nann\n"].concat();
        for chunk in [1, 2, 7, 1_000, 100_000] {
            let expected = (Some(Ok(peer.parse().unwrap())), header.len());
            let start = header[..header.len().min(60)].escape_ascii();
            assert_eq!(said(&bytes, chunk), expected, "{start} by {chunk}");
        }
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
            (&v2(1, 0x11, &ipv4, &[b'x'; 65_000]), "192.0.2.7"),
            (&v2(1, 0x31, &[b'x'; 216], b""), "10.0.0.1"),
        ];
        for (header, peer) in headers {
            is_said(header, peer);
        }
    }

    #[test]
    fn a_check_of_the_proxys_own_is_its_own_whatever_it_says() {
        for family in 0..=0xFF {
            for length in [0, 1, 3, 12, 36, 216, 0xFFFF] {
                is_said(&v2(0, family, &vec![b'\n'; length], b""), "10.0.0.1");
            }
        }
        for (family, length) in [(0x00, 0), (0x00, 12), (0x01, 500), (0x02, 0), (0x30, 0), (0x32, 216)] {
            is_said(&v2(1, family, &vec![1; length], b""), "10.0.0.1");
        }
    }

    #[test]
    fn what_is_no_header_is_refused_soon() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let bad: [(&[u8], usize); 9] = [
            (b"ann\nhello, how are you\n", 15),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdef", 15),
            (b"PROXY TCP4 nobody at all\r\n", 26),
            (b"PROXY TCP4 192.0.2.7\n", 21),
            (&long, 108),
            (&v2(1, 0x11, &[1, 2, 3], b""), 16),
            (&v2(2, 0x11, &[0; 12], b""), 16),
            (&v2(1, 0x13, &[0; 12], b""), 16),
            (&v2(1, 0x41, &[0; 12], b""), 16),
        ];
        for (bytes, taken) in bad {
            assert_eq!(said(bytes, 1_000), (Some(Err(NoHeader)), taken), "{}", bytes.escape_ascii());
            assert_eq!(said(bytes, 1).0, Some(Err(NoHeader)), "{}", bytes.escape_ascii());
        }
        assert_eq!(said(b"\r\n\r\n\0\r\nQUI", 1).0, None);
    }
}
