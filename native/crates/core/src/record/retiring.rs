//! Who still calls with a secret that is being replaced: what its owner needs to find the program.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Record, Sealed, SecretSlot, Text};
use crate::fault::Fault;
use crate::ids::{Id, Kid};
use crate::time::WallTime;

const DAY_US: i64 = 86_400_000_000;

/// Callers of one key are told apart in so many places. Callers that share a place are summed up, so that whoever holds the
/// secret and changes its name or address with each call can't make more rows than these.
const CALLERS: u8 = 16;

/// What uses of a retiring secret are added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetiringKey {
    /// Whose secret.
    pub kid: Kid,
    /// The day, in UTC, in which the requests began.
    pub day: WallTime,
    /// The caller's place.
    pub caller: u8,
    /// Whether the gateway refused the secret: its grace had ended, or the key was not let through.
    pub refused: bool,
}

impl RetiringKey {
    fn of(record: &Record) -> Self {
        Self {
            kid: record.kid,
            day: WallTime(record.started_at.0.div_euclid(DAY_US).saturating_mul(DAY_US)),
            caller: record.caller.checked_sub(1).unwrap_or_else(|| {
                // A node of an older version: its records say in clear who called.
                place_of(record.client.map(|client| client.ip()), &record.user_agent)
            }),
            refused: matches!(record.fault, Some(Fault::KeyExpired | Fault::KeyDisabled | Fault::KeyRevoked)),
        }
    }
}

/// In which of the places a caller is, from 0.
pub(super) fn place_of(address: Option<IpAddr>, agent: &Text<64>) -> u8 {
    let mut hash = crc32fast::Hasher::new();
    match address {
        Some(IpAddr::V4(address)) => hash.update(&address.octets()),
        Some(IpAddr::V6(address)) => hash.update(&address.octets()),
        None => {}
    }
    hash.update(agent.as_bytes());
    (hash.finalize() % u32::from(CALLERS)) as u8
}

/// Uses of one key's retiring secret from one place, and the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiringUse {
    /// How many.
    pub requests: u64,
    /// When the first began.
    pub first_at: WallTime,
    /// When the last began.
    pub last_at: WallTime,
    /// From where the last came; only in records of a node of an older version.
    pub address: Option<IpAddr>,
    /// What the last called itself; likewise.
    pub user_agent: Text<64>,
    /// Both, sealed.
    pub personal: Sealed,
    /// The data key that sealed them.
    pub personal_key: Id,
    /// What the last called.
    pub route: Id,
}

impl RetiringUse {
    fn of(record: &Record) -> Self {
        Self {
            requests: record.count.into(),
            first_at: record.started_at,
            last_at: record.started_at,
            address: record.client.map(|client| client.ip()),
            user_agent: record.user_agent,
            personal: record.personal.clone(),
            personal_key: record.personal_key,
            route: record.route,
        }
    }

    fn add(&mut self, record: &Record) {
        let requests = self.requests.saturating_add(record.count.into());
        let first_at = self.first_at.min(record.started_at);
        if record.started_at >= self.last_at {
            *self = Self::of(record);
        }
        (self.requests, self.first_at) = (requests, first_at);
    }
}

/// The uses of retiring secrets in one segment. Mostly empty: a key without a rotation costs a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetiringUses(pub BTreeMap<RetiringKey, RetiringUse>);

impl RetiringUses {
    pub(super) fn add(&mut self, record: &Record) {
        if record.secret_slot == SecretSlot::Retiring {
            self.0
                .entry(RetiringKey::of(record))
                .and_modify(|uses| uses.add(record))
                .or_insert_with(|| RetiringUse::of(record));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn call(second: i64, slot: SecretSlot, fault: Option<Fault>, caller: u8) -> Record {
        Record {
            kid: Kid([b'a'; 10]),
            secret_slot: slot,
            fault,
            client: Some(SocketAddr::from(([203, 0, 113, caller], 40_000))),
            user_agent: Text::cut(b"batch/1"),
            ..Record::request(Id([caller; 16]), WallTime(second * 1_000_000))
        }
    }

    fn uses(records: &[Record]) -> RetiringUses {
        let mut uses = RetiringUses::default();
        for record in records {
            uses.add(record);
        }
        uses
    }

    #[test]
    fn only_retiring_secrets_count_and_the_last_use_is_kept_whatever_the_order() {
        let mut last = call(30, SecretSlot::Retiring, Some(Fault::Throttled), 7);
        last.route = Id([9; 16]);
        let records = [
            call(20, SecretSlot::Retiring, None, 7),
            last,
            call(10, SecretSlot::Retiring, None, 7),
            call(40, SecretSlot::Current, None, 7),
            call(50, SecretSlot::None, Some(Fault::KeyUnknown), 7),
        ];
        let found = uses(&records);
        let (key, told) = found.0.first_key_value().unwrap();
        assert_eq!((found.0.len(), key.kid, key.day, key.refused), (1, Kid([b'a'; 10]), WallTime(0), false));
        assert_eq!((told.requests, told.first_at.0, told.last_at.0), (3, 10_000_000, 30_000_000));
        assert_eq!((told.route, told.user_agent.as_str()), (Id([9; 16]), "batch/1"));
        assert_eq!(told.address, Some(IpAddr::from([203, 0, 113, 7])));
    }

    #[test]
    fn refusals_and_days_are_told_apart() {
        let records = [
            call(86_399, SecretSlot::Retiring, None, 7),
            call(86_400, SecretSlot::Retiring, None, 7),
            call(86_401, SecretSlot::Retiring, Some(Fault::KeyExpired), 7),
        ];
        let told: Vec<_> =
            uses(&records).0.into_iter().map(|(key, sum)| (key.day.0, key.refused, sum.requests)).collect();
        assert_eq!(told, [(0, false, 1), (DAY_US, false, 1), (DAY_US, true, 1)]);
    }

    #[test]
    fn whoever_changes_its_address_with_each_call_makes_no_more_rows_than_there_are_places() {
        let records: Vec<_> = (0..=255).map(|caller| call(1, SecretSlot::Retiring, None, caller)).collect();
        let found = uses(&records).0;
        assert_eq!(found.len(), usize::from(CALLERS));
        assert_eq!(found.values().map(|sum| sum.requests).sum::<u64>(), 256);
    }
}
