//! Attach the backend's token: one that we mint, or one that the node process fetches. Nothing of the partner's key goes any further.

use super::Refusal;
use super::record::Call;
use super::transform_request::Outgoing;
use crate::thread::Thread;
use http::{HeaderValue, header};
use portazgo_core::authenticate::Identity;
use portazgo_core::authorize::{Authorized, Caller};
use portazgo_core::credential::login::{self, Asked, Flight, LoginPolicy, Unfit};
use portazgo_core::credential::{self, CredentialPolicy, Minting};
use portazgo_core::fault::Fault;
use portazgo_core::record::Phase;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::Snapshot;
use portazgo_core::time::Monotonic;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

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
    fetched: Option<&HeaderValue>,
) -> Result<(), Fault> {
    call.reached_too(Phase::Credential);
    let policy = match &authorized.backend_environment(caller).credential {
        CredentialPolicy::None => return Ok(()),
        CredentialPolicy::Mint(policy) => policy,
        CredentialPolicy::Login(policy) => {
            let value = fetched.ok_or(Fault::TokenExchangeFailed)?;
            outgoing.headers.insert(policy.header().clone(), value.clone());
            return Ok(());
        }
    };
    let minting = Minting { caller, identity, backend: authorized.backend, snapshot, lane };
    let random = || u128::from_le_bytes(thread.random.bytes());
    let value = credential::authorization(policy, &minting, call.wall(), random)?;
    outgoing.headers.insert(header::AUTHORIZATION, value);
    Ok(())
}

/// A fetched token, or the login that will bring it.
pub(super) enum Fetched {
    /// The value of its header.
    Held(HeaderValue),
    /// To be waited for.
    Coming(Arc<Flight>),
}

/// The fetched token for this call: the one that is held, or one that a login brings; all that need the same wait for one login.
/// What the backend has `refused` is not given again.
pub(super) fn fetch(
    thread: &Thread,
    call: &Call,
    policy: &LoginPolicy,
    minting: &Minting<'_>,
    refused: Option<&HeaderValue>,
) -> Result<Fetched, Refusal> {
    let logins = &thread.shared.logins;
    let flight = match login::ask(policy, minting, call.at(), refused) {
        Ok(Asked::Held(value)) => return Ok(Fetched::Held(value)),
        Ok(Asked::Renew(value, order)) => {
            logins.submit(*order, &thread.shared);
            return Ok(Fetched::Held(value));
        }
        Ok(Asked::Begin(order)) => {
            let flight = Arc::clone(&order.flight);
            logins.submit(*order, &thread.shared);
            flight
        }
        Ok(Asked::Wait(flight)) => flight,
        Ok(Asked::NotNow(seconds)) => return Err(not_now(seconds)),
        Ok(Asked::RefusedAgain) => return Err(Fault::Backend4xxOurs.into()),
        Err(unfit) => return Err(note_unfit(thread, minting, &unfit)),
    };
    Ok(Fetched::Coming(flight))
}

/// Wait for a login, for as long as a backend may take to begin an answer, and no longer than five seconds.
pub(super) async fn wait(
    thread: &Thread,
    call: &mut Call,
    policy: &LoginPolicy,
    flight: &Flight,
) -> Result<HeaderValue, Refusal> {
    // The wait is the credential's, though the request is put together after it.
    call.reached_too(Phase::TransformRequest);
    call.reached_too(Phase::Credential);
    let until = Monotonic(call.at().0 + u64::from(policy.wait_ms()) * 1_000_000);
    let outcome = thread.deadlines.within(until, pin!(poll_fn(|context| flight.poll(context)))).await;
    call.read_clock();
    match outcome {
        Some(Ok(value)) => Ok(value),
        Some(Err(seconds)) => Err(not_now(seconds)),
        None => Err(Fault::TokenExchangeTimeout.into()),
    }
}

/// The token that takes the place of a refused one; None where none is to be had.
pub(super) async fn renewed(
    thread: &Thread,
    call: &mut Call,
    policy: &LoginPolicy,
    fetched: Result<Fetched, Refusal>,
) -> Option<HeaderValue> {
    match fetched.ok()? {
        Fetched::Held(value) => Some(value),
        Fetched::Coming(flight) => wait(thread, call, policy, &flight).await.ok(),
    }
}

fn not_now(seconds: u32) -> Refusal {
    let mut refusal = Refusal::from(Fault::TokenExchangeFailed);
    refusal.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    refusal
}

fn note_unfit(thread: &Thread, minting: &Minting<'_>, unfit: &Unfit) -> Refusal {
    let (caller, backend) = (minting.caller, minting.backend);
    let whose = format!("application {}/{}", caller.partner.name, caller.application.name);
    let environment = caller.application.environment;
    thread.shared.logins.unfit((backend.id, &backend.name), environment, &whose, &unfit.why, &thread.shared);
    unfit.fault.into()
}
