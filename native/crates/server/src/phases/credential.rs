//! Attach the backend's token: one that we mint, or one that the node process fetches. Nothing of the partner's key goes any further.

use super::Refusal;
use super::record::Call;
use super::transform_request::Outgoing;
use crate::thread::Thread;
use http::{HeaderValue, header};
use portazgo_core::authorize::Authorized;
use portazgo_core::credential::login::{self, Asked, Flight, LoginPolicy, Unfit};
use portazgo_core::credential::{self, CredentialPolicy, Found, MintPolicy, Minting, NotMade, Order, Wait};
use portazgo_core::fault::Fault;
use portazgo_core::record::Phase;
use portazgo_core::time::Monotonic;
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How long a call waits for a token that is being signed: the longest queue takes less.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// The backend's token for one call, over all of its tries.
pub(super) struct Bearer<'b> {
    thread: &'b Thread,
    policy: &'b CredentialPolicy,
    minting: Minting<'b>,
    /// What the next try carries.
    token: RefCell<Option<HeaderValue>>,
    /// A try has carried it: by the next one it may have aged.
    carried: Cell<bool>,
}

impl<'b> Bearer<'b> {
    pub(super) fn of(thread: &'b Thread, authorized: &Authorized<'b>, minting: Minting<'b>) -> Self {
        let policy = &authorized.backend_environment(minting.caller).credential;
        Self { thread, policy, minting, token: RefCell::default(), carried: Cell::new(false) }
    }

    /// Have the token at hand before the first try. Nearly always it is there; the first call of an identity signs it, and
    /// waits where that is dear or somebody else does it.
    pub(super) async fn prepare(&self, call: &mut Call) -> Result<(), Refusal> {
        let CredentialPolicy::Mint(policy) = self.policy else {
            return Ok(());
        };
        let token = match self.find(policy, call)? {
            Ok(token) => token,
            // Boxed: waiting is rare, and what it needs would make every call's future larger.
            Err(unsigned) => Box::pin(self.signed_elsewhere(policy, call, unsigned)).await?,
        };
        self.token.replace(Some(token));
        Ok(())
    }

    /// Put it into a request. `fetched`: the value of a token that a login brought.
    pub(super) fn attach(
        &self,
        call: &mut Call,
        outgoing: &mut Outgoing,
        fetched: Option<&HeaderValue>,
    ) -> Result<(), Fault> {
        call.reached_too(Phase::Credential);
        let policy = match self.policy {
            CredentialPolicy::None => return Ok(()),
            CredentialPolicy::Mint(policy) => policy,
            CredentialPolicy::Login(policy) => {
                let value = fetched.ok_or(Fault::TokenExchangeFailed)?;
                outgoing.headers.insert(policy.header().clone(), value.clone());
                return Ok(());
            }
        };
        if self.carried.replace(true) {
            self.renew_if_aged(policy, call)?;
        }
        if let Some(token) = self.token.borrow().as_ref() {
            outgoing.headers.insert(header::AUTHORIZATION, token.clone());
        }
        Ok(())
    }

    /// The backend refused it. True: another one is at hand, worth one more try.
    pub(super) async fn refused(&self, call: &mut Call) -> bool {
        let CredentialPolicy::Mint(policy) = self.policy else {
            return false;
        };
        let Some(token) = self.token.take() else {
            return false;
        };
        if !credential::refused(policy, &self.minting, &token, call.wall()) {
            return false;
        }
        self.thread.shared.signing.note_refused();
        self.carried.set(false);
        self.prepare(call).await.is_ok()
    }

    /// A try that comes late carries the token of its own time. It waits for nobody: hardly one call in a million is here.
    fn renew_if_aged(&self, policy: &MintPolicy, call: &mut Call) -> Result<(), Fault> {
        let token = match self.find(policy, call)? {
            Ok(token) => token,
            Err(Unsigned::Ordered(order)) => self.thread.shared.signing.carry_out(order)?,
            Err(Unsigned::Awaited(_)) => return Ok(()),
        };
        self.token.replace(Some(token));
        Ok(())
    }

    /// The token, as far as it can be had without waiting.
    fn find(&self, policy: &MintPolicy, call: &Call) -> Result<Result<HeaderValue, Unsigned>, Fault> {
        let signing = &self.thread.shared.signing;
        let random = || u128::from_le_bytes(self.thread.random.bytes());
        match credential::find(policy, &self.minting, call.wall(), random) {
            Ok(Found::Token(token)) => Ok(Ok(token)),
            Ok(Found::Ageing(token, order)) => {
                // Without room for it the next call orders again; the token is good for a while.
                signing.order(order);
                Ok(Ok(token))
            }
            Ok(Found::Missing(order)) if order.is_dear() => Ok(Err(Unsigned::Ordered(order))),
            Ok(Found::Missing(order)) => signing.carry_out(order).map(Ok),
            Ok(Found::Awaited(wait)) => Ok(Err(Unsigned::Awaited(wait))),
            Err(NotMade { fault, why }) => {
                let Minting { caller, backend, .. } = self.minting;
                signing.note_trouble(&backend.name, &caller.application.name, &why, call.at());
                Err(fault)
            }
        }
    }

    async fn signed_elsewhere(
        &self,
        policy: &MintPolicy,
        call: &mut Call,
        mut unsigned: Unsigned,
    ) -> Result<HeaderValue, Refusal> {
        // The wait is the credential's, though the request is put together after it.
        call.reached_too(Phase::TransformRequest);
        call.reached_too(Phase::Credential);
        let until = Monotonic(call.at().0 + LONGEST_WAIT.as_nanos() as u64);
        loop {
            let wait = match unsigned {
                Unsigned::Awaited(wait) => wait,
                Unsigned::Ordered(order) => {
                    let wait = order.wait();
                    if !self.thread.shared.signing.order(order) {
                        return Err(Fault::GatewayOverloaded.into());
                    }
                    wait
                }
            };
            let came = self.thread.deadlines.within(until, pin!(wait)).await;
            call.read_clock();
            came.ok_or(Fault::TokenMintFailed)?;
            unsigned = match self.find(policy, call)? {
                Ok(token) => return Ok(token),
                Err(unsigned) => unsigned,
            };
        }
    }
}

/// A token that is not there yet.
enum Unsigned {
    /// Ours to have signed.
    Ordered(Order),
    /// Somebody else's.
    Awaited(Wait),
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
    let outcome = thread.deadlines.within(until, pin!(flight.outcome())).await;
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
