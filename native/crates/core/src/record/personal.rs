//! What a record says of a person: where a call came from, and what the program called itself.
//!
//! It leaves the node only sealed (`seal`), and the address only in the form that the deployment chose.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

use super::{DecodeError, Environment, Text};

/// No personal members are longer, before they are sealed.
pub(super) const MOST_PLAIN: usize = 1 + 16 + USER_AGENT;
/// Bytes of a user agent that are kept.
pub(super) const USER_AGENT: usize = 64;
/// Bytes of a tag: two of a million addresses share one with a chance of one in forty million.
pub(super) const TAG: usize = 8;

/// In which form a caller's address leaves the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressForm {
    /// As it is.
    #[default]
    Whole,
    /// Its network: /24 of IPv4, /48 of IPv6.
    Truncated,
    /// A keyed tag: the same address has the same one, and nobody sees which it is.
    Tag,
    /// Not at all.
    None,
}

/// A caller's address, in the form that it was kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallerAddress {
    /// Not kept.
    #[default]
    Absent,
    /// All of it.
    Whole(IpAddr),
    /// Its network; the bits behind are zero.
    Network(IpAddr),
    /// A keyed tag of it.
    Tag([u8; TAG]),
}

/// The form for each environment: what is tested with is mostly the deployment's own people, what is live is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressForms {
    /// Of calls of live applications.
    pub live: AddressForm,
    /// Of calls of test applications.
    pub test: AddressForm,
    /// Of calls whose key was not proven, or was refused.
    pub other: AddressForm,
}

impl AddressForms {
    /// The same for all.
    pub const fn all(form: AddressForm) -> Self {
        Self { live: form, test: form, other: form }
    }

    /// That of an environment.
    pub fn of(&self, environment: Environment) -> AddressForm {
        match environment {
            Environment::Live => self.live,
            Environment::Test => self.test,
            Environment::None => self.other,
        }
    }
}

impl CallerAddress {
    /// The network of an address.
    pub(super) fn network(address: IpAddr) -> Self {
        Self::Network(match address {
            IpAddr::V4(address) => {
                let [first, second, third, _] = address.octets();
                Ipv4Addr::from([first, second, third, 0]).into()
            }
            IpAddr::V6(address) => {
                let [first, second, third, ..] = address.segments();
                Ipv6Addr::from([first, second, third, 0, 0, 0, 0, 0]).into()
            }
        })
    }
}

impl fmt::Display for CallerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => Ok(()),
            Self::Whole(address) => address.fmt(formatter),
            Self::Network(address @ IpAddr::V4(_)) => write!(formatter, "{address}/24"),
            Self::Network(address @ IpAddr::V6(_)) => write!(formatter, "{address}/48"),
            Self::Tag(tag) => {
                formatter.write_str("tag:")?;
                tag.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
            }
        }
    }
}

/// The personal members of a record, open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Personal {
    /// Where the call came from.
    pub address: CallerAddress,
    /// What the program called itself; only beside a retiring secret.
    pub user_agent: Text<USER_AGENT>,
}

impl Personal {
    /// The bytes that are sealed: a kind of address, the address, the user agent to the end.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        match self.address {
            CallerAddress::Absent => to.push(0),
            CallerAddress::Whole(IpAddr::V4(address)) => put(to, 1, &address.octets()),
            CallerAddress::Whole(IpAddr::V6(address)) => put(to, 2, &address.octets()),
            CallerAddress::Network(IpAddr::V4(address)) => put(to, 3, &address.octets()[..3]),
            CallerAddress::Network(IpAddr::V6(address)) => put(to, 4, &address.octets()[..6]),
            CallerAddress::Tag(tag) => put(to, 5, &tag),
        }
        to.extend_from_slice(self.user_agent.as_bytes());
    }

    /// Read them again.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (&kind, rest) = bytes.split_first().ok_or(DecodeError::TooShort)?;
        let (address, agent) = match kind {
            0 => (CallerAddress::Absent, rest),
            1 => take::<4>(rest).map(|(bytes, rest)| (CallerAddress::Whole(bytes.into()), rest))?,
            2 => take::<16>(rest).map(|(bytes, rest)| (CallerAddress::Whole(bytes.into()), rest))?,
            3 => take::<3>(rest).map(|(bytes, rest)| (CallerAddress::Network(padded::<3, 4>(bytes).into()), rest))?,
            4 => take::<6>(rest).map(|(bytes, rest)| (CallerAddress::Network(padded::<6, 16>(bytes).into()), rest))?,
            5 => take::<TAG>(rest).map(|(bytes, rest)| (CallerAddress::Tag(bytes), rest))?,
            _ => return Err(DecodeError::Meaningless("CallerAddress")),
        };
        Ok(Self { address, user_agent: Text::cut(agent) })
    }
}

fn put(to: &mut Vec<u8>, kind: u8, address: &[u8]) {
    to.push(kind);
    to.extend_from_slice(address);
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), DecodeError> {
    bytes.split_first_chunk::<N>().map(|(taken, rest)| (*taken, rest)).ok_or(DecodeError::TooShort)
}

fn padded<const N: usize, const M: usize>(bytes: [u8; N]) -> [u8; M] {
    let mut whole = [0; M];
    whole[..N].copy_from_slice(&bytes);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_all_that_is_left_of_a_truncated_address() {
        let of = |text: &str| CallerAddress::network(text.parse().unwrap()).to_string();
        assert_eq!(of("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1::/48");
    }

    #[test]
    fn personal_members_come_back_whatever_the_form() {
        let whole = |text: &str| CallerAddress::Whole(text.parse().unwrap());
        let network = |text: &str| CallerAddress::network(text.parse().unwrap());
        let (four, six) = ("203.0.113.77", "2001:db8:1:2:3:4:5:6");
        let tag = CallerAddress::Tag(*b"\x01tag\xff678");
        for address in [CallerAddress::Absent, whole(four), whole(six), network(four), network(six), tag] {
            for agent in ["", "nightly-batch/3", &"x".repeat(80)] {
                let personal = Personal { address, user_agent: Text::cut(agent.as_bytes()) };
                let mut bytes = Vec::new();
                personal.encode(&mut bytes);
                assert!(bytes.len() <= MOST_PLAIN);
                assert_eq!(Personal::decode(&bytes), Ok(personal));
            }
        }
        assert_eq!(Personal::decode(&[]), Err(DecodeError::TooShort));
        assert_eq!(Personal::decode(&[1, 2, 3]), Err(DecodeError::TooShort));
        assert_eq!(Personal::decode(&[9]), Err(DecodeError::Meaningless("CallerAddress")));
    }
}
