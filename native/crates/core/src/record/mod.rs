//! The usage record: what one request left behind. Trace, evidence and billing unit in one.
//!
//! A [`Record`] is plain data of a fixed size; it never holds a secret, a body or a query string. `layout` turns it into
//! the bytes that slabs and segments hold, `settle` decides whether it is billed, `personal` and `sealing` are about what it
//! says of a person, `segment` is the file format, `summary` the roll-up that the ledger adds up, `retiring` who still uses
//! old secrets, `secret_tag` what follows a refused one, `members` the names that Python sees, `columns` the same for many records at once.

mod columns;
mod field;
mod layout;
mod members;
mod personal;
mod retiring;
mod sealing;
mod secret_tag;
pub mod segment;
mod settle;
mod summary;
#[cfg(test)]
mod test_support;
mod text;
mod told;
mod words;

use std::net::SocketAddr;

pub use columns::{Column, Values, columns};
pub use layout::{DecodeError, MAX_ENCODED};
pub use members::{Place, Value};
pub use personal::{AddressForm, AddressForms, CallerAddress, Personal};
pub use retiring::{RetiringKey, RetiringUse, RetiringUses};
pub use sealing::{DATA_KEY, DataKey, DataKeys, KeyRing, Sealed, Sealer, address_tag, unseal};
pub use secret_tag::{LONGEST_TAGGED, SecretTag, SecretTagger};
pub use segment::{Segment, SegmentError, decode_segment};
pub use summary::{Rollup, RollupKey, Summary, summarize};
pub use text::Text;
pub use told::{Told, ToldKey};
pub use words::{BillableReason, Delivery, Environment, Kind, Method, Phase, SecretSlot};

use crate::fault::Fault;
use crate::ids::{Id, Kid};
use crate::time::WallTime;

/// When each phase began, in microseconds after the record's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases([u32; Phase::COUNT]);

impl Phases {
    const ABSENT: u32 = u32::MAX;

    /// No phase was reached.
    pub const NONE: Self = Self([Self::ABSENT; Phase::COUNT]);

    /// Note that a phase began. The first time counts; a retry does not move it.
    pub fn reach(&mut self, phase: Phase, after_us: u64) {
        let entry = &mut self.0[phase as usize];
        if *entry == Self::ABSENT {
            *entry = u32::try_from(after_us).unwrap_or(Self::ABSENT).min(Self::ABSENT - 1);
        }
    }

    /// Microseconds from the start, or None when the phase was not reached.
    pub fn get(&self, phase: Phase) -> Option<u32> {
        Some(self.0[phase as usize]).filter(|&after| after != Self::ABSENT)
    }
}

impl Default for Phases {
    fn default() -> Self {
        Self::NONE
    }
}

/// One request, one refused connection, or a second's count of refusals.
///
/// Ids of all zeros, numbers of zero in `status_sent`, `backend_status` and the versions, and empty texts mean "none".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What the record stands for.
    pub kind: Kind,
    /// Ours, unique, told to partner and backend.
    pub request_id: Id,
    /// W3C trace id; may repeat.
    pub trace_id: Id,
    /// W3C span id of the gateway's own span.
    pub span_id: [u8; 8],
    /// The client's own X-Request-Id, cut to 64 bytes.
    pub client_request_id: Text<64>,
    /// First byte of the request.
    pub started_at: WallTime,
    /// Last byte of the answer handed over, or the end of the attempt.
    pub finished_at: WallTime,
    /// Phase clocks.
    pub phases: Phases,
    /// Whose key it was.
    pub partner: Id,
    /// Which integration.
    pub application: Id,
    /// The key that was proven.
    pub kid: Kid,
    /// The key that was claimed and not proven.
    pub claimed_kid: Kid,
    /// Which of the key's secrets was used.
    pub secret_slot: SecretSlot,
    /// The route that matched.
    pub route: Id,
    /// The plan that applied.
    pub plan: Id,
    /// Revision of the snapshot that decided.
    pub revision: u64,
    /// Version of the contract that projected.
    pub contract_version: u32,
    /// Version of the prices that apply.
    pub price_version: u32,
    /// Test or live.
    pub environment: Environment,
    /// The request's method.
    pub method: Method,
    /// Status that went to the partner.
    pub status_sent: u16,
    /// Status that came from the backend.
    pub backend_status: u16,
    /// What went wrong, if anything.
    pub fault: Option<Fault>,
    /// What became of the answer.
    pub delivery: Delivery,
    /// Whether repeating the call is safe and may help; decided by [`Record::settle`].
    pub retryable: bool,
    /// Whether the call counts on the bill; decided by [`Record::settle`].
    pub billable: bool,
    /// Why; decided by [`Record::settle`].
    pub billable_reason: BillableReason,
    /// Cost units.
    pub units: u64,
    /// Body and head bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// Bytes to the backend, all attempts.
    pub backend_bytes_out: u64,
    /// Bytes from the backend, all attempts.
    pub backend_bytes_in: u64,
    /// How often the backend was tried.
    pub attempts: u8,
    /// The address that was tried last.
    pub backend_target: Option<SocketAddr>,
    /// Who called, after trusted proxies. In slabs only: [`Sealer::seal`] takes it out.
    pub client: Option<SocketAddr>,
    /// Only beside a retiring secret, so that its owner finds the program that still uses it; cut to 64 bytes. In slabs only.
    pub user_agent: Text<64>,
    /// How many requests this stands for (1 but for aggregates and connections).
    pub count: u32,
    /// Beside a retiring secret: in which of 16 places the caller is, from 1; 0: not told.
    pub caller: u8,
    /// The data key that sealed `personal`. In slabs: the partner of a key that was proven and refused.
    pub personal_key: Id,
    /// What `client` and `user_agent` were sealed to.
    pub personal: Sealed,
    /// Follows a secret that was presented and refused.
    pub secret_tag: SecretTag,
    /// Of the projected answer the partner asked for some fields only, by `?fields=`.
    pub fields_selected: bool,
    /// How the answer broke its contract, and in which field: a word of docs/programs.md and a pointer in the partner's names.
    /// Never what the answer said.
    pub violation: Text<96>,
}

impl Record {
    /// A request that has just begun.
    pub fn request(request_id: Id, started_at: WallTime) -> Self {
        Self { request_id, started_at, units: 1, count: 1, ..Self::default() }
    }

    /// `count` requests of one second that were refused for want of room, or served without a record.
    pub fn aggregate(kind: Kind, request_id: Id, started_at: WallTime, finished_at: WallTime, count: u32) -> Self {
        let fault = (kind == Kind::RefusedAggregate).then_some(Fault::GatewayOverloaded);
        let status_sent = fault.map_or(0, Fault::status);
        let mut record =
            Self { kind, request_id, started_at, finished_at, status_sent, fault, count, ..Self::default() };
        record.settle();
        record
    }

    /// How long it took, in microseconds; 0 while it is under way.
    pub fn duration_us(&self) -> u64 {
        u64::try_from(self.finished_at.0.saturating_sub(self.started_at.0)).unwrap_or(0)
    }
}
