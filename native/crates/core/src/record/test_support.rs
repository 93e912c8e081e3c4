//! Records of any content, for property tests.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::{BillableReason, Delivery, Environment, Kind, Method, Phase, Record, Sealed, SecretSlot, SecretTag, Text};
use crate::fault::Fault;
use crate::ids::{Id, Kid};
use crate::time::WallTime;

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![Just(Id::NONE), any::<[u8; 16]>().prop_map(Id)]
}

fn kid() -> impl Strategy<Value = Kid> {
    prop_oneof![Just(Kid::NONE), "[0-9A-Za-z]{10}".prop_map(|text| Kid::parse(text.as_bytes()).unwrap())]
}

fn word<T: std::fmt::Debug + Clone + 'static>(from_number: fn(u8) -> Option<T>) -> impl Strategy<Value = T> {
    (0_u8..=12).prop_filter_map("beyond the set", from_number)
}

fn address() -> impl Strategy<Value = Option<SocketAddr>> {
    let four = (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| Some(SocketAddr::from((ip, port))));
    let six = (any::<[u8; 16]>(), any::<u16>()).prop_map(|(ip, port)| Some(SocketAddr::from((ip, port))));
    prop_oneof![Just(None), four, six]
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    (0_u16..=60).prop_map(Fault::from_id)
}

prop_compose! {
    fn identity()(
        kind in word(Kind::from_number), request_id in id(), trace_id in id(), span_id: [u8; 8], partner in id(),
        application in id(), kid in kid(), claimed_kid in kid(), secret_slot in word(SecretSlot::from_number),
        route in id(), plan in id(), started_at: i64, finished_at: i64
    ) -> Record {
        Record {
            kind, request_id, trace_id, span_id, partner, application, kid, claimed_kid, secret_slot, route, plan,
            started_at: WallTime(started_at), finished_at: WallTime(finished_at), ..Record::default()
        }
    }
}

prop_compose! {
    /// Any record that can be written.
    pub(super) fn any_record()(
        mut record in identity(), numbers: [u64; 6], versions: [u32; 3], statuses: [u16; 2], attempts: u8, flags: [bool; 3],
        environment in word(Environment::from_number), method in word(Method::from_number),
        delivery in word(Delivery::from_number), billable_reason in word(BillableReason::from_number),
        fault in fault(), caller in 0_u8..=16, personal_key in id(), secret_tag: [u8; 8], sealed in proptest::collection::vec(any::<u8>(), 0..=97),
        addresses in (address(), address()), texts in ("[ -~]{0,80}", "[ -~]{0,80}", "[ -~]{0,99}"),
        phases in proptest::collection::vec((word(Phase::from_number), any::<u64>()), 0..10)
    ) -> Record {
        [record.revision, record.units, record.bytes_in, record.bytes_out, record.backend_bytes_out, record.backend_bytes_in] = numbers;
        [record.contract_version, record.price_version, record.count] = versions;
        [record.status_sent, record.backend_status] = statuses;
        [record.retryable, record.billable, record.fields_selected] = flags;
        (record.environment, record.method, record.delivery) = (environment, method, delivery);
        (record.billable_reason, record.fault, record.attempts) = (billable_reason, fault, attempts);
        (record.backend_target, record.client) = (canonical(addresses.0), canonical(addresses.1));
        record.client_request_id = Text::cut(texts.0.as_bytes());
        record.user_agent = Text::cut(texts.1.as_bytes());
        record.violation = Text::cut(texts.2.as_bytes());
        (record.caller, record.personal_key) = (caller, personal_key);
        record.personal = Sealed::of(&sealed).unwrap();
        record.secret_tag = SecretTag::of(secret_tag);
        for (phase, after) in phases {
            record.phases.reach(phase, after);
        }
        record
    }
}

/// Mapped IPv4 is IPv4, and the unspecified address with port 0 is none.
fn canonical(address: Option<SocketAddr>) -> Option<SocketAddr> {
    let address = address?;
    let same = SocketAddr::new(address.ip().to_canonical(), address.port());
    (same != SocketAddr::from(([0_u8; 16], 0))).then_some(same)
}
