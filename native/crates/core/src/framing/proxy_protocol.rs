//! The PROXY protocol's header, versions 1 and 2: what a load balancer says of the connection that it accepted.
//!
//! Source: `proxy-protocol.txt` of `HAProxy`, sections 2.1 and 2.2, read strictly. A listener requires the header or knows
//! nothing of it; whether there is one is never guessed from the bytes. Whoever may not send it is not asked: the caller
//! checks the peer's network first.

use crate::fault::Fault;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Begins version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const BEGINS_VERSION_1: &[u8; 6] = b"PROXY ";
/// The longest line of version 1, CRLF included.
const LONGEST_LINE: usize = 107;
/// Addresses and extensions of version 2; the largest that load balancers send are a few hundred bytes.
const LONGEST_EXTENSIONS: usize = 4096;
const FIXED_PART: usize = 16;

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preamble {
    /// At least this many more bytes belong to the header; the bytes after it are somebody else's.
    Needs(usize),
    /// The header is complete.
    Complete {
        /// Who connected to the load balancer; None: the balancer speaks for itself (LOCAL), or can't tell (UNKNOWN).
        source: Option<SocketAddr>,
    },
}

/// Judge the bytes from the connection's first one. They never hold more than was asked for by `Needs`.
pub fn judge(bytes: &[u8]) -> Result<Preamble, Fault> {
    let beginning = |of: &[u8]| bytes.iter().zip(of).all(|(one, other)| one == other);
    if bytes.is_empty() {
        return Ok(Preamble::Needs(BEGINS_VERSION_1.len()));
    }
    if beginning(SIGNATURE) {
        return version_2(bytes);
    }
    if beginning(BEGINS_VERSION_1) {
        return version_1(bytes);
    }
    Err(Fault::ProxyProtocolInvalid)
}

/// `PROXY TCP4|TCP6 source destination source-port destination-port CRLF`, or `PROXY UNKNOWN … CRLF`.
fn version_1(bytes: &[u8]) -> Result<Preamble, Fault> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        let line_end_too_early = bytes[..bytes.len() - 1].contains(&b'\r') || bytes.contains(&b'\n');
        if line_end_too_early || bytes.len() >= LONGEST_LINE {
            return Err(Fault::ProxyProtocolInvalid);
        }
        return Ok(Preamble::Needs(if bytes.ends_with(b"\r") { 1 } else { 2.min(LONGEST_LINE - bytes.len()) }));
    };
    if line.contains(&b'\r') || line.contains(&b'\n') || bytes.len() > LONGEST_LINE {
        return Err(Fault::ProxyProtocolInvalid);
    }
    let line = std::str::from_utf8(line).map_err(|_| Fault::ProxyProtocolInvalid)?;
    let mut words = line.split(' ').skip(1);
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        return Ok(Preamble::Complete { source: None });
    }
    let (Some(source), Some(destination), Some(source_port), Some(destination_port), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Fault::ProxyProtocolInvalid);
    };
    address(family, destination)?;
    port(destination_port)?;
    Ok(Preamble::Complete { source: Some(SocketAddr::new(address(family, source)?, port(source_port)?)) })
}

fn address(family: &str, text: &str) -> Result<IpAddr, Fault> {
    let parsed = match family {
        "TCP4" => text.parse().ok().map(IpAddr::V4),
        "TCP6" => text.parse().ok().map(IpAddr::V6),
        _ => None,
    };
    parsed.ok_or(Fault::ProxyProtocolInvalid)
}

/// Decimal, without sign or leading zero.
fn port(text: &str) -> Result<u16, Fault> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    text.parse().ok().filter(|_| plain).ok_or(Fault::ProxyProtocolInvalid)
}

/// Signature, version and command, family, length, addresses, extensions (which are skipped).
fn version_2(bytes: &[u8]) -> Result<Preamble, Fault> {
    if bytes.len() < FIXED_PART {
        return Ok(Preamble::Needs(FIXED_PART - bytes.len()));
    }
    let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    let local = match bytes[12] {
        0x20 => true,
        0x21 => false,
        _ => return Err(Fault::ProxyProtocolInvalid),
    };
    if length > LONGEST_EXTENSIONS {
        return Err(Fault::ProxyProtocolInvalid);
    }
    let addresses = &bytes[FIXED_PART..];
    if addresses.len() < length {
        return Ok(Preamble::Needs(length - addresses.len()));
    }
    if addresses.len() > length {
        return Err(Fault::ProxyProtocolInvalid);
    }
    let source = match bytes[13] {
        // The addresses of LOCAL are to be ignored, whatever family they claim.
        _ if local => None,
        0x00 => None,
        0x11 => Some(source_4(addresses)?),
        0x21 => Some(source_6(addresses)?),
        // Datagrams and local sockets never reach a TCP listener.
        _ => return Err(Fault::ProxyProtocolInvalid),
    };
    Ok(Preamble::Complete { source })
}

/// Source and destination addresses, then source and destination ports.
fn source_4(bytes: &[u8]) -> Result<SocketAddr, Fault> {
    let [a, b, c, d, _, _, _, _, high, low, ..] = *bytes else { return Err(Fault::ProxyProtocolInvalid) };
    let whole = bytes.len() >= 12;
    let source = SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low]));
    whole.then_some(source).ok_or(Fault::ProxyProtocolInvalid)
}

fn source_6(bytes: &[u8]) -> Result<SocketAddr, Fault> {
    if bytes.len() < 36 {
        return Err(Fault::ProxyProtocolInvalid);
    }
    let mut source = [0; 16];
    source.copy_from_slice(&bytes[..16]);
    Ok(SocketAddr::new(Ipv6Addr::from(source).into(), u16::from_be_bytes([bytes[32], bytes[33]])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feed a header as a reader would: never more bytes than were asked for. Returns the verdict and the bytes taken.
    fn read(bytes: &[u8]) -> (Option<Result<Preamble, Fault>>, usize) {
        let mut taken = 0;
        loop {
            match judge(&bytes[..taken]) {
                Ok(Preamble::Needs(more)) => {
                    assert!(more > 0);
                    if taken == bytes.len() {
                        return (None, taken);
                    }
                    taken = (taken + more).min(bytes.len());
                }
                verdict => return (Some(verdict), taken),
            }
        }
    }

    proptest! {
        #[test]
        fn a_line_of_version_1_is_read_to_its_end_and_no_further(
            source: (Ipv4Addr, u16), destination: (Ipv4Addr, u16), rest: Vec<u8>,
        ) {
            let line = format!("PROXY TCP4 {} {} {} {}\r\n", source.0, destination.0, source.1, destination.1);
            let bytes = [line.as_bytes(), &rest].concat();
            let expected = Preamble::Complete { source: Some(SocketAddr::new(source.0.into(), source.1)) };
            prop_assert_eq!(read(&bytes), (Some(Ok(expected)), line.len()));
        }

        #[test]
        fn a_header_of_version_2_is_read_to_its_end_and_no_further(
            source: (Ipv6Addr, u16), extensions in proptest::collection::vec(any::<u8>(), 0..200), rest: Vec<u8>,
        ) {
            let mut header = SIGNATURE.to_vec();
            header.extend([0x21, 0x21]);
            header.extend((36 + extensions.len() as u16).to_be_bytes());
            header.extend(source.0.octets());
            header.extend([0; 16]);
            header.extend(source.1.to_be_bytes());
            header.extend([0, 0]);
            header.extend(&extensions);
            let length = header.len();
            header.extend(rest);
            let expected = Preamble::Complete { source: Some(SocketAddr::new(source.0.into(), source.1)) };
            prop_assert_eq!(read(&header), (Some(Ok(expected)), length));
        }

        #[test]
        fn any_bytes_get_a_verdict_or_need_more(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let _ = read(&bytes);
            let _ = read(&[&SIGNATURE[..], &bytes].concat());
            let _ = read(&[&BEGINS_VERSION_1[..], &bytes].concat());
        }
    }
}
