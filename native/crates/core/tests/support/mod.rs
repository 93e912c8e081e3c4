//! A small deployment to try the core on: one partner, one application, one key, one backend, as lines of the wire.
#![allow(dead_code, reason = "each test file uses its part")]

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portazgo_core::authenticate::{self, Denied, Identity};
use portazgo_core::authorize::{self, Authorized, Caller, Peer};
use portazgo_core::fault::Fault;
use portazgo_core::ids::base62_crc;
use portazgo_core::record::DATA_KEY;
use portazgo_core::route::Match;
use portazgo_core::security::{Entry, SecurityLane};
use portazgo_core::snapshot::{Known, Refused, Route, Snapshot, Update};
use portazgo_core::time::WallTime;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

pub(crate) const HISTORY: &str = "01990000-0000-7000-8000-0000000000ff";
pub(crate) const PARTNER: &str = "01990000-0000-7000-8000-000000000001";
pub(crate) const APPLICATION: &str = "01990000-0000-7000-8000-000000000002";
pub(crate) const PLAN: &str = "01990000-0000-7000-8000-000000000003";
pub(crate) const BACKEND: &str = "01990000-0000-7000-8000-000000000004";
pub(crate) const ISSUER: &str = "01990000-0000-7000-8000-000000000005";
pub(crate) const API: &str = "01990000-0000-7000-8000-000000000006";
pub(crate) const ROUTE: &str = "01990000-0000-7000-8000-000000000007";
pub(crate) const KID: &str = "Kid0000001";
pub(crate) const SECRET: &str = "NotARealSecret00000000000000001A";
pub(crate) const OTHER_SECRET: &str = "NotARealSecret00000000000000002B";
pub(crate) const PREFIX: &str = "ptz";
pub(crate) const NOW: WallTime = WallTime(1_795_536_000_000_000);

/// The pepper of version 1, and of every other.
pub(crate) fn pepper(version: u32) -> [u8; 32] {
    [version as u8; 32]
}

/// A P-256 key of this run.
pub(crate) struct SigningPair {
    pub(crate) pkcs8: Vec<u8>,
    pub(crate) jwk: Value,
}

impl SigningPair {
    pub(crate) fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pkcs8 = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
        let point = pair.public_key().as_ref();
        let coordinate = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": coordinate(1), "y": coordinate(33), "kid": kid, "alg": "ES256", "use": "sig"});
        Self { pkcs8, jwk }
    }
}

pub(crate) static SIGNING: LazyLock<SigningPair> = LazyLock::new(|| SigningPair::new("signing-1"));
pub(crate) static NEXT_SIGNING: LazyLock<SigningPair> = LazyLock::new(|| SigningPair::new("signing-2"));

/// What is unwrapped of a key, and its public half where there is one.
type Unwrapped = (Vec<u8>, Option<Value>);

/// Keys of the other algorithms, by kid.
pub(crate) static FURTHER: LazyLock<HashMap<&str, Unwrapped>> = LazyLock::new(|| {
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(ed25519.public_key());
    let ed25519_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "EdDSA", "alg": "EdDSA"});
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // RSAPublicKey (RFC 8017, appendix A.1.1): SEQUENCE of two INTEGERs; the modulus of 2048 bits has a leading zero byte.
    let der = rsa.public_key().as_ref();
    let n = URL_SAFE_NO_PAD.encode(&der[9..9 + 256]);
    let rsa_jwk = json!({"kty": "RSA", "n": n, "e": "AQAB", "kid": "RS256", "alg": "RS256"});
    HashMap::from([
        ("EdDSA", (ed25519.to_pkcs8v1().unwrap().as_ref().to_vec(), Some(ed25519_jwk))),
        ("RS256", (AsDer::<Pkcs8V1Der<'_>>::as_der(&rsa).unwrap().as_ref().to_vec(), Some(rsa_jwk))),
        ("HS256", (b"a secret of thirty-two bytes, or more".to_vec(), None)),
    ])
});

/// A signing key of another algorithm, by its word.
pub(crate) fn signing_key_with(algorithm: &str) -> Value {
    let mut body = json!({"issuer": ISSUER, "algorithm": algorithm, "wrapped": "local:x", "state": "signing"});
    if let Some(jwk) = &FURTHER[algorithm].1 {
        body["public_jwk"] = jwk.clone();
    }
    resource("signing_key", algorithm, body)
}

#[allow(clippy::needless_pass_by_value, reason = "callers make the body in place")]
pub(crate) fn resource(kind: &str, id: &str, body: Value) -> Value {
    json!({"kind": kind, "id": id, "requires": [], "body": body})
}

pub(crate) fn requiring(mut resource: Value, feature: &str) -> Value {
    resource["requires"] = json!([feature]);
    resource
}

/// A resource with members of its body replaced.
pub(crate) fn with(mut resource: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("members are an object") };
    for (name, value) in members {
        resource["body"][name] = value;
    }
    resource
}

pub(crate) fn partner() -> Value {
    resource("partner", PARTNER, json!({"name": "northwind", "status": "active", "metadata": {"tier": "gold"}}))
}

pub(crate) fn application() -> Value {
    let body = json!({"name": "crm", "partner": PARTNER, "environment": "live", "status": "active", "plan": PLAN, "metadata": {}});
    resource("application", APPLICATION, body)
}

pub(crate) fn digest_of(secret: &str, pepper_version: u32) -> String {
    let inner = digest::digest(&digest::SHA256, secret.as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &pepper(pepper_version));
    hmac::sign(&key, inner.as_ref()).as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

pub(crate) fn secret(slot: &str, secret: &str, pepper: u32, ends_at_us: Option<i64>) -> Value {
    json!({"slot": slot, "digest": digest_of(secret, pepper), "pepper": pepper, "ends_at_us": ends_at_us})
}

/// A secret that another system made, under the deployment's look-up key.
pub(crate) fn imported_secret(slot: &str, text: &str, scheme: &str) -> Value {
    let algorithm = if scheme == "sha256" { &digest::SHA256 } else { &digest::SHA512 };
    let inner = digest::digest(algorithm, text.as_bytes());
    let hex = |key: [u8; 32]| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), inner.as_ref());
        tag.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    };
    json!({"slot": slot, "digest": hex(pepper(1)), "pepper": 1, "ends_at_us": null,
        "imported": {"scheme": scheme, "lookup": hex(LOOKUP_SECRET)}})
}

pub(crate) const LOOKUP_SECRET: [u8; 32] = [0x77; 32];

pub(crate) fn lookup_key() -> Value {
    resource("lookup_key", "1", json!({"wrapped": "local:x"}))
}

pub(crate) fn key() -> Value {
    key_named(KID, SECRET)
}

pub(crate) fn key_named(kid: &str, secret_text: &str) -> Value {
    let secrets = [secret("current", secret_text, 1, None)];
    let body = json!({"application": APPLICATION, "status": "active", "name": "server", "secrets": secrets,
        "expires_at_us": null, "scopes": null, "networks": null});
    resource("key", kid, body)
}

pub(crate) fn wrapped_pepper(version: u32) -> Value {
    resource("pepper", &version.to_string(), json!({"wrapped": "local:x"}))
}

/// A data key of a partner, or of nobody; the key itself is the beginning of its id.
#[allow(dead_code, reason = "not every test file seals")]
pub(crate) fn data_key(id: &str, partner: Option<&str>) -> Value {
    let line = resource("data_key", id, json!({"partner": partner, "wrapped": "local:x"}));
    requiring(line, "data_key.1")
}

pub(crate) fn issuer() -> Value {
    resource("issuer", ISSUER, json!({"url": "https://gate.example", "name": "main"}))
}

pub(crate) fn signing_key() -> Value {
    signing_key_of("signing-1", &SIGNING, "signing")
}

pub(crate) fn signing_key_of(kid: &str, pair: &SigningPair, state: &str) -> Value {
    let body =
        json!({"issuer": ISSUER, "algorithm": "ES256", "public_jwk": pair.jwk, "wrapped": "local:x", "state": state});
    resource("signing_key", kid, body)
}

pub(crate) fn plan() -> Value {
    let throttles = json!([{"name": "per-minute", "per": "key", "quota": 60, "window_seconds": 60, "burst": 3}]);
    resource("plan", PLAN, json!({"name": "basic", "apis": [API], "scopes": null, "throttles": throttles}))
}

pub(crate) fn backend() -> Value {
    backend_claiming(&json!({"tier": "{partner.metadata.tier}"}))
}

pub(crate) fn backend_claiming(claims: &Value) -> Value {
    let credential = json!({"kind": "mint", "issuer": ISSUER, "audience": "insignia", "algorithm": "ES256", "life_seconds": 300, "claims": claims});
    let live = json!({"targets": ["http://127.0.0.1:8082"], "credential": credential,
        "timeouts": {"connect_ms": 1000, "first_byte_ms": 10000, "idle_ms": 10000, "total_ms": 30000}});
    resource("backend", BACKEND, json!({"name": "insignia", "environments": {"live": live}}))
}

pub(crate) fn route() -> Value {
    let body = json!({"api": API, "api_name": "badges", "name": "show", "hosts": null, "method": "GET", "path": "/v1/badges/{id}",
        "backend": BACKEND, "backend_method": "GET", "backend_path": "/api/badges/{id}/", "environments": ["live", "test"], "scopes": [],
        "passthrough": true, "max_request_bytes": 1024, "max_response_bytes": null, "query": "all", "request_headers": [], "response_headers": []});
    resource("route", ROUTE, body)
}

/// Everything that one call needs.
pub(crate) fn deployment() -> Vec<Value> {
    vec![partner(), application(), key(), wrapped_pepper(1), issuer(), signing_key(), plan(), backend(), route()]
}

/// The deployment with some resources replaced (same kind and id) or added.
pub(crate) fn deployment_but(others: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut all = deployment();
    for other in others {
        let same = |one: &&mut Value| one["kind"] == other["kind"] && one["id"] == other["id"];
        match all.iter_mut().find(same) {
            Some(place) => *place = other,
            None => all.push(other),
        }
    }
    all
}

fn lines(head: &Value, between: &[Value]) -> Vec<u8> {
    let mut text = format!("{head}\n");
    for line in between {
        text += &line.to_string();
        text.push('\n');
    }
    (text + &format!("{}\n", json!({"end": true, "count": between.len()}))).into_bytes()
}

pub(crate) fn snapshot_lines(revision: u64, between: &[Value]) -> Vec<u8> {
    lines(&json!({"format": 1, "history": HISTORY, "revision": revision, "hash": "0".repeat(64)}), between)
}

/// A page with one change after `from`.
pub(crate) fn change_lines(from: u64, put: &[Value], delete: &[(&str, &str)]) -> Vec<u8> {
    let delete: Vec<Value> = delete.iter().map(|(kind, id)| json!({"kind": kind, "id": id})).collect();
    let head = json!({"format": 1, "history": HISTORY, "from": from, "revision": from + 1, "hash": "0".repeat(64)});
    lines(&head, &[json!({"revision": from + 1, "hash": "0".repeat(64), "put": put, "delete": delete})])
}

/// What a node does with a stream, but for the unwrapping.
pub(crate) fn read(mut update: Update, lines: &[u8]) -> Result<Update, Refused> {
    update.push(lines)?;
    update.finish()?;
    let contexts: Vec<String> = update.wrapped().iter().map(|(context, _)| context.clone()).collect();
    for context in contexts {
        let secret = match context.split_once('/').unwrap() {
            ("pepper", version) => pepper(version.parse().unwrap()).to_vec(),
            ("lookup_key", _) => LOOKUP_SECRET.to_vec(),
            ("data_key", id) => id.as_bytes()[..DATA_KEY.min(id.len())].to_vec(),
            (_, "signing-2") => NEXT_SIGNING.pkcs8.clone(),
            (_, kid) if FURTHER.contains_key(kid) => FURTHER[kid].0.clone(),
            _ => SIGNING.pkcs8.clone(),
        };
        update.provide(context, secret);
    }
    Ok(update)
}

pub(crate) fn apply_snapshot(resources: &[Value], base: Option<&Snapshot>) -> Result<Snapshot, Refused> {
    read(Update::snapshot(), &snapshot_lines(1, resources))?.apply(base)
}

pub(crate) fn apply_change(base: &Snapshot, put: &[Value], delete: &[(&str, &str)]) -> Result<Snapshot, Refused> {
    read(Update::changes(), &change_lines(base.revision, put, delete))?.apply(Some(base))
}

pub(crate) fn snapshot_of(resources: &[Value]) -> Snapshot {
    apply_snapshot(resources, None).unwrap_or_else(|refused| panic!("refused: {refused}"))
}

/// A whole key as a partner holds it.
pub(crate) fn presented(environment: &str, kid: &str, secret: &str) -> String {
    let body = format!("{PREFIX}_{environment}_{kid}_{secret}");
    let crc = base62_crc(crc32fast::hash(body.as_bytes()));
    body + std::str::from_utf8(&crc).unwrap()
}

pub(crate) fn security(sequence: u64, operation: &str, id: &str) -> Entry {
    Entry { sequence, revision: sequence, operation: operation.to_owned(), id: id.to_owned(), networks: None }
}

pub(crate) fn lane_of(entries: &[Entry]) -> SecurityLane {
    let mut lane = SecurityLane::default();
    assert_eq!(lane.take_all(HISTORY, entries), Vec::<String>::new());
    lane
}

pub(crate) fn authenticate<'s>(
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
    presented: &'s str,
    now: WallTime,
) -> Result<Identity<'s>, Denied> {
    authenticate::authenticate(presented.as_bytes(), PREFIX, snapshot, lane, now)
}

/// The identity of the deployment's own key.
pub(crate) fn identify<'s>(snapshot: &'s Snapshot, lane: &SecurityLane) -> Identity<'s> {
    // An identity is of the text that proved it.
    match authenticate(snapshot, lane, presented("live", KID, SECRET).leak(), NOW) {
        Ok(identity) => identity,
        Err(denied) => panic!("{denied:?}"),
    }
}

/// The identity and caller of the deployment's own key.
pub(crate) fn enter<'s>(snapshot: &'s Snapshot, lane: &SecurityLane) -> (Identity<'s>, Caller<'s>) {
    let identity = identify(snapshot, lane);
    let caller = authorize::caller(&identity, snapshot).unwrap();
    (identity, caller)
}

pub(crate) fn found_route(snapshot: &Snapshot, path: &str) -> Arc<Route> {
    match snapshot.router().find("api.example", "GET", path) {
        Match::Route(index, _) => Arc::clone(snapshot.route(index)),
        other => panic!("{path}: {other:?}"),
    }
}

/// From a presented key to a decision about the deployment's route.
pub(crate) fn decide(snapshot: &Snapshot, lane: &SecurityLane, address: &str) -> Result<(), Fault> {
    decide_peer(snapshot, lane, peer(address))
}

/// A peer that showed no certificate.
pub(crate) fn peer(address: &str) -> Peer<'static> {
    Peer { address: address.parse().unwrap(), certificate: None }
}

/// From a presented key to a decision about the deployment's route.
pub(crate) fn decide_peer(snapshot: &Snapshot, lane: &SecurityLane, peer: Peer<'_>) -> Result<(), Fault> {
    let identity = identify(snapshot, lane);
    let caller = authorize::caller(&identity, snapshot)?;
    let route = found_route(snapshot, "/v1/badges/7");
    let decided: Result<Authorized<'_>, Fault> = authorize::authorize(&caller, &identity, &route, snapshot, lane, peer);
    decided.map(|_| ())
}

pub(crate) fn understood<T>(known: Option<&Known<T>>) -> Arc<T> {
    match known {
        Some(Known::Yes(inner)) => Arc::clone(inner),
        Some(Known::Outdated) => panic!("outdated"),
        None => panic!("missing"),
    }
}
