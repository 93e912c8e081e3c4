//! How one member of a record becomes bytes and comes back. Integers are little-endian.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::layout::DecodeError;
use super::sealing::{MOST_SEALED, Sealed};
use super::text::Text;
use super::words::{BillableReason, Delivery, Environment, Kind, Method, SecretSlot};
use super::{Phase, Phases};
use crate::fault::Fault;
use crate::ids::{Id, Kid};
use crate::time::WallTime;

/// Writes into a buffer that is known to be large enough.
pub(super) struct Output<'buffer> {
    buffer: &'buffer mut [u8],
    at: usize,
}

impl<'buffer> Output<'buffer> {
    pub(super) fn new(buffer: &'buffer mut [u8]) -> Self {
        Self { buffer, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        self.buffer[self.at..end].copy_from_slice(bytes);
        self.at = end;
    }
}

/// Reads bytes of any content; every method says when they are too few or mean nothing.
#[derive(Clone)]
pub(super) struct Input<'bytes> {
    rest: &'bytes [u8],
}

impl<'bytes> Input<'bytes> {
    pub(super) fn new(bytes: &'bytes [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'bytes [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::TooShort)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::TooShort)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// A member of fixed size.
pub(super) trait Field: Sized {
    /// Bytes it takes.
    const SIZE: usize;
    /// Write it.
    fn put(&self, output: &mut Output<'_>);
    /// Read it.
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError>;
}

macro_rules! integer_fields {
    ($($integer:ty),+) => {$(
        impl Field for $integer {
            const SIZE: usize = size_of::<$integer>();
            #[inline]
            fn put(&self, output: &mut Output<'_>) {
                output.bytes(&self.to_le_bytes());
            }
            fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_le_bytes(input.array()?))
            }
        }
    )+};
}

integer_fields!(u8, u16, u32, u64, i64);

macro_rules! word_fields {
    ($($word:ty),+) => {$(
        impl Field for $word {
            const SIZE: usize = 1;
            #[inline]
            fn put(&self, output: &mut Output<'_>) {
                output.bytes(&[*self as u8]);
            }
            fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
                Self::from_number(u8::take(input)?).ok_or(DecodeError::Meaningless(stringify!($word)))
            }
        }
    )+};
}

word_fields!(Kind, Delivery, SecretSlot, Environment, Method, BillableReason);

impl<const N: usize> Field for [u8; N] {
    const SIZE: usize = N;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        output.bytes(self);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        input.array()
    }
}

impl Field for Id {
    const SIZE: usize = 16;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        output.bytes(&self.0);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.array()?))
    }
}

impl Field for Kid {
    const SIZE: usize = 10;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        output.bytes(&self.0);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        let bytes: [u8; 10] = input.array()?;
        if bytes == Self::NONE.0 {
            return Ok(Self::NONE);
        }
        Self::parse(&bytes).ok_or(DecodeError::Meaningless("Kid"))
    }
}

impl Field for WallTime {
    const SIZE: usize = 8;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        self.0.put(output);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        Ok(Self(i64::take(input)?))
    }
}

impl Field for bool {
    const SIZE: usize = 1;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        output.bytes(&[u8::from(*self)]);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        match u8::take(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Meaningless("bool")),
        }
    }
}

/// The fault's number; 0 is none.
impl Field for Option<Fault> {
    const SIZE: usize = 2;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        self.map_or(0, |fault| fault as u16).put(output);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        match u16::take(input)? {
            0 => Ok(None),
            number => Fault::from_id(number).map(Some).ok_or(DecodeError::Meaningless("Fault")),
        }
    }
}

/// 16 bytes of IPv6 (IPv4 mapped, RFC 4291, section 2.5.5.2) and the port; all zeros are none.
impl Field for Option<SocketAddr> {
    const SIZE: usize = 18;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        let (address, port) = match self {
            None => (Ipv6Addr::UNSPECIFIED, 0),
            Some(SocketAddr::V4(client)) => (client.ip().to_ipv6_mapped(), client.port()),
            Some(SocketAddr::V6(client)) => (*client.ip(), client.port()),
        };
        output.bytes(&address.octets());
        port.put(output);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        let address = Ipv6Addr::from(input.array::<16>()?);
        let port = u16::take(input)?;
        if address.is_unspecified() && port == 0 {
            return Ok(None);
        }
        Ok(Some(SocketAddr::new(IpAddr::V6(address).to_canonical(), port)))
    }
}

impl Field for Phases {
    const SIZE: usize = 4 * Phase::COUNT;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        for offset in self.0 {
            offset.put(output);
        }
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        let mut phases = Self::NONE;
        for offset in &mut phases.0 {
            *offset = u32::take(input)?;
        }
        Ok(phases)
    }
}

/// A member of any length up to 255: a length byte, then that many bytes.
pub(super) trait Short: Sized {
    /// Bytes that it has at most.
    const MOST: usize;
    /// Write it.
    fn put(&self, output: &mut Output<'_>);
    /// Read it. What is longer than ours, or what we would have cleaned, was not written by a node.
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError>;
}

impl<const N: usize> Short for Text<N> {
    const MOST: usize = N;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        put_short(self.as_bytes(), output);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        let bytes = take_short(input)?;
        let text = Self::cut(bytes);
        if text.as_bytes() == bytes { Ok(text) } else { Err(DecodeError::Meaningless("Text")) }
    }
}

impl Short for Sealed {
    const MOST: usize = MOST_SEALED;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        put_short(self.as_bytes(), output);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        Self::of(take_short(input)?).ok_or(DecodeError::Meaningless("Sealed"))
    }
}

#[inline]
fn put_short(bytes: &[u8], output: &mut Output<'_>) {
    output.bytes(&[bytes.len() as u8]);
    output.bytes(bytes);
}

fn take_short<'bytes>(input: &mut Input<'bytes>) -> Result<&'bytes [u8], DecodeError> {
    let length = usize::from(u8::take(input)?);
    input.take(length)
}
