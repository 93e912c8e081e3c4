//! What one request costs in the core: COUNT requests with fixed keys and a fixed clock, for callgrind to count.
//!
//!     instructions COUNT
//!
//! Each phase is a function that can't be inlined, so that its share can be told (`scripts/instructions.py`). Beside the
//! phases it prints the features of the processor that it was shown, since the crypto library chooses by them.

#[path = "../tests/support/mod.rs"]
mod support;

use http::HeaderValue;
use portazgo_core::authenticate::{self, Identity};
use portazgo_core::authorize::{self, Authorized, Caller, Peer};
use portazgo_core::credential::{self, CredentialPolicy, Minting};
use portazgo_core::framing::{AnswerTracker, Head, HeadScan, Limits, Verdict};
use portazgo_core::ids::{Id, Kid};
use portazgo_core::limit::{Decision, Standing, standing_header};
use portazgo_core::record::{Delivery, Environment, MAX_ENCODED, Method, Phase, Record, SecretSlot};
use portazgo_core::route::{Match, Parameters};
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{Plan, Route, Snapshot};
use portazgo_core::time::{Monotonic, WallTime};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use support::{NOW, PLAN, PREFIX};

const KEYS: u32 = 512;
/// Between two requests.
const STEP_US: u64 = 100;
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
const PEER: Peer<'static> = Peer { address: CLIENT, certificate: None };
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Wed, 25 Nov 2026 12:00:00 GMT\r\n\
    Content-Length: 12\r\n\r\n{\"id\":12345}";

/// A request as it comes, and the key in it.
struct Prepared {
    head: Vec<u8>,
    key: String,
}

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("instructions COUNT");
    let keys: Vec<(String, String)> =
        (0..KEYS).map(|number| (format!("Kid{number:07}"), format!("NotARealSecret{number:018}"))).collect();
    let throttles = serde_json::json!([
        {"name": "second", "per": "key", "quota": 1_000_000, "window_seconds": 1, "burst": null},
        {"name": "day", "per": "key", "quota": 100_000_000, "window_seconds": 86_400, "burst": null},
    ]);
    let plan = support::with(support::plan(), serde_json::json!({"throttles": throttles}));
    let resources = keys.iter().map(|(kid, secret)| support::key_named(kid, secret)).chain([plan]);
    let snapshot = support::snapshot_of(&support::deployment_but(resources));
    let lane = SecurityLane::default();
    let prepared: Vec<Prepared> = keys.iter().map(|(kid, secret)| prepare(kid, secret)).collect();
    let mut buffer = [0; MAX_ENCODED];
    for (number, request) in (0..count).zip(prepared.iter().cycle()) {
        serve(request, &snapshot, &lane, number, &mut buffer);
    }
    println!("{}", processor_features().join(" "));
}

fn prepare(kid: &str, secret: &str) -> Prepared {
    let key = support::presented("live", kid, secret);
    let head = format!(
        "GET /v1/badges/12345?expand=items HTTP/1.1\r\nHost: gate.example\r\nUser-Agent: partner/1.0\r\nAccept: */*\r\n\
        X-Api-Key: {key}\r\n\r\n"
    );
    Prepared { head: head.into_bytes(), key }
}

/// One request, from its first byte to its record.
#[inline(never)]
fn serve(request: &Prepared, snapshot: &Snapshot, lane: &SecurityLane, number: u64, buffer: &mut [u8; MAX_ENCODED]) {
    let clock = Monotonic((1000 + number * STEP_US) * 1000);
    let now = WallTime(NOW.0 + (number * STEP_US) as i64);
    let head = phase_framing(black_box(&request.head));
    let (route, parameters) = phase_route(snapshot, black_box("/v1/badges/12345"));
    let identity = phase_authenticate(black_box(&request.key), snapshot, lane, now);
    let (caller, authorized) = phase_authorize(&identity, route, snapshot, lane);
    let limits = phase_limit(&caller, &identity, authorized.plan, clock);
    let path = phase_transform_request(&authorized, &parameters);
    let token = phase_credential(&caller, &identity, &authorized, snapshot, lane, now);
    let answered = phase_transform_response(black_box(ANSWER));
    let record = phase_record(head, &identity, &caller, route, number, now, answered, buffer);
    black_box((limits, path, token, record));
}

#[inline(never)]
fn phase_framing(head: &[u8]) -> Head {
    match HeadScan::default().judge(head, &Limits::default()) {
        Verdict::Accepted(head) => head,
        other => panic!("{other:?}"),
    }
}

#[inline(never)]
fn phase_route<'p>(snapshot: &'p Snapshot, path: &'p str) -> (&'p Route, Parameters<'p>) {
    match snapshot.router().find("gate.example", "GET", path) {
        Match::Route(index, parameters) => (snapshot.route(index), parameters),
        other => panic!("{other:?}"),
    }
}

#[inline(never)]
fn phase_authenticate<'s>(key: &'s str, snapshot: &'s Snapshot, lane: &SecurityLane, now: WallTime) -> Identity<'s> {
    let presented = authenticate::presented([key.as_bytes()].into_iter(), std::iter::empty());
    match presented.and_then(|key| authenticate::authenticate(key, PREFIX, snapshot, lane, now)) {
        Ok(identity) => identity,
        Err(denied) => panic!("{denied:?}"),
    }
}

#[inline(never)]
fn phase_authorize<'s>(
    identity: &Identity<'s>,
    route: &'s Route,
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
) -> (Caller<'s>, Authorized<'s>) {
    let caller = authorize::caller(identity, snapshot).expect("the caller is known");
    let authorized = authorize::authorize(&caller, identity, route, snapshot, lane, PEER).expect("the plan has it");
    (caller, authorized)
}

#[inline(never)]
fn phase_limit(caller: &Caller<'_>, identity: &Identity<'_>, plan: &Plan, clock: Monotonic) -> String {
    match caller.partner.cells.decide(identity.key.kid, &plan.throttles, clock) {
        Decision::Admitted(standings) => told(plan, &standings),
        denied @ Decision::Denied { .. } => panic!("{denied:?}"),
    }
}

fn told(plan: &Plan, standings: &[Standing]) -> String {
    standing_header(&plan.throttles, standings)
}

#[inline(never)]
fn phase_transform_request(authorized: &Authorized<'_>, parameters: &Parameters<'_>) -> String {
    let mut path = String::with_capacity(128);
    authorized.action.backend_path.write(parameters, &mut path);
    path
}

#[inline(never)]
fn phase_credential(
    caller: &Caller<'_>,
    identity: &Identity<'_>,
    authorized: &Authorized<'_>,
    snapshot: &Snapshot,
    lane: &SecurityLane,
    now: WallTime,
) -> HeaderValue {
    let CredentialPolicy::Mint(policy) = &authorized.backend_environment(caller).credential else {
        panic!("this backend wants a token");
    };
    let minting = Minting { caller, identity, backend: authorized.backend, snapshot, lane };
    credential::authorization(policy, &minting, now, || 7).expect("a token")
}

#[inline(never)]
fn phase_transform_response(answer: &[u8]) -> usize {
    let mut tracker = AnswerTracker::new(false);
    let seen = tracker.look(answer, &Limits::default()).expect("a good answer");
    assert!(seen.complete);
    seen.released
}

/// What the journal stores of a request: when it is admitted, when it is answered, when it has ended.
#[inline(never)]
#[allow(clippy::too_many_arguments, reason = "a record is of everything")]
fn phase_record(
    head: Head,
    identity: &Identity<'_>,
    caller: &Caller<'_>,
    route: &Route,
    number: u64,
    now: WallTime,
    answered: usize,
    buffer: &mut [u8; MAX_ENCODED],
) -> usize {
    let mut record = Record::request(Id::version_7(now.seconds() as u64 * 1000, [7; 10]), now);
    record.client = Some(SocketAddr::new(CLIENT, 40_000));
    let mut bytes = record.encode(buffer);
    record.method = Method::of("GET");
    record.kid = identity.key.kid;
    record.claimed_kid = identity.key.kid;
    record.secret_slot = SecretSlot::Current;
    record.partner = caller.partner.id;
    record.application = caller.application.id;
    record.route = route.id;
    record.plan = Id::parse(PLAN).unwrap_or(Id::NONE);
    record.environment = Environment::Live;
    record.trace_id = record.request_id;
    record.span_id = number.to_le_bytes();
    record.bytes_in = head.bytes as u64;
    record.bytes_out = answered as u64;
    record.backend_bytes_in = answered as u64;
    record.status_sent = 200;
    record.backend_status = 200;
    record.attempts = 1;
    for (after, phase) in [Phase::Framing, Phase::Route, Phase::Authenticate, Phase::Limit].into_iter().enumerate() {
        record.phases.reach(phase, after as u64);
    }
    record.settle();
    bytes += record.encode(buffer);
    record.delivery = Delivery::Complete;
    record.finished_at = WallTime(now.0 + STEP_US as i64);
    record.settle();
    assert!(record.billable && record.kid != Kid::NONE);
    bytes += record.encode(buffer);
    black_box(&*buffer);
    bytes
}

/// What crypto and string functions choose by.
#[cfg(target_arch = "x86_64")]
fn processor_features() -> Vec<&'static str> {
    let found = [
        ("aes", std::is_x86_feature_detected!("aes")),
        ("avx", std::is_x86_feature_detected!("avx")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("bmi2", std::is_x86_feature_detected!("bmi2")),
        ("pclmulqdq", std::is_x86_feature_detected!("pclmulqdq")),
        ("sha", std::is_x86_feature_detected!("sha")),
        ("sse4.2", std::is_x86_feature_detected!("sse4.2")),
        ("ssse3", std::is_x86_feature_detected!("ssse3")),
    ];
    found.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn processor_features() -> Vec<&'static str> {
    vec![std::env::consts::ARCH]
}
