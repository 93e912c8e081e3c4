//! May this caller use this route from here? A denial takes nothing from any throttle.

use crate::authenticate::Identity;
use crate::fault::Fault;
use crate::security::SecurityLane;
use crate::snapshot::{
    Application, Backend, BackendEnvironment, Fingerprint, Known, Partner, Plan, Route, RouteAction, Snapshot,
};
use std::net::IpAddr;

/// What the connection tells of a caller.
#[derive(Clone, Copy)]
pub struct Peer<'c> {
    /// Its address.
    pub address: IpAddr,
    /// The certificate that it proved to hold in the TLS handshake with us; a proxy's word about one is none.
    pub certificate: Option<&'c Fingerprint>,
}

/// A caller with everything that belongs to it.
#[derive(Clone, Copy)]
pub struct Caller<'s> {
    /// The application of the key.
    pub application: &'s Application,
    /// The partner of the application.
    pub partner: &'s Partner,
}

/// A call that may go on.
pub struct Authorized<'s> {
    /// What the route does.
    pub action: &'s RouteAction,
    /// The plan that admits it.
    pub plan: &'s Plan,
    /// The backend.
    pub backend: &'s Backend,
}

impl<'s> Authorized<'s> {
    /// The backend in the caller's environment; `authorize` has made sure that there is one.
    pub fn backend_environment(&self, caller: &Caller<'_>) -> &'s BackendEnvironment {
        self.backend
            .environment(caller.application.environment)
            .expect("authorize refused calls without this environment")
    }
}

/// The application and partner of an identity. `NodeOutdated` when this node can't understand the partner.
pub fn caller<'s>(identity: &Identity<'s>, snapshot: &'s Snapshot) -> Result<Caller<'s>, Fault> {
    let application = identity.application;
    let partner = understood(snapshot.partner(application.partner))?;
    Ok(Caller { application, partner })
}

/// May this caller call at all, from here? Partner and application are active, the address is in the key's networks, and the
/// certificate one of those that the key is bound to.
pub fn standing(
    caller: &Caller<'_>,
    identity: &Identity<'_>,
    snapshot: &Snapshot,
    lane: &SecurityLane,
    peer: Peer<'_>,
) -> Result<(), Fault> {
    let key = identity.key;
    if !caller.partner.active {
        return Err(Fault::PartnerSuspended);
    }
    if !caller.application.active {
        return Err(Fault::ApplicationSuspended);
    }
    if let Some(fault) =
        lane.caller_denial(caller.partner.id, caller.application.id, key.kid, peer.address, snapshot.revision)
    {
        return Err(fault);
    }
    if key.networks().is_some_and(|networks| !networks.iter().any(|network| network.contains(peer.address))) {
        return Err(Fault::KeyNetworkDenied);
    }
    match key.client_certificates() {
        Some(bound) if !peer.certificate.is_some_and(|shown| bound.contains(shown)) => Err(Fault::KeyCertificateDenied),
        _ => Ok(()),
    }
}

/// Decide. The order is: standing, network, certificate, plan, scopes, routes of the key, environment.
pub fn authorize<'s>(
    caller: &Caller<'_>,
    identity: &Identity<'_>,
    route: &'s Route,
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
    peer: Peer<'_>,
) -> Result<Authorized<'s>, Fault> {
    standing(caller, identity, snapshot, lane, peer)?;
    let action = route.action.as_ref().ok_or(Fault::NodeOutdated)?;
    let plan = match caller.application.plan {
        Some(id) => understood(snapshot.plan(id))?,
        None => return Err(Fault::PlanMissing),
    };
    if !plan.apis.contains(&route.api) {
        return Err(Fault::PlanMissing);
    }
    if !covers(plan.scopes.as_deref(), &action.scopes) || !covers(identity.key.scopes(), &action.scopes) {
        return Err(Fault::ScopeMissing);
    }
    snapshot.opens(identity.key, route.id)?;
    let backend = understood(snapshot.backend(action.backend))?;
    let environment = caller.application.environment;
    if !action.environments.contains(&environment) || backend.environment(environment).is_none() {
        return Err(Fault::EnvironmentUnavailable);
    }
    Ok(Authorized { action, plan, backend })
}

/// None grants all; otherwise every wanted scope must be granted, so that plan and key together never reach further than
/// each of them. A route without scopes is open to every holder.
fn covers(granted: Option<&[String]>, wanted: &[String]) -> bool {
    match granted {
        None => true,
        Some(granted) => wanted.iter().all(|scope| granted.contains(scope)),
    }
}

fn understood<T>(known: Option<&Known<T>>) -> Result<&T, Fault> {
    match known {
        Some(Known::Yes(inner)) => Ok(inner),
        // A hole is refused like a resource from the future: never guessed.
        Some(Known::Outdated) | None => Err(Fault::NodeOutdated),
    }
}
