//! The nouns of a snapshot, compiled.

use super::Known;
use crate::contract::Pins;
use crate::credential::login::Slots;
use crate::credential::{Algorithm, CredentialPolicy, Signer, TokenTable};
use crate::forward::{Forwarding, GroupState, Http2, TargetState};
use crate::ids::Id;
use crate::limit::{PartnerCells, Throttle};
use crate::route::{PathBuilder, Template};
use crate::secret::Secret;
use aws_lc_rs::hmac;
use http::HeaderValue;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What operators note of partners and applications: texts, numbers and booleans, for claims.
pub type Metadata = BTreeMap<String, serde_json::Value>;

/// Where a call belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// For trying out; not billed by default.
    Test,
    /// The real thing.
    Live,
}

impl Environment {
    /// The word in keys, documents and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

/// Where a signing key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningState {
    /// In the JWKS, does not sign yet.
    Published,
    /// Signs.
    Signing,
    /// In the JWKS until its last token has ended.
    Retired,
}

/// How long a backend may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// To connect.
    pub connect_ms: u32,
    /// From the request's last byte to the answer's head.
    pub first_byte_ms: u32,
    /// Between two pieces of a body.
    pub idle_ms: u32,
    /// For the whole call.
    pub total_ms: u32,
}

/// How long one call may take: what its route says, and its backend where the route says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallTimes {
    /// To connect.
    pub connect_ms: u32,
    /// From the request's last byte to the answer's head.
    pub first_byte_ms: u32,
    /// Between two pieces of a body.
    pub idle_ms: u32,
    /// For the whole call; None: as long as its pieces come.
    pub total_ms: Option<u32>,
}

/// What a route says of times. None: as the backend says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// From the request's last byte to the answer's head.
    pub first_byte_ms: Option<u32>,
    /// Between two pieces of a body.
    pub idle_ms: Option<u32>,
    /// For the whole call; Some(None): it has no end.
    pub total_ms: Option<Option<u32>>,
}

/// A protocol that a connection may be changed to (RFC 9110, section 7.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upgrade {
    /// RFC 6455.
    Websocket,
}

/// What a resource says, as a number: equal where the resource is the same, whatever revision or snapshot brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub(super) u64);

/// A partner company.
#[derive(Clone)]
pub struct Partner {
    /// Id.
    pub id: Id,
    /// Slug.
    pub name: String,
    /// Not suspended.
    pub active: bool,
    /// For claims.
    pub metadata: Metadata,
    /// Versions of contracts that its applications are served by, where they say none themselves.
    pub contracts: Pins,
    /// Tokens made from another version are worth nothing.
    pub version: Version,
    /// The throttle cells of all its keys; they outlive changes of the partner.
    pub cells: Arc<PartnerCells>,
    /// Fetched tokens for all its applications, by backend; they end with the version.
    pub logins: Arc<Slots>,
}

/// One integration of a partner.
pub struct Application {
    /// Id.
    pub id: Id,
    /// Slug.
    pub name: String,
    /// Whose it is.
    pub partner: Id,
    /// Test or live.
    pub environment: Environment,
    /// Not suspended.
    pub active: bool,
    /// Its plan.
    pub plan: Option<Id>,
    /// For claims.
    pub metadata: Metadata,
    /// Versions of contracts that it is served by.
    pub contracts: Pins,
    /// The same application in two snapshots is the same object, tokens included.
    pub version: Version,
    /// Tokens for this application, by backend; they end with the object.
    pub tokens: Arc<TokenTable>,
    /// Fetched tokens for this application, by backend; they end with the object.
    pub logins: Slots,
}

/// What secrets are hashed with.
pub(super) type Pepper = hmac::Key;

/// Who signs, and with which keys.
pub struct Issuer {
    /// `iss`.
    pub url: String,
    /// Tokens made from another version are worth nothing.
    pub version: Version,
}

/// What a login at a backend is made with.
pub struct ServiceCredential {
    /// JSON of named values.
    pub secret: Secret,
    /// Tokens that were fetched with another version are worth nothing.
    pub version: Version,
}

/// For which backend a service credential is, in which environment, and of which partner where each has one.
pub(super) type ServicePlace = (Id, Environment, Option<Id>);

/// A signing key; the private part is here only where it was unwrapped.
pub struct SigningKey {
    /// JWK kid.
    pub kid: String,
    /// Of which issuer.
    pub issuer: Id,
    /// How it signs; None: in a way that this node does not know.
    pub algorithm: Option<Algorithm>,
    /// For the JWKS. None: what it signs is verified with a secret that the backend shares.
    pub public_jwk: Option<serde_json::Value>,
    /// Where in its life.
    pub state: SigningState,
    /// Ready to sign.
    pub signer: Option<Signer>,
    /// Whether this node lacks a feature that the key requires: it publishes it, but can't sign with it.
    pub outdated: bool,
}

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A name or an address (IPv6 without brackets), and a port.
    Tcp(String, u16),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

/// Where a backend is.
#[derive(Clone)]
pub struct Target {
    /// Where to connect.
    pub place: Place,
    /// The same as text: `host:port` or `unix:/path`.
    pub address: String,
    /// As operators wrote it, with its scheme: what people and metrics know it by.
    pub url: String,
    /// What `Host` says.
    pub host: HeaderValue,
    /// Under what its connections are kept. Another way of TLS is another name: a connection that was verified by one
    /// rule is never used where another applies.
    pub key: String,
    /// None: plain.
    pub tls: Option<Arc<BackendTls>>,
    /// Whether it is spoken to by HTTP/2.
    pub http2: Http2,
    /// How long its connections are kept idle.
    pub idle_ms: u32,
    /// The longest that addresses of its name are believed without asking again.
    pub name_seconds: u32,
    /// What the node has learned of it.
    pub state: Arc<TargetState>,
}

/// How TLS to a backend is verified.
pub struct BackendTls {
    /// Authorities that count instead of the public ones, DER; empty: the public ones.
    pub authorities: Vec<Vec<u8>>,
    /// The name that the certificate must be for, where it is not the target's.
    pub server_name: Option<String>,
    /// SHA-256 of public keys (SPKI), one of which must be the backend's; empty: any.
    pub pins: Vec<[u8; 32]>,
    /// Revocation lists, DER.
    pub revocation_lists: Vec<Vec<u8>>,
    /// SHA-256 over all of it: two of the same content are the same.
    pub identity: String,
}

/// A backend in one environment.
#[derive(Clone)]
pub struct BackendEnvironment {
    /// In the order given.
    pub targets: Vec<Arc<Target>>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How calls are credentialed.
    pub credential: CredentialPolicy,
    /// How its targets are called.
    pub forwarding: Forwarding,
    /// The order of turns; empty for one target.
    pub(crate) turns: Box<[u8]>,
    /// What the node has learned of it.
    pub state: Arc<GroupState>,
}

/// What stands behind.
#[derive(Clone)]
pub struct Backend {
    /// Id.
    pub id: Id,
    /// Slug.
    pub name: String,
    /// By environment.
    pub live: Option<BackendEnvironment>,
    /// By environment.
    pub test: Option<BackendEnvironment>,
    /// Tokens made from another version are worth nothing.
    pub version: Version,
}

impl BackendEnvironment {
    /// What was learned of the same targets goes on, and so does the rest where its settings are the same.
    fn with_what_was_learned(mut self, before: &Self) -> Self {
        for target in &mut self.targets {
            if let Some(same) = before.targets.iter().find(|same| same.key == target.key) {
                *target = Arc::new(Target { state: Arc::clone(&same.state), ..Target::clone(target) });
            }
        }
        if self.forwarding.breaker == before.forwarding.breaker {
            self.state = Arc::clone(&before.state);
        }
        self
    }
}

impl Backend {
    /// This backend with what was learned of the one before it.
    pub(super) fn with_what_was_learned(&self, before: &Self) -> Self {
        let environment = |new: &Option<BackendEnvironment>, old: &Option<BackendEnvironment>| match (new, old) {
            (Some(new), Some(old)) => Some(new.clone().with_what_was_learned(old)),
            (new, _) => new.clone(),
        };
        Self {
            live: environment(&self.live, &before.live),
            test: environment(&self.test, &before.test),
            ..self.clone()
        }
    }

    /// The backend of this environment, where it has one.
    pub fn environment(&self, environment: Environment) -> Option<&BackendEnvironment> {
        match environment {
            Environment::Live => self.live.as_ref(),
            Environment::Test => self.test.as_ref(),
        }
    }

    /// The issuers of its tokens.
    pub(super) fn issuers(&self) -> impl Iterator<Item = Id> {
        self.live.iter().chain(&self.test).filter_map(|environment| environment.credential.issuer())
    }
}

/// What an application may do, and how fast.
pub struct Plan {
    /// Id.
    pub id: Id,
    /// Slug.
    pub name: String,
    /// The APIs it opens.
    pub apis: Vec<Id>,
    /// None: all.
    pub scopes: Option<Vec<String>>,
    /// All must admit a call.
    pub throttles: Vec<Throttle>,
    /// Versions of contracts that its applications are served by, where neither they nor their partner say one.
    pub contracts: Pins,
    /// The value of `RateLimit-Policy` for them.
    pub policy_header: HeaderValue,
    /// Tokens made from another version are worth nothing, where they read the plan's scopes.
    pub version: Version,
}

/// Which query parameters reach the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryPolicy {
    /// All, verbatim.
    All,
    /// Those with these names.
    Names(Vec<String>),
}

/// One operation as partners see it.
pub struct Route {
    /// Id.
    pub id: Id,
    /// Of which API.
    pub api: Id,
    /// Slug.
    pub name: String,
    /// None: any host.
    pub hosts: Option<Vec<String>>,
    /// Partner's method.
    pub method: String,
    /// Partner's path.
    pub path: Template,
    /// None where this node lacks a feature that the route requires: it answers `node_outdated`.
    pub action: Option<RouteAction>,
}

/// What a route does.
pub struct RouteAction {
    /// Where it leads.
    pub backend: Id,
    /// How bodies pass.
    pub shape: Shape,
    /// The slug of its API.
    pub api_name: String,
    /// The backend's method.
    pub backend_method: String,
    /// The backend's path.
    pub backend_path: PathBuilder,
    /// In which environments it exists.
    pub environments: Vec<Environment>,
    /// A key needs all of these; none: no scope is needed.
    pub scopes: Vec<String>,
    /// Largest request body.
    pub max_request_bytes: u64,
    /// Largest answer body.
    pub max_response_bytes: Option<u64>,
    /// Which query parameters pass.
    pub query: QueryPolicy,
    /// Request headers that pass beside the default list, lower case.
    pub request_headers: Vec<String>,
    /// Answer headers that pass beside the default list, lower case.
    pub response_headers: Vec<String>,
    /// What a client may upgrade to.
    pub upgrades: Vec<Upgrade>,
    /// A POST or PATCH that carries an Idempotency-Key may reach the backend more than once.
    pub idempotency_key: bool,
    /// Times that are not the backend's.
    pub timeouts: RouteTimeouts,
}

/// How the bodies of a route pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As they are.
    Passthrough,
    /// As a contract says: this version of it, for callers that are pinned to none.
    Contract(Option<Id>),
}

impl RouteAction {
    /// How long a call of this route may take at a backend.
    pub fn times(&self, backend: &Timeouts) -> CallTimes {
        CallTimes {
            connect_ms: backend.connect_ms,
            first_byte_ms: self.timeouts.first_byte_ms.unwrap_or(backend.first_byte_ms),
            idle_ms: self.timeouts.idle_ms.unwrap_or(backend.idle_ms),
            total_ms: self.timeouts.total_ms.unwrap_or(Some(backend.total_ms)),
        }
    }
}

impl<T> Known<T> {
    /// The resource, where this node understands it.
    pub fn understood(&self) -> Option<&Arc<T>> {
        match self {
            Self::Yes(inner) => Some(inner),
            Self::Outdated => None,
        }
    }
}
