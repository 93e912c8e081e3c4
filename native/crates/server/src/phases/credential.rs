//! Attach the backend's JWT. Nothing of the partner's key goes any further.

use super::record::Call;
use super::transform_request::Outgoing;
use crate::thread::Thread;
use http::header;
use portazgo_core::authenticate::Identity;
use portazgo_core::authorize::{Authorized, Caller};
use portazgo_core::credential::{self, CredentialPolicy, Minting};
use portazgo_core::fault::Fault;
use portazgo_core::record::Phase;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::Snapshot;

#[allow(clippy::too_many_arguments, reason = "each is a part of what a token depends on, and none belongs to another")]
pub(super) fn attach(
    thread: &Thread,
    call: &mut Call,
    outgoing: &mut Outgoing,
    caller: &Caller<'_>,
    identity: &Identity<'_>,
    authorized: &Authorized<'_>,
    snapshot: &Snapshot,
    lane: &SecurityLane,
) -> Result<(), Fault> {
    call.reached_too(Phase::Credential);
    let policy = match &authorized.backend_environment(caller).credential {
        CredentialPolicy::None => return Ok(()),
        CredentialPolicy::Mint(policy) => policy,
    };
    let minting = Minting { caller, identity, backend: authorized.backend, snapshot, lane };
    let random = || u128::from_le_bytes(thread.random.bytes());
    let value = credential::authorization(policy, &minting, call.wall(), random)?;
    outgoing.headers.insert(header::AUTHORIZATION, value);
    Ok(())
}
