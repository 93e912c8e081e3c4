//! Tokens that are fetched: somebody logs in at the backend's own token endpoint, and its token is attached. What is here decides
//! whose a token is, when one is asked for and how long it is held. It does no I/O: an [`Order`] goes to the node process, and
//! its [`Flight`] is settled with what came of it ([ADR 36](../../../../../docs/decisions/0036-tokens-are-fetched-by-the-node-process.md)).

mod attach;
mod order;
mod slot;
mod slots;

pub use attach::Attach;
pub use order::{Order, Unfit};
pub use slot::{Asked, Failure, Flight, Landing, Slot};
pub use slots::Slots;

use super::template::Path;
use super::{MintPolicy, Minting};
use crate::snapshot::{Environment, Known, Plan, ServiceCredential};
use crate::time::Monotonic;
use http::HeaderValue;
use serde::Deserialize;
use slot::{Basis, Lookup};
use std::sync::Arc;

/// The longest that a call waits for a login.
const LONGEST_WAIT_MS: u32 = 5_000;

/// Whose a token is; the narrower comes later. Nobody else's call ever carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// All calls to the backend carry the same.
    Backend,
    /// Each partner has its own.
    Partner,
    /// Each application has its own.
    Application,
    /// Each key has its own.
    Key,
}

impl Per {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Partner => "partner",
            Self::Application => "application",
            Self::Key => "key",
        }
    }
}

/// With whose secret the login is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// None is needed: a subject token says it all.
    None,
    /// One for the backend.
    Shared,
    /// Each partner has its own, and none is used for another.
    Partner,
}

/// How a token is fetched.
#[derive(Clone)]
pub struct LoginPolicy {
    environment: Environment,
    per: Per,
    service: Service,
    reads: Vec<(String, Path)>,
    attach: Arc<Attach>,
    /// What is minted to be exchanged (RFC 8693).
    subject: Option<MintPolicy>,
    /// How to log in, as the node process reads it.
    login: Arc<str>,
    /// Where `per` is the whole backend.
    shared: Arc<Slot>,
    wait_ms: u32,
}

/// What a policy is compiled from.
pub(crate) struct Draft {
    pub(crate) environment: Environment,
    pub(crate) per: Per,
    pub(crate) service: Service,
    pub(crate) reads: Vec<String>,
    pub(crate) attach: Attach,
    pub(crate) subject: Option<MintPolicy>,
    pub(crate) login: String,
    pub(crate) first_byte_ms: u32,
    pub(crate) connect_ms: u32,
}

impl LoginPolicy {
    /// Compile. The error says what is wrong.
    pub(crate) fn compile(draft: Draft) -> Result<Self, String> {
        let mut reads = Vec::with_capacity(draft.reads.len());
        for text in draft.reads {
            let path = Path::parse(&text)?;
            if matches!(path, Path::Claim(_)) {
                return Err("a login reads no claims: they are of the token that it asks for".to_owned());
            }
            if whose(&path) > draft.per {
                return Err(format!(
                    "the login reads {{{text}}}, so its token can't be one for each {}",
                    draft.per.as_str()
                ));
            }
            reads.push((text, path));
        }
        if draft.service == Service::Partner && draft.per < Per::Partner {
            return Err(
                "each partner logs in with a secret of its own, so the token can't be the whole backend's".to_owned()
            );
        }
        if let Some(subject) = &draft.subject {
            let least = if subject.claims.reads_key { Per::Key } else { Per::Application };
            if draft.per < least {
                let per = draft.per.as_str();
                return Err(format!(
                    "the subject token names a caller: what it is exchanged for can't be one for each {per}"
                ));
            }
        }
        Ok(Self {
            environment: draft.environment,
            per: draft.per,
            service: draft.service,
            reads,
            attach: Arc::new(draft.attach),
            subject: draft.subject,
            login: draft.login.into(),
            shared: Arc::default(),
            wait_ms: draft.connect_ms.saturating_add(draft.first_byte_ms).min(LONGEST_WAIT_MS),
        })
    }

    /// The header that carries the token.
    pub fn header(&self) -> &http::HeaderName {
        &self.attach.header
    }

    /// How long a call waits for a login, milliseconds.
    pub fn wait_ms(&self) -> u32 {
        self.wait_ms
    }

    /// Who mints what is exchanged.
    pub(crate) fn subject(&self) -> Option<&MintPolicy> {
        self.subject.as_ref()
    }

    /// Whether each key has a token of its own.
    fn is_per_key(&self) -> bool {
        self.per == Per::Key
    }
}

/// Ask for the token of this caller at this backend. What a backend has `refused` is not given again, and is fetched anew at most
/// once in ten seconds.
///
/// The error says why no login can be made for this caller, whatever the endpoint would say.
pub fn ask(
    policy: &LoginPolicy,
    minting: &Minting<'_>,
    now: Monotonic,
    refused: Option<&HeaderValue>,
) -> Result<Asked, Unfit> {
    let service = service(policy, minting)?;
    let plan = minting.caller.application.plan.and_then(|id| minting.snapshot.plan(id)).and_then(Known::understood);
    let basis = basis(policy, minting, plan, service);
    let slot = slot(policy, minting);
    slot.ask(Lookup { basis, now, refused, attach: &policy.attach }, |flight, refresh| {
        order::build(policy, minting, plan, service, flight, refresh)
    })
}

/// The slot of this identity at this backend. It is a part of the identity, so that it ends with it.
fn slot<'m>(policy: &'m LoginPolicy, minting: &Minting<'m>) -> Arc<Slot> {
    let backend = minting.backend.id;
    match policy.per {
        Per::Backend => Arc::clone(&policy.shared),
        Per::Partner => minting.caller.partner.logins.of((backend, policy.environment, None)),
        Per::Application => minting.caller.application.logins.of((backend, policy.environment, None)),
        Per::Key => minting.caller.application.logins.of((backend, policy.environment, Some(minting.identity.key.kid))),
    }
}

fn service<'m>(policy: &LoginPolicy, minting: &Minting<'m>) -> Result<Option<&'m Arc<ServiceCredential>>, Unfit> {
    let partner = match policy.service {
        Service::None => return Ok(None),
        Service::Shared => None,
        Service::Partner => Some(minting.caller.partner.id),
    };
    let found = minting.snapshot.service_credential(minting.backend.id, policy.environment, partner);
    found.map(Some).ok_or_else(|| Unfit::no_service(minting, partner.is_some()))
}

/// The versions of everything that a login depends on, but for what holds the slot.
fn basis(
    policy: &LoginPolicy,
    minting: &Minting<'_>,
    plan: Option<&Arc<Plan>>,
    service: Option<&Arc<ServiceCredential>>,
) -> Basis {
    let issuer = policy.subject.as_ref().and_then(|subject| minting.snapshot.issuer(subject.issuer));
    Basis {
        backend: Some(minting.backend.version),
        partner: (policy.per >= Per::Partner).then_some(minting.caller.partner.version),
        key: policy.is_per_key().then_some(minting.identity.key.version),
        plan: plan.filter(|_| policy.is_per_key()).map(|plan| plan.version),
        issuer: issuer.and_then(Known::understood).map(|issuer| issuer.version),
        service: service.map(|service| service.version),
    }
}

/// The widest that a token may be shared which depends on this value.
fn whose(path: &Path) -> Per {
    match path {
        Path::PartnerId | Path::PartnerName | Path::PartnerMetadata(_) => Per::Partner,
        Path::ApplicationId | Path::ApplicationName | Path::ApplicationEnvironment | Path::ApplicationMetadata(_) => {
            Per::Application
        }
        // Of a claim nobody knows whose it is; a login that reads one is refused.
        Path::KeyKid | Path::KeyName | Path::KeyScopes | Path::Claim(_) => Per::Key,
    }
}
