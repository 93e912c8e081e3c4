//! The bytes of a record, in slabs and in segments alike.
//!
//! ```text
//! version          u8    3
//! fixed_length     u16   bytes of the fixed part that follows
//! fixed part             the members of `members_of_fixed_size!`, in that order, little-endian, no padding
//! texts                  each: length u8, bytes; in their order
//! ```
//!
//! A later version may append members to either part and nothing else: a reader skips what it does not know, and gives
//! members that an older writer did not know their defaults.
//!
//! Version 1 ended with `count` and `user_agent`. Since version 2 `client` and `user_agent` are empty wherever a record has
//! left the slabs: `personal` has them, sealed. Version 3 appended `secret_tag` and `fields_selected`,
//! and `violation` to the texts.

use super::Record;
use super::field::{Field, Input, Output, Short};
use crate::fault::Fault;
use crate::ids::{Id, Kid};
use crate::time::WallTime;

use super::{BillableReason, Delivery, Environment, Kind, Method, Phases, Sealed, SecretSlot, SecretTag, Text};
use std::net::SocketAddr;

/// The version that this build writes.
pub(super) const VERSION: u8 = 3;

const PREFIX: usize = 3;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They end early.
    TooShort,
    /// They begin with a version that never was.
    Version(u8),
    /// A member of this type holds a value that means nothing.
    Meaningless(&'static str),
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooShort => formatter.write_str("the record ends early"),
            Self::Version(version) => write!(formatter, "no record has version {version}"),
            Self::Meaningless(what) => write!(formatter, "a {what} of the record has no meaning"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Writes both directions from one list, so that they can't disagree.
macro_rules! layout {
    (fixed { $($member:ident: $kind:ty),+ $(,)? } texts { $($text:ident: $text_kind:ty),+ $(,)? }) => {
        const FIXED: usize = 0 $(+ <$kind as Field>::SIZE)+;

        /// No encoded record is longer.
        pub const MAX_ENCODED: usize = PREFIX + FIXED $(+ 1 + <$text_kind as Short>::MOST)+;

        impl Record {
            /// Write the record's bytes; returns how many they are.
            pub fn encode(&self, buffer: &mut [u8; MAX_ENCODED]) -> usize {
                let mut output = Output::new(buffer);
                output.bytes(&[VERSION]);
                (FIXED as u16).put(&mut output);
                $(<$kind as Field>::put(&self.$member, &mut output);)+
                $(<$text_kind as Short>::put(&self.$text, &mut output);)+
                output.position()
            }

            /// Read a record. Bytes of any content are fine; what isn't a record is an error.
            pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                let mut input = Input::new(bytes);
                let version = u8::take(&mut input)?;
                if version == 0 {
                    return Err(DecodeError::Version(version));
                }
                let length = usize::from(u16::take(&mut input)?);
                let mut fixed = Input::new(input.take(length)?);
                let mut record = Self::default();
                $(if !fixed.is_empty() { record.$member = <$kind as Field>::take(&mut fixed)?; })+
                $(if !input.is_empty() { record.$text = <$text_kind as Short>::take(&mut input)?; })+
                Ok(record)
            }
        }
    };
}

layout! {
    fixed {
        kind: Kind,
        request_id: Id,
        trace_id: Id,
        span_id: [u8; 8],
        started_at: WallTime,
        finished_at: WallTime,
        phases: Phases,
        partner: Id,
        application: Id,
        kid: Kid,
        claimed_kid: Kid,
        secret_slot: SecretSlot,
        route: Id,
        plan: Id,
        revision: u64,
        contract_version: u32,
        price_version: u32,
        environment: Environment,
        method: Method,
        status_sent: u16,
        backend_status: u16,
        fault: Option<Fault>,
        delivery: Delivery,
        retryable: bool,
        billable: bool,
        billable_reason: BillableReason,
        units: u64,
        bytes_in: u64,
        bytes_out: u64,
        backend_bytes_out: u64,
        backend_bytes_in: u64,
        attempts: u8,
        backend_target: Option<SocketAddr>,
        client: Option<SocketAddr>,
        count: u32,
        caller: u8,
        personal_key: Id,
        secret_tag: SecretTag,
        fields_selected: bool,
    }
    texts {
        client_request_id: Text<64>,
        user_agent: Text<64>,
        personal: Sealed,
        violation: Text<96>,
    }
}

#[cfg(test)]
mod tests;
