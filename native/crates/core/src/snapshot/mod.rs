//! The snapshot: the immutable, compiled form of everything that the path of a request needs.

mod compile;
mod keys;
mod update;
mod wire;

pub use keys::KeyTable;
pub use update::{Refused, Update};

use crate::credential::{CredentialPolicy, TokenTable};
use crate::ids::{Id, Kid};
use crate::limit::{PartnerCells, Throttle};
use crate::network::Network;
use crate::route::{PathBuilder, RouteIndex, Router, Template};
use aws_lc_rs::hmac;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a call belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// It may.
    Active,
    /// Not until it is enabled again.
    Disabled,
    /// Never again.
    Revoked,
}

/// Which of a key's two secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum SecretSlot {
    /// The newest.
    Current = 1,
    /// The one before, until its grace ends.
    Retiring = 2,
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

/// A partner company. `version` is the revision that wrote it; tokens made from an older one are worth nothing.
pub struct Partner {
    /// Id.
    pub id: Id,
    /// Slug.
    pub name: String,
    /// Not suspended.
    pub active: bool,
    /// For claims.
    pub metadata: wire::Metadata,
    /// Revision of its last change.
    pub version: u64,
    /// The throttle cells of all its keys.
    pub cells: Arc<PartnerCells>,
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
    pub metadata: wire::Metadata,
    /// Revision of its last change.
    pub version: u64,
    /// Tokens for this application and backend.
    pub tokens: TokenTable,
}

/// One of a key's secrets, as the node may know it.
pub struct SecretDigest {
    /// Current or retiring.
    pub slot: SecretSlot,
    /// HMAC-SHA-256(pepper, inner).
    pub digest: [u8; 32],
    /// Which pepper.
    pub pepper: u32,
    /// End of grace.
    pub ends_at_us: Option<i64>,
}

/// An API key.
pub struct Key {
    /// Public id.
    pub kid: Kid,
    /// Whose it is.
    pub application: Id,
    /// Whether it may be used.
    pub status: KeyStatus,
    /// For people and claims.
    pub name: String,
    /// One or two.
    pub secrets: Vec<SecretDigest>,
    /// End of the key.
    pub expires_at_us: Option<i64>,
    /// None: all of the plan.
    pub scopes: Option<Vec<String>>,
    /// None: from anywhere.
    pub networks: Option<Vec<Network>>,
    /// Revision of its last change.
    pub version: u64,
}

/// Who signs, and with which keys.
pub struct Issuer {
    /// `iss`.
    pub url: String,
}

/// A signing key; the private part is here only where it was unwrapped.
pub struct SigningKey {
    /// JWK kid.
    pub kid: String,
    /// Of which issuer.
    pub issuer: Id,
    /// For the JWKS.
    pub public_jwk: serde_json::Value,
    /// Where in its life.
    pub state: SigningState,
    /// Ready to sign.
    pub signer: Option<crate::credential::Signer>,
    /// Revision of its last change.
    pub version: u64,
}

/// A backend in one environment.
pub struct BackendEnvironment {
    /// `host:port`, in the order given.
    pub targets: Vec<String>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How calls are credentialed.
    pub credential: CredentialPolicy,
}

/// What stands behind.
pub struct Backend {
    /// Id.
    pub id: Id,
    /// Slug.
    pub name: String,
    /// By environment.
    pub live: Option<BackendEnvironment>,
    /// By environment.
    pub test: Option<BackendEnvironment>,
    /// Revision of its last change.
    pub version: u64,
}

impl Backend {
    /// The backend of this environment, where it has one.
    pub fn environment(&self, environment: Environment) -> Option<&BackendEnvironment> {
        match environment {
            Environment::Live => self.live.as_ref(),
            Environment::Test => self.test.as_ref(),
        }
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
    /// The backend's method.
    pub backend_method: String,
    /// The backend's path.
    pub backend_path: PathBuilder,
    /// In which environments it exists.
    pub environments: Vec<Environment>,
    /// Any of these suffices; none: no scope is needed.
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
}

/// A resource, or the knowledge that this node is too old to understand it.
pub enum Known<T> {
    /// Understood.
    Yes(Arc<T>),
    /// It requires a feature that this node lacks.
    Outdated,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Yes(inner) => Self::Yes(Arc::clone(inner)),
            Self::Outdated => Self::Outdated,
        }
    }
}

/// Everything, at one revision. Shared by all data threads; never changed.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// Which history the revision belongs to.
    pub history: String,
    /// Position in the history.
    pub revision: u64,
    /// Hash of the log at the revision.
    pub hash: String,
    partners: HashMap<Id, Known<Partner>>,
    applications: HashMap<Id, Known<Application>>,
    keys: KeyTable,
    peppers: HashMap<u32, Arc<hmac::Key>>,
    issuers: HashMap<Id, Arc<Issuer>>,
    signing_keys: HashMap<String, Arc<SigningKey>>,
    backends: HashMap<Id, Known<Backend>>,
    plans: HashMap<Id, Known<Plan>>,
    routes_by_id: HashMap<Id, Arc<Route>>,
    routes: Vec<Arc<Route>>,
    router: Router,
    jwks: Arc<str>,
    discovery: Arc<str>,
}

impl Snapshot {
    /// A partner.
    pub fn partner(&self, id: Id) -> Option<&Known<Partner>> {
        self.partners.get(&id)
    }

    /// An application.
    pub fn application(&self, id: Id) -> Option<&Known<Application>> {
        self.applications.get(&id)
    }

    /// A plan.
    pub fn plan(&self, id: Id) -> Option<&Known<Plan>> {
        self.plans.get(&id)
    }

    /// A backend.
    pub fn backend(&self, id: Id) -> Option<&Known<Backend>> {
        self.backends.get(&id)
    }

    /// All keys.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }

    /// A pepper, ready for HMAC.
    pub fn pepper(&self, version: u32) -> Option<&hmac::Key> {
        self.peppers.get(&version).map(AsRef::as_ref)
    }

    /// An issuer.
    pub fn issuer(&self, id: Id) -> Option<&Issuer> {
        self.issuers.get(&id).map(AsRef::as_ref)
    }

    /// The key that signs for this issuer now: the newest that may.
    pub fn signing_key(&self, issuer: Id, lane: &crate::security::SecurityLane) -> Option<&Arc<SigningKey>> {
        self.signing_keys
            .values()
            .filter(|key| key.issuer == issuer && key.state == SigningState::Signing && key.signer.is_some())
            .filter(|key| !lane.is_withdrawn(&key.kid, self.revision))
            .max_by_key(|key| (key.version, &key.kid))
    }

    /// The matcher of all routes.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// A route that the matcher found.
    pub fn route(&self, index: RouteIndex) -> &Arc<Route> {
        &self.routes[index.0 as usize]
    }

    /// `/.well-known/jwks.json` (RFC 7517).
    pub fn jwks(&self) -> &Arc<str> {
        &self.jwks
    }

    /// `/.well-known/openid-configuration`, empty where there is no issuer.
    pub fn discovery(&self) -> &Arc<str> {
        &self.discovery
    }

    /// How many of each resource: partners, applications, keys, routes.
    pub fn counts(&self) -> [usize; 4] {
        [self.partners.len(), self.applications.len(), self.keys.len(), self.routes.len()]
    }
}
