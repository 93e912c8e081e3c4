//! Compiled resources as they cross the wire (docs/wire.md, sections 2 and 3). Unknown members are refused: meaning must
//! not be dropped silently.

use super::{Environment, ImportedScheme, KeyStatus, Metadata, SecretSlot, SigningState, Timeouts, Upgrade};
use crate::credential::login::{Per, Service};
use crate::forward::{Balance, BreakerPolicy, CheckPolicy, DnsPolicy, EjectionPolicy, Http2, PoolPolicy, RetryPolicy};
use crate::security::Entry;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Any line of a stream; which members are there says which line it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'l> {
    pub(super) kind: Option<String>,
    pub(super) id: Option<String>,
    pub(super) requires: Option<Vec<String>>,
    #[serde(borrow)]
    pub(super) body: Option<&'l RawValue>,
    pub(super) format: Option<u32>,
    pub(super) history: Option<String>,
    pub(super) from: Option<u64>,
    pub(super) revision: Option<u64>,
    pub(super) hash: Option<String>,
    #[serde(borrow)]
    pub(super) put: Option<Vec<ResourceLine<'l>>>,
    pub(super) delete: Option<Vec<Deletion>>,
    pub(super) security: Option<Entry>,
    pub(super) end: Option<bool>,
    pub(super) count: Option<u64>,
}

/// One resource.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResourceLine<'l> {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) requires: Vec<String>,
    #[serde(borrow)]
    pub(super) body: &'l RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deletion {
    pub(super) kind: String,
    pub(super) id: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    Active,
    Suspended,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartnerBody {
    pub(super) name: String,
    pub(super) status: Standing,
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) contracts: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplicationBody {
    pub(super) name: String,
    pub(super) partner: String,
    pub(super) environment: Environment,
    pub(super) status: Standing,
    pub(super) plan: Option<String>,
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) contracts: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    pub(super) application: String,
    pub(super) status: KeyStatus,
    pub(super) name: String,
    pub(super) secrets: Vec<SecretBody>,
    pub(super) expires_at_us: Option<i64>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) networks: Option<Vec<String>>,
    #[serde(default)]
    pub(super) client_certificates: Option<Vec<String>>,
    #[serde(default)]
    pub(super) routes: Option<Vec<String>>,
    #[serde(default)]
    pub(super) route_tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretBody {
    pub(super) slot: SecretSlot,
    pub(super) digest: String,
    pub(super) pepper: u32,
    pub(super) ends_at_us: Option<i64>,
    #[serde(default)]
    pub(super) imported: Option<ImportedBody>,
}

/// Where another system made the secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportedBody {
    pub(super) scheme: ImportedScheme,
    pub(super) lookup: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PepperBody {
    pub(super) wrapped: String,
}

/// Null partner: for callers that no key was proven for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DataKeyBody {
    pub(super) partner: Option<String>,
    pub(super) wrapped: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerBody {
    pub(super) url: String,
    #[allow(dead_code, reason = "for people who read a snapshot")]
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SigningKeyBody {
    pub(super) issuer: String,
    pub(super) algorithm: String,
    /// Absent where the secret is shared.
    #[serde(default)]
    pub(super) public_jwk: Option<serde_json::Value>,
    pub(super) wrapped: String,
    pub(super) state: SigningState,
}

/// What of a signing key can be read even when its features are unknown: it is published, and what it would sign is refused.
#[derive(Deserialize)]
pub(super) struct SigningKeyOutline {
    pub(super) issuer: String,
    pub(super) algorithm: String,
    #[serde(default)]
    pub(super) public_jwk: Option<serde_json::Value>,
    pub(super) state: SigningState,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackendBody {
    pub(super) name: String,
    pub(super) environments: EnvironmentsBody,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentsBody {
    pub(super) live: Option<BackendEnvironmentBody>,
    pub(super) test: Option<BackendEnvironmentBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackendEnvironmentBody {
    pub(super) targets: Vec<String>,
    pub(super) timeouts: Timeouts,
    pub(super) credential: CredentialBody,
    #[serde(default)]
    pub(super) tls: Option<BackendTlsBody>,
    #[serde(default)]
    pub(super) forwarding: Option<ForwardingBody>,
}

/// Each member is optional, and absent means its default.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ForwardingBody {
    pub(super) weights: Option<Vec<u32>>,
    pub(super) balance: Option<Balance>,
    pub(super) http2: Option<Http2>,
    pub(super) pool: Option<PoolPolicy>,
    pub(super) ejection: Given<EjectionPolicy>,
    pub(super) check: Option<CheckPolicy>,
    pub(super) breaker: Option<BreakerPolicy>,
    pub(super) retry: Option<RetryPolicy>,
    pub(super) dns: Option<DnsPolicy>,
}

/// A member for which null says something else than its absence.
#[derive(Clone, Copy, Default)]
pub(super) enum Given<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<'d, T: Deserialize<'d>> Deserialize<'d> for Given<T> {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackendTlsBody {
    pub(super) ca: Option<String>,
    pub(super) server_name: Option<String>,
    pub(super) pins_sha256: Vec<String>,
    pub(super) crl: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub(super) enum CredentialBody {
    None {},
    Mint {
        issuer: String,
        audience: String,
        algorithm: String,
        life_seconds: u32,
        claims: serde_json::Map<String, serde_json::Value>,
    },
    Exchange(LoginBody),
    #[serde(rename = "client_credentials")]
    ClientCredentials(LoginBody),
    #[serde(rename = "token_exchange")]
    TokenExchange(LoginBody),
}

/// A token that the node process fetches.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginBody {
    pub(super) per: Per,
    pub(super) service: Service,
    pub(super) reads: Vec<String>,
    pub(super) attach: AttachBody,
    pub(super) subject: Option<SubjectBody>,
    /// The node process reads it; a new member of it comes with a new feature.
    pub(super) login: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttachBody {
    pub(super) header: String,
    pub(super) value: String,
}

/// What is minted to be exchanged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubjectBody {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) algorithm: String,
    pub(super) life_seconds: u32,
    pub(super) claims: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceBody {
    pub(super) backend: String,
    pub(super) environment: Environment,
    pub(super) partner: Option<String>,
    pub(super) wrapped: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanBody {
    pub(super) name: String,
    pub(super) apis: Vec<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) throttles: Vec<ThrottleBody>,
    #[serde(default)]
    pub(super) contracts: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThrottleBody {
    pub(super) name: String,
    pub(super) per: String,
    pub(super) quota: u32,
    pub(super) window_seconds: u32,
    pub(super) burst: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteBody {
    pub(super) api: String,
    pub(super) api_name: String,
    pub(super) name: String,
    pub(super) hosts: Option<Vec<String>>,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) backend: String,
    pub(super) backend_method: String,
    pub(super) backend_path: String,
    pub(super) environments: Vec<Environment>,
    pub(super) scopes: Vec<String>,
    pub(super) passthrough: bool,
    pub(super) max_request_bytes: u64,
    pub(super) max_response_bytes: Option<u64>,
    pub(super) query: QueryBody,
    pub(super) request_headers: Vec<String>,
    pub(super) response_headers: Vec<String>,
    #[serde(default)]
    pub(super) upgrades: Vec<Upgrade>,
    #[serde(default)]
    pub(super) idempotency_key: bool,
    #[serde(default)]
    pub(super) timeouts: RouteTimeoutsBody,
    #[serde(default)]
    pub(super) contract: Option<String>,
}

/// The id of its line is the tag.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteTagBody {
    pub(super) routes: Vec<String>,
}

/// Each member is optional, and absent means the backend's.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "a unit stands in each name")]
pub(super) struct RouteTimeoutsBody {
    pub(super) first_byte_ms: Option<u32>,
    pub(super) idle_ms: Option<u32>,
    /// Null: no end.
    pub(super) total_ms: Given<u32>,
}

/// What of a route can be read even when its features are unknown, so that it can answer `node_outdated`.
#[derive(Deserialize)]
pub(super) struct RouteOutline {
    pub(super) hosts: Option<Vec<String>>,
    pub(super) method: String,
    pub(super) path: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum QueryBody {
    Word(String),
    Names(Vec<String>),
}
