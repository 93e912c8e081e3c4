//! Formats that are checked. Others only tell readers of the schema something.

use super::dates;
use crate::ids::Id;
use std::net::{Ipv4Addr, Ipv6Addr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Format {
    /// RFC 3339, `full-date`.
    Date,
    /// RFC 3339, `date-time`.
    DateTime,
    /// RFC 3339, `full-time`; the offset may be missing, as most backends read and write it.
    Time,
    /// RFC 5321, section 4.1.2, without quoted local parts and comments.
    Email,
    /// RFC 9562, section 4.
    Uuid,
    /// RFC 3986, section 3: with a scheme.
    Uri,
    /// Four decimal numbers.
    Ipv4,
    /// RFC 4291, section 2.2.
    Ipv6,
    /// RFC 1123, section 2.1.
    Hostname,
}

impl Format {
    /// By its word; None: it is only said, not checked.
    pub(in super::super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "date" => Self::Date,
            "date-time" => Self::DateTime,
            "time" => Self::Time,
            "email" => Self::Email,
            "uuid" => Self::Uuid,
            "uri" => Self::Uri,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "hostname" => Self::Hostname,
            _ => return None,
        })
    }

    pub(super) fn fits(self, text: &str) -> bool {
        match self {
            Self::Date => dates::is_date(text),
            Self::DateTime => dates::is_date_time(text),
            Self::Time => dates::is_time(text),
            Self::Email => is_email(text),
            Self::Uuid => Id::parse(text).is_some(),
            Self::Uri => is_uri(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Hostname => is_hostname(text),
        }
    }

    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Date => "Must be a date like 2026-11-26.",
            Self::DateTime => "Must be a time like 2026-11-26T15:37:12Z (RFC 3339).",
            Self::Time => "Must be a time of day like 15:37:12 or 15:37:12Z (RFC 3339).",
            Self::Email => "Must be an email address.",
            Self::Uuid => "Must be a UUID.",
            Self::Uri => "Must be a URI with its scheme.",
            Self::Ipv4 => "Must be an IPv4 address.",
            Self::Ipv6 => "Must be an IPv6 address.",
            Self::Hostname => "Must be a host name.",
        }
    }
}

fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_atom_character);
    let is_address = |literal: &str| match literal.strip_prefix("IPv6:") {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => literal.parse::<Ipv4Addr>().is_ok(),
    };
    local.len() <= 64
        && local.split('.').all(is_atom)
        && match domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(literal) => is_address(literal),
            None => is_hostname(domain),
        }
}

/// `atext` of RFC 5322, and what RFC 6531 adds to it.
fn is_atom_character(character: char) -> bool {
    matches!(character, 'a'..='z' | 'A'..='Z' | '0'..='9' | '!' | '#'..='\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^'..='`' | '{'..='~')
        || !character.is_ascii()
}

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let (before, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = before.split_once('?').unwrap_or((before, ""));
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", hierarchy),
    };
    is_scheme
        && is_authority(authority)
        && is_spelt(path, "/:@")
        && is_spelt(query, "/:@?")
        && is_spelt(fragment, "/:@?")
}

fn is_authority(text: &str) -> bool {
    let (user, place) = text.rsplit_once('@').unwrap_or(("", text));
    let (host_is_sound, port) = if let Some(rest) = place.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        (address.parse::<Ipv6Addr>().is_ok(), port)
    } else {
        let (host, port) = place.split_at(place.find(':').unwrap_or(place.len()));
        (is_spelt(host, ""), port)
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    let port_is_sound = digits.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.starts_with(':'));
    is_spelt(user, ":") && host_is_sound && port_is_sound
}

/// Nothing but unreserved characters, delimiters, percent-encoded bytes and these.
fn is_spelt(text: &str, also: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let is_plain =
            byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) || also.as_bytes().contains(&byte);
        match (is_plain, byte) {
            (true, _) => at += 1,
            (false, b'%') if bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {
                at += 3;
            }
            _ => return false,
        }
    }
    true
}
