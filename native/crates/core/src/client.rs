//! Who calls, when proxies stand between: what of their forwarding headers can be believed.
//!
//! A proxy that appends to one forwarding header may pass another on as the client wrote it. So the deployment names the
//! one header that its proxies write, and the others mean nothing (docs/behind-a-load-balancer.md).

use std::net::{IpAddr, SocketAddr};

/// The one header that the proxies in front of a node write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// None: the peer of the connection is the client.
    None,
}

impl ForwardingHeader {
    /// Read the setting's word.
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "x-forwarded-for" => Some(Self::XForwardedFor),
            "forwarded" => Some(Self::Forwarded),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// The header's name.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::XForwardedFor => Some("x-forwarded-for"),
            Self::Forwarded => Some("forwarded"),
            Self::None => None,
        }
    }
}

/// Who called, and how it reached the outermost proxy that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client's address; port 0 where no proxy told one.
    pub address: SocketAddr,
    /// Whether a proxy that is believed said that the client spoke TLS to it; None: none said anything.
    pub secure: Option<bool>,
}

/// The client of a request that arrived from `peer`, by the lines of the one header (and of `X-Forwarded-Proto`).
///
/// The entries are read from the last, which the nearest proxy wrote: each is believed because the proxy that wrote it is
/// trusted, and the first that names somebody untrusted is the client. An entry that is no address ends the search. What a
/// client wrote stands before them, in the same line where its proxy appends: it may be any bytes, and changes nothing.
pub fn client<'h>(
    peer: SocketAddr,
    header: ForwardingHeader,
    lines: impl DoubleEndedIterator<Item = &'h [u8]>,
    protocols: impl Iterator<Item = &'h str>,
    trusted: impl Fn(IpAddr) -> bool,
) -> Client {
    if !trusted(peer.ip()) {
        return Client { address: peer, secure: None };
    }
    let mut client = Client { address: peer, secure: None };
    if header == ForwardingHeader::XForwardedFor {
        client.secure = only_protocol(protocols);
    }
    // Only in `Forwarded` quotes mean something.
    let knows_quotes = header == ForwardingHeader::Forwarded;
    for entry in lines.rev().flat_map(|line| from_end(line, knows_quotes)) {
        // What is no text is no address, as an empty one.
        let entry = std::str::from_utf8(entry).unwrap_or_default();
        let (node, protocol) = match header {
            ForwardingHeader::XForwardedFor => (address(entry.trim()), None),
            ForwardingHeader::Forwarded => element(entry),
            ForwardingHeader::None => return client,
        };
        client.secure = protocol.or(client.secure);
        let Some(node) = node else { break };
        client.address = node;
        if !trusted(node.ip()) {
            break;
        }
    }
    client
}

/// `X-Forwarded-Proto` says one thing, or nothing.
fn only_protocol<'h>(mut values: impl Iterator<Item = &'h str>) -> Option<bool> {
    let first = values.next()?;
    if values.next().is_some() { None } else { protocol(first.trim()) }
}

fn protocol(word: &str) -> Option<bool> {
    match word {
        _ if word.eq_ignore_ascii_case("https") => Some(true),
        _ if word.eq_ignore_ascii_case("http") => Some(false),
        _ => None,
    }
}

/// One `forwarded-element`: the address after `for=` and what `proto=` says (RFC 7239, section 4).
fn element(text: &str) -> (Option<SocketAddr>, Option<bool>) {
    let (mut node, mut secure) = (None, None);
    for pair in split(text, ';') {
        let Some((name, value)) = pair.trim().split_once('=') else { return (None, None) };
        let Some(value) = unquoted(value) else { return (None, None) };
        if name.eq_ignore_ascii_case("for") && node.is_none() {
            node = address(value);
        } else if name.eq_ignore_ascii_case("proto") && secure.is_none() {
            secure = protocol(value);
        }
    }
    (node, secure)
}

/// A token, or a quoted string without escapes: no address needs one.
fn unquoted(value: &str) -> Option<&str> {
    if value.starts_with('"') {
        let inside = value.strip_prefix('"')?.strip_suffix('"')?;
        return (!inside.contains(['"', '\\'])).then_some(inside);
    }
    (!value.contains('"')).then_some(value)
}

/// Entries of a line, the last first. A quote that a client left open stands before what its proxy wrote, and hides none of it.
fn from_end(line: &[u8], knows_quotes: bool) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.rsplit(move |&one| {
        quoted ^= knows_quotes && one == b'"';
        one == b',' && !quoted
    })
}

/// Split where the separator is not quoted.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |one: char| {
        quoted ^= one == '"';
        one == separator && !quoted
    })
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`; `unknown` and `_hidden` are none.
fn address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 0))
}

/// An address as text, put together without the formatter: it is written for every call.
pub struct AddressText {
    bytes: [u8; LONGEST_ADDRESS],
    length: usize,
}

/// An IPv6 address of eight groups.
const LONGEST_ADDRESS: usize = 39;

impl AddressText {
    /// An IPv4 address that is mapped into IPv6 is written as what it is.
    pub fn of(address: IpAddr) -> Self {
        let mut text = Self { bytes: [0; LONGEST_ADDRESS], length: 0 };
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let mut digits = itoa::Buffer::new();
                for (position, octet) in address.octets().into_iter().enumerate() {
                    if position > 0 {
                        text.push(b".");
                    }
                    text.push(digits.format(octet).as_bytes());
                }
            }
            // Its rules of shortening are worth a formatter (RFC 5952).
            IpAddr::V6(address) => text.push(address.to_string().as_bytes()),
        }
        text
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}

impl std::ops::Deref for AddressText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_written_as_the_formatter_does() {
        for text in [
            "0.0.0.0",
            "203.0.113.5",
            "255.255.255.255",
            "::1",
            "2001:db8::1",
            "1111:2222:3333:4444:5555:6666:7777:8888",
        ] {
            assert_eq!(&*AddressText::of(text.parse().unwrap()), text.as_bytes());
        }
        assert_eq!(&*AddressText::of("::ffff:10.0.0.1".parse().unwrap()), b"10.0.0.1");
    }

    proptest! {
        #[test]
        fn whatever_an_untrusted_peer_writes_it_is_the_client_itself(lines in proptest::collection::vec(".*", 0..4)) {
            let peer: SocketAddr = "198.51.100.7:4711".parse().unwrap();
            for header in [ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded, ForwardingHeader::None] {
                let lines = lines.iter().map(String::as_bytes);
                let found = client(peer, header, lines, ["https"].into_iter(), |_| false);
                prop_assert_eq!(found, Client { address: peer, secure: None });
            }
        }

        #[test]
        fn what_stands_before_the_first_untrusted_address_changes_nothing(before: Vec<u8>) {
            let peer: SocketAddr = "10.0.0.1:80".parse().unwrap();
            let trusted = |address: IpAddr| address.to_string().starts_with("10.");
            for (header, appended) in [
                (ForwardingHeader::XForwardedFor, ", 203.0.113.5, 10.0.0.2"),
                (ForwardingHeader::Forwarded, ", for=203.0.113.5, for=\"10.0.0.2:99\";host=\"a, b\""),
            ] {
                let line = [&before, appended.as_bytes()].concat();
                let found = client(peer, header, [&*line].into_iter(), std::iter::empty(), trusted);
                prop_assert_eq!(found.address, "203.0.113.5:0".parse().unwrap());
            }
        }
    }
}
