//! What a resource names must be there: a node that finds a hole at request time could only refuse.
//!
//! Looks at what an update put; at everything of a kind only where something that it may name has gone.

use super::super::compile::LOOKUP_KEY;
use super::super::update::Refused;
use super::super::{FoundKey, Key, Known, SecretDigest, Snapshot};
use crate::ids::{Id, Kid};
use std::collections::BTreeSet;

/// What an update has put and taken away.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) applications: Vec<Id>,
    pub(super) keys: Vec<Kid>,
    pub(super) backends: Vec<Id>,
    pub(super) placed_routes: Vec<Id>,
    pub(super) signing_keys: Vec<String>,
    /// Applications that went.
    pub(super) gone_applications: Vec<Id>,
    /// Kinds of which something went.
    pub(super) gone: BTreeSet<Kind>,
    /// The matcher has to be built anew.
    pub(super) routes: bool,
    /// The published documents have to be built anew.
    pub(super) signing: bool,
}

/// What others refer to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Partner,
    Plan,
    Backend,
    Issuer,
    Pepper,
    LookupKey,
}

/// Check the snapshot that came of it.
pub(super) fn check(snapshot: &Snapshot, touched: &Touched) -> Result<(), Refused> {
    let gone = |kind| touched.gone.contains(&kind);
    for id in &touched.applications {
        application(snapshot, *id)?;
    }
    if gone(Kind::Partner) || gone(Kind::Plan) {
        snapshot.applications.iter().try_for_each(|(id, _)| application(snapshot, *id))?;
    }
    for kid in &touched.keys {
        if let Some(FoundKey::Understood(one)) = snapshot.keys.get(kid) {
            key(snapshot, one)?;
        }
    }
    let has_keys = |id: &Id| !snapshot.applications.contains(id) && snapshot.keys.has_of(*id);
    // One that went and has keys is refused: only then all keys are looked at, to name one.
    if touched.gone_applications.iter().any(has_keys) || gone(Kind::Pepper) || gone(Kind::LookupKey) {
        snapshot.keys.known().try_for_each(|one| key(snapshot, one))?;
    }
    for id in &touched.placed_routes {
        route(snapshot, *id)?;
    }
    if gone(Kind::Backend) {
        snapshot.routes_by_id.keys().try_for_each(|id| route(snapshot, *id))?;
    }
    for id in &touched.backends {
        backend(snapshot, *id)?;
    }
    for kid in &touched.signing_keys {
        signing_key(snapshot, kid)?;
    }
    if gone(Kind::Issuer) {
        snapshot.backends.keys().try_for_each(|id| backend(snapshot, *id))?;
        snapshot.signing_keys.keys().try_for_each(|kid| signing_key(snapshot, kid))?;
    }
    Ok(())
}

fn application(snapshot: &Snapshot, id: Id) -> Result<(), Refused> {
    let Some(Known::Yes(application)) = snapshot.applications.get(&id) else {
        return Ok(());
    };
    let place = |member| format!("application/{id}/{member}");
    there(snapshot.partners.contains(&application.partner), place("partner"), "partner", application.partner)?;
    application.plan.map_or(Ok(()), |plan| there(snapshot.plans.contains_key(&plan), place("plan"), "plan", plan))
}

fn key(snapshot: &Snapshot, key: &Key) -> Result<(), Refused> {
    let place = |member| format!("key/{}/{member}", key.kid.as_str().unwrap_or_default());
    if !snapshot.applications.contains(&key.application) {
        return there(false, place("application"), "application", key.application);
    }
    match missing_pepper(snapshot, key) {
        Some(pepper) => there(false, place("secrets"), "pepper", pepper),
        None => imported(snapshot, key),
    }
}

/// What another system made is found by one key only, and only with the look-up key.
fn imported(snapshot: &Snapshot, key: &Key) -> Result<(), Refused> {
    let place = || format!("key/{}/secrets", key.kid.as_str().unwrap_or_default());
    if key.imported().is_empty() {
        return Ok(());
    }
    there(snapshot.lookup_key.is_some(), place(), "lookup_key", LOOKUP_KEY)?;
    let owner = |lookup: &[u8; 32]| snapshot.keys.imported(lookup).map(|(kid, _)| kid);
    if key.imported().iter().all(|one| owner(&one.lookup) == Some(key.kid)) {
        return Ok(());
    }
    Err(Refused::new(place(), "another key has the same imported secret"))
}

fn missing_pepper(snapshot: &Snapshot, key: &Key) -> Option<u32> {
    key.secrets().map(SecretDigest::pepper).find(|pepper| !snapshot.peppers.contains_key(pepper))
}

fn route(snapshot: &Snapshot, id: Id) -> Result<(), Refused> {
    match snapshot.routes_by_id.get(&id).and_then(|route| route.action.as_ref()) {
        Some(action) => {
            let known = snapshot.backends.contains_key(&action.backend);
            there(known, format!("route/{id}/backend"), "backend", action.backend)
        }
        None => Ok(()),
    }
}

fn backend(snapshot: &Snapshot, id: Id) -> Result<(), Refused> {
    let Some(Known::Yes(backend)) = snapshot.backends.get(&id) else {
        return Ok(());
    };
    let missing = backend.issuers().find(|issuer| !snapshot.issuers.contains_key(issuer));
    missing.map_or(Ok(()), |issuer| there(false, format!("backend/{id}/environments"), "issuer", issuer))
}

fn signing_key(snapshot: &Snapshot, kid: &str) -> Result<(), Refused> {
    match snapshot.signing_keys.get(kid) {
        Some(key) if !key.outdated => {
            let known = snapshot.issuers.contains_key(&key.issuer);
            there(known, format!("signing_key/{kid}/issuer"), "issuer", key.issuer)
        }
        _ => Ok(()),
    }
}

fn there(known: bool, place: String, kind: &str, id: impl std::fmt::Display) -> Result<(), Refused> {
    if known { Ok(()) } else { Err(Refused::new(place, format!("there is no {kind} {id}"))) }
}
