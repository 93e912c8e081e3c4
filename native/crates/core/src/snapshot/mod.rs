//! The snapshot: the immutable, compiled form of everything that the path of a request needs.
//!
//! `wire` is what arrives, `update` reads a stream of it, `compile` makes each resource by itself, `apply` puts them
//! together over the snapshot before.

mod apply;
mod compile;
mod documents;
mod key;
mod services;
mod shards;
mod signers;
mod tags;
mod types;
mod update;
mod views;
mod wire;

pub use documents::Document;
pub use key::{End, Fingerprint, FoundKey, ImportedScheme, Key, KeyStatus, KeyTable, SecretDigest, SecretSlot};
pub use shards::{Keyed, ShardedMap, Shards};
pub use tags::{RouteLimits, Tag, TaggedRoutes};
pub use types::{
    Application, Backend, BackendEnvironment, BackendTls, CallTimes, Environment, Issuer, Metadata, Partner, Place,
    Plan, QueryPolicy, Route, RouteAction, RouteTimeouts, ServiceCredential, Shape, SigningKey, SigningState, Target,
    Timeouts, Upgrade, Version,
};
pub use update::{Refused, Update, validate};
pub use views::Pinned;

use crate::contract::pins::Views;
use crate::contract::{ContractVersion, PartnerDocument, View};
use crate::credential::Algorithm;
use crate::fault::Fault;
use crate::ids::Id;
use crate::record::DataKeys;
use crate::route::{RouteIndex, Router};
use crate::security::SecurityLane;
use documents::Documents;
use hashbrown::HashMap;
use services::Services;
use signers::Signers;
use std::sync::Arc;
use types::Pepper;

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

type Few<K, V> = Arc<HashMap<K, Known<V>>>;

/// Everything, at one revision. Shared by all data threads; never changed. A copy is cheap: it shares what is the same.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// Which history the revision belongs to.
    pub history: String,
    /// Position in the history.
    pub revision: u64,
    /// Hash of the log at the revision.
    pub hash: String,
    partners: ShardedMap<Id, Known<Partner>>,
    applications: ShardedMap<Id, Known<Application>>,
    keys: KeyTable,
    peppers: Few<u32, Pepper>,
    lookup_key: Option<Known<Pepper>>,
    issuers: Few<Id, Issuer>,
    signing_keys: Arc<HashMap<String, Arc<SigningKey>>>,
    services: Arc<Services>,
    signers: Arc<Signers>,
    data_keys: Arc<DataKeys>,
    backends: Few<Id, Backend>,
    plans: Few<Id, Plan>,
    routes_by_id: Arc<HashMap<Id, Arc<Route>>>,
    route_tags: Few<Tag, TaggedRoutes>,
    routes: Arc<Routes>,
    documents: Arc<Documents>,
    contracts: Few<Id, ContractVersion>,
    contract_documents: Few<Id, PartnerDocument>,
}

/// All routes and the way to them.
#[derive(Default)]
struct Routes {
    by_index: Vec<Arc<Route>>,
    /// How each looks in the versions that have it.
    views: Vec<Views<Arc<View>>>,
    router: Router,
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

    /// All backends.
    pub fn backends(&self) -> impl Iterator<Item = &Known<Backend>> {
        self.backends.values()
    }

    /// All keys.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }

    /// A pepper, ready for HMAC.
    pub(crate) fn pepper(&self, version: u32) -> Option<&Known<Pepper>> {
        self.peppers.get(&version)
    }

    /// What secrets of other systems are looked up under; None where there never was one.
    pub(crate) fn lookup_key(&self) -> Option<&Known<Pepper>> {
        self.lookup_key.as_ref()
    }

    /// An issuer.
    pub fn issuer(&self, id: Id) -> Option<&Known<Issuer>> {
        self.issuers.get(&id)
    }

    /// The key that signs for this issuer now. Where there are several, all nodes choose the same.
    ///
    /// `NodeOutdated` where one signs that this node does not understand, `TokenMintFailed` where none does.
    pub fn signing_key(
        &self,
        issuer: Id,
        algorithm: Algorithm,
        lane: &SecurityLane,
    ) -> Result<&Arc<SigningKey>, Fault> {
        let mut signing = self.signers.get(issuer, algorithm).iter();
        let signing = signing.find(|key| !lane.is_withdrawn(&key.kid, self.revision)).ok_or(Fault::TokenMintFailed)?;
        if signing.outdated { Err(Fault::NodeOutdated) } else { Ok(signing) }
    }

    /// What a login at this backend is made with; `partner` where each has one of its own.
    pub fn service_credential(
        &self,
        backend: Id,
        environment: Environment,
        partner: Option<Id>,
    ) -> Option<&Arc<ServiceCredential>> {
        self.services.get(&(backend, environment, partner))
    }

    /// What personal members of records are sealed under.
    pub fn data_keys(&self) -> &Arc<DataKeys> {
        &self.data_keys
    }

    /// The matcher of all routes.
    pub fn router(&self) -> &Router {
        &self.routes.router
    }

    /// A route that the matcher found.
    pub fn route(&self, index: RouteIndex) -> &Arc<Route> {
        &self.routes.by_index[index.0 as usize]
    }

    /// A route by its id.
    pub fn route_of(&self, id: Id) -> Option<&Route> {
        self.routes_by_id.get(&id).map(AsRef::as_ref)
    }

    /// `/.well-known/jwks.json` (RFC 7517): all keys that are published, signing or retired, without those withdrawn.
    pub fn jwks(&self, lane: &SecurityLane) -> Document {
        if self.signing_keys.keys().any(|kid| lane.is_withdrawn(kid, self.revision)) {
            return documents::jwks(self.signing_keys.values().filter(|key| self.is_shown(key, lane)));
        }
        self.documents.jwks.clone()
    }

    /// The same under the path of an issuer's URL: the keys of that issuer. None where no issuer's URL has this path.
    pub fn jwks_under(&self, host: &str, path: &str, lane: &SecurityLane) -> Option<Document> {
        let issuers = self.documents.issuers_under(host, path);
        let keys = self.signing_keys.values().filter(|key| issuers.contains(&key.issuer) && self.is_shown(key, lane));
        (!issuers.is_empty()).then(|| documents::jwks(keys))
    }

    /// `/.well-known/openid-configuration` of the issuer whose URL has this host and path; without a path, else of the first
    /// issuer by URL. None where there is no such issuer. `host` as in the Host header, `path` without a slash at its end.
    pub fn discovery(&self, host: &str, path: &str) -> Option<&Document> {
        self.documents.discovery(host, path)
    }

    fn is_shown(&self, key: &SigningKey, lane: &SecurityLane) -> bool {
        !lane.is_withdrawn(&key.kid, self.revision)
    }

    /// How many of each resource: partners, applications, keys, routes.
    pub fn counts(&self) -> [usize; 4] {
        [self.partners.len(), self.applications.len(), self.keys.len(), self.routes.by_index.len()]
    }
}
