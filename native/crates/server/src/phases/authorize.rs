//! May this caller use this route from here?

use super::record::Call;
use portazgo_core::authenticate::Identity;
use portazgo_core::authorize::{self, Authorized, Caller, Peer};
use portazgo_core::fault::Fault;
use portazgo_core::record::{Environment, Phase};
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{self, Route, Snapshot};

/// Who an identity belongs to; noted in the record, whatever comes after.
pub(super) fn caller<'s>(
    call: &mut Call,
    identity: &Identity<'s>,
    snapshot: &'s Snapshot,
) -> Result<Caller<'s>, Fault> {
    let caller = authorize::caller(identity, snapshot)?;
    let record = call.record();
    record.partner = caller.partner.id;
    record.application = caller.application.id;
    record.environment = match caller.application.environment {
        snapshot::Environment::Live => Environment::Live,
        snapshot::Environment::Test => Environment::Test,
    };
    Ok(caller)
}

/// Decide, and note the plan.
pub(super) fn permit<'s>(
    call: &mut Call,
    caller: &Caller<'_>,
    identity: &Identity<'_>,
    route: &'s Route,
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
    peer: Peer<'_>,
) -> Result<Authorized<'s>, Fault> {
    call.reached(Phase::Authorize);
    let authorized = authorize::authorize(caller, identity, route, snapshot, lane, peer)?;
    call.record().plan = authorized.plan.id;
    Ok(authorized)
}
