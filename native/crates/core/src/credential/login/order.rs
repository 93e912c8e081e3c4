//! What the node process needs to log in for one identity.

use super::slot::Flight;
use super::{LoginPolicy, Per};
use crate::credential::Minting;
use crate::credential::order::{with_ours, written};
use crate::credential::template::{Source as _, Values};
use crate::fault::Fault;
use crate::ids::Id;
use crate::secret::Secret;
use crate::snapshot::{Environment, Known, Plan, ServiceCredential, SigningKey};
use crate::time::WallTime;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// One login to be made. Its flight must be settled, whatever happens.
pub struct Order {
    /// Who waits for it.
    pub flight: Arc<Flight>,
    /// At which backend.
    pub backend: Id,
    /// Its name.
    pub backend_name: String,
    /// In which environment.
    pub environment: Environment,
    /// For whom, in words: `partner acme`.
    pub whose: String,
    login: Arc<str>,
    values: Map<String, Value>,
    service: Option<Arc<ServiceCredential>>,
    subject: Option<Subject>,
    refresh: Option<Secret>,
}

/// A subject token before it is signed: that is done where the order is taken, off the data threads.
struct Subject {
    signing_key: Arc<SigningKey>,
    issuer: String,
    claims: Map<String, Value>,
    audience: String,
    life_seconds: u32,
}

/// What has to be said of a login that can't be made for a caller.
#[derive(Debug)]
pub struct Unfit {
    /// The fault of the call.
    pub fault: Fault,
    /// In words, for the operator.
    pub why: String,
}

impl Unfit {
    fn new(why: impl Into<String>) -> Self {
        Self { fault: Fault::TokenExchangeFailed, why: why.into() }
    }

    pub(super) fn no_service(minting: &Minting<'_>, of_partner: bool) -> Self {
        let whose = if of_partner { format!("the partner {}", minting.caller.partner.name) } else { "it".to_owned() };
        Self::new(format!("no service credential is set for {whose}: `portazgo backend credential set`"))
    }
}

impl From<Fault> for Unfit {
    fn from(fault: Fault) -> Self {
        let fault = if fault == Fault::TokenMintFailed { Fault::TokenExchangeFailed } else { fault };
        Self { fault, why: "no key signs the subject token".to_owned() }
    }
}

pub(super) fn build(
    policy: &LoginPolicy,
    minting: &Minting<'_>,
    plan: Option<&Arc<Plan>>,
    service: Option<&Arc<ServiceCredential>>,
    flight: Arc<Flight>,
    refresh: Option<Secret>,
) -> Result<Order, Unfit> {
    let values = Values { caller: minting.caller, identity: minting.identity, plan: plan.map(Arc::as_ref) };
    let mut read = Map::new();
    for (text, path) in &policy.reads {
        let value = values.value(path).ok_or_else(|| Unfit::new(format!("{{{text}}} has no value for this caller")))?;
        read.insert(text.clone(), value);
    }
    Ok(Order {
        flight,
        backend: minting.backend.id,
        backend_name: minting.backend.name.clone(),
        environment: policy.environment,
        whose: whose(policy.per, minting),
        login: Arc::clone(&policy.login),
        values: read,
        service: service.cloned(),
        subject: subject(policy, minting, &values)?,
        refresh,
    })
}

fn subject(policy: &LoginPolicy, minting: &Minting<'_>, values: &Values<'_>) -> Result<Option<Subject>, Unfit> {
    let Some(mint) = &policy.subject else {
        return Ok(None);
    };
    let signing_key = minting.snapshot.signing_key(mint.issuer, mint.algorithm, minting.lane)?;
    let Some(Known::Yes(issuer)) = minting.snapshot.issuer(mint.issuer) else {
        return Err(Unfit::from(Fault::NodeOutdated));
    };
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), minting.caller.application.id.to_string().into());
    mint.claims
        .fill(values, &mut claims)
        .map_err(|why| Unfit::new(format!("the subject token can't be made: {why}")))?;
    Ok(Some(Subject {
        signing_key: Arc::clone(signing_key),
        issuer: issuer.url.clone(),
        claims,
        audience: mint.audience.clone(),
        life_seconds: mint.life_seconds,
    }))
}

fn whose(per: Per, minting: &Minting<'_>) -> String {
    let (partner, application) = (&minting.caller.partner.name, &minting.caller.application.name);
    match per {
        Per::Backend => "all calls".to_owned(),
        Per::Partner => format!("partner {partner}"),
        Per::Application => format!("application {partner}/{application}"),
        Per::Key => format!("key {} of {partner}/{application}", minting.identity.key.kid.as_str().unwrap_or_default()),
    }
}

impl Order {
    /// What to do, as JSON, without any secret: backend, environment, whose, the login as it was configured, and what it reads.
    pub fn document(&self) -> String {
        // The login is JSON already, and large where it holds certificates.
        let about = json!({
            "backend": self.backend_name,
            "environment": self.environment.as_str(),
            "whose": self.whose,
            "values": self.values,
        });
        let mut text = about.to_string();
        text.truncate(text.len() - 1);
        format!("{text},\"login\":{}}}", self.login)
    }

    /// The service credential: JSON of named values.
    pub fn service(&self) -> Option<&[u8]> {
        self.service.as_ref().map(|service| service.secret.reveal())
    }

    /// What the last login gave to make the next one shorter.
    pub fn refresh(&self) -> Option<&[u8]> {
        self.refresh.as_ref().map(Secret::reveal)
    }

    /// Sign the token that is exchanged; None where none is. The error is for the operator.
    pub fn subject(&self, now: WallTime, random: u128) -> Option<Result<String, &'static str>> {
        let subject = self.subject.as_ref()?;
        let Subject { signing_key, issuer, claims, audience, life_seconds } = subject;
        let whole = with_ours(claims.clone(), issuer, audience, *life_seconds, now.seconds(), random);
        let signed = signing_key.signer.as_ref().and_then(|signer| signer.sign(&written(&whole)?));
        Some(signed.ok_or("the subject token can't be signed"))
    }
}

/// One that says nothing.
#[cfg(test)]
pub(super) fn order_of(flight: Arc<Flight>) -> Order {
    Order {
        flight,
        backend: Id::NONE,
        backend_name: "backend".to_owned(),
        environment: Environment::Live,
        whose: "all calls".to_owned(),
        login: "{}".into(),
        values: Map::new(),
        service: None,
        subject: None,
        refresh: None,
    }
}
