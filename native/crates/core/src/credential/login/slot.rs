//! One identity's token at one backend: held, waited for by all that need it, fetched by one.

use super::attach::Attach;
use super::order::{Order, Unfit};
use crate::secret::Secret;
use crate::snapshot::Version;
use crate::time::Monotonic;
use http::HeaderValue;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// After a refusal of its token by the backend, the next one is fetched at most this often.
const REFUSED_AGAIN: u64 = 10_000_000_000;
/// How long nobody logs in after the first failure, and at most; in milliseconds.
const PAUSES: (u64, u64) = (500, 30_000);
/// The same where the endpoint refused the credential: asking again and again locks accounts.
const PAUSES_OF_REFUSED: (u64, u64) = (5_000, 300_000);

/// What a token was fetched with: one that was fetched with anything else is worth nothing.
#[derive(Default, Clone, PartialEq, Eq)]
pub(super) struct Basis {
    pub(super) backend: Option<Version>,
    pub(super) partner: Option<Version>,
    pub(super) key: Option<Version>,
    pub(super) plan: Option<Version>,
    pub(super) issuer: Option<Version>,
    pub(super) service: Option<Version>,
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The endpoint said no: another try says the same until somebody changes something.
    Refused,
    /// Anything else.
    Failed,
}

/// What asking for a token came to.
pub enum Asked {
    /// Attach this.
    Held(HeaderValue),
    /// Attach this, and have the order carried out: it is time for the next one.
    Renew(HeaderValue, Box<Order>),
    /// Somebody fetches it already.
    Wait(Arc<Flight>),
    /// Have the order carried out, and wait for its flight.
    Begin(Box<Order>),
    /// It failed a moment ago, and is not tried again for so many seconds.
    NotNow(u32),
    /// The backend refused a token that had just been fetched: another one would fare no better.
    RefusedAgain,
}

/// The place of a token.
#[derive(Default)]
pub struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    basis: Basis,
    token: Option<Held>,
    refresh: Option<Secret>,
    flight: Option<Arc<Flight>>,
    failures: u32,
    not_before: Monotonic,
    refused_at: Option<Monotonic>,
}

struct Held {
    value: HeaderValue,
    renew_at: Monotonic,
    ends_at: Monotonic,
}

pub(super) struct Lookup<'l> {
    pub(super) basis: Basis,
    pub(super) now: Monotonic,
    pub(super) refused: Option<&'l HeaderValue>,
    pub(super) attach: &'l Arc<Attach>,
}

impl Slot {
    /// `order` is called where a login is to begin; what it says of a login that can't be made is no matter while a token is held.
    pub(super) fn ask(
        self: &Arc<Self>,
        lookup: Lookup<'_>,
        order: impl FnOnce(Arc<Flight>, Option<Secret>) -> Result<Order, Unfit>,
    ) -> Result<Asked, Unfit> {
        let Lookup { basis, now, refused, attach } = lookup;
        let mut state = self.lock();
        if state.basis != basis {
            // Whoever waits for a login by what was before is served by its flight.
            *state = State { basis, ..State::default() };
        }
        if let Some(refused) = refused {
            match state.is_refused(refused, now) {
                Refusal::OfAnother => {}
                Refusal::Known => return Ok(Asked::RefusedAgain),
                Refusal::New => {
                    state.token = None;
                    // What it was refreshed from may be as worthless.
                    state.refresh = None;
                    state.refused_at = Some(now);
                }
            }
        }
        let held = state.token.as_ref().filter(|token| now < token.ends_at);
        let (value, due) = held.map_or((None, true), |token| (Some(token.value.clone()), now >= token.renew_at));
        let value = match value {
            Some(value) if !due || state.flight.is_some() || now < state.not_before => return Ok(Asked::Held(value)),
            value => value,
        };
        if let Some(flight) = &state.flight {
            return Ok(Asked::Wait(Arc::clone(flight)));
        }
        if now < state.not_before {
            return Ok(Asked::NotNow(seconds_until(state.not_before, now)));
        }
        let flight = Arc::new(Flight {
            slot: Arc::clone(self),
            attach: Arc::clone(attach),
            outcome: Mutex::new(Outcome::Waited(Vec::new())),
        });
        match (order(Arc::clone(&flight), state.refresh.clone()), value) {
            (Ok(order), value) => {
                state.flight = Some(flight);
                let order = Box::new(order);
                Ok(match value {
                    Some(value) => Asked::Renew(value, order),
                    None => Asked::Begin(order),
                })
            }
            (Err(_), Some(value)) => Ok(Asked::Held(value)),
            (Err(unfit), None) => Err(unfit),
        }
    }

    /// Whether something would be lost with it.
    pub(super) fn holds_something(&self) -> bool {
        let state = self.lock();
        state.token.is_some() || state.flight.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Refusal {
    /// The token that was refused is not the one that is held.
    OfAnother,
    /// A token was refused a moment ago, and this is the one that took its place.
    Known,
    New,
}

impl State {
    fn is_refused(&self, refused: &HeaderValue, now: Monotonic) -> Refusal {
        let held = self.token.as_ref().is_some_and(|token| token.value == *refused);
        if !held {
            return Refusal::OfAnother;
        }
        match self.refused_at {
            Some(before) if now.0 < before.0 + REFUSED_AGAIN => Refusal::Known,
            _ => Refusal::New,
        }
    }
}

/// A login on its way. All that need its token wait for it.
pub struct Flight {
    slot: Arc<Slot>,
    attach: Arc<Attach>,
    outcome: Mutex<Outcome>,
}

enum Outcome {
    Waited(Vec<Waker>),
    /// The header's value, or after how many seconds the next login may begin.
    Settled(Result<HeaderValue, u32>),
}

impl Flight {
    /// Whether it has ended, and with what.
    pub fn poll(&self, context: &Context<'_>) -> Poll<Result<HeaderValue, u32>> {
        match &mut *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) {
            Outcome::Settled(outcome) => Poll::Ready(outcome.clone()),
            Outcome::Waited(wakers) => {
                if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                    wakers.push(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// A token came, and is good for so long. The error says what is wrong with it; then the flight is still to be settled.
    pub fn arrived(
        self: &Arc<Self>,
        token: &str,
        life: Duration,
        refresh: Option<Secret>,
        now: Monotonic,
    ) -> Result<(), &'static str> {
        let value = self.attach.value(token)?;
        let life = life.as_nanos().min(u128::from(u64::MAX / 4)) as u64;
        if life == 0 {
            return Err("the token has ended already");
        }
        {
            let mut state = self.slot.lock();
            if state.is_waited_for(self) {
                state.flight = None;
                state.failures = 0;
                state.not_before = Monotonic(0);
                state.refresh = refresh;
                state.token = Some(Held {
                    value: value.clone(),
                    renew_at: Monotonic(now.0 + life / 5 * 4),
                    ends_at: Monotonic(now.0 + life),
                });
            }
        }
        self.settle(Ok(value));
        Ok(())
    }

    /// No token came. `chance` spreads those that try again: any number below 1,000.
    pub fn failed(self: &Arc<Self>, failure: Failure, now: Monotonic, chance: u64) {
        let mut seconds = 1;
        {
            let mut state = self.slot.lock();
            if state.is_waited_for(self) {
                state.flight = None;
                state.refresh = None;
                let pause = pause_ms(failure, state.failures, chance);
                state.failures = state.failures.saturating_add(1);
                state.not_before = Monotonic(now.0 + pause * 1_000_000);
                seconds = seconds_until(state.not_before, now);
            }
        }
        self.settle(Err(seconds));
    }

    fn settle(&self, outcome: Result<HeaderValue, u32>) {
        let before = {
            let mut place = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *place, Outcome::Settled(outcome))
        };
        if let Outcome::Waited(wakers) = before {
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl State {
    /// Not where the slot has begun anew meanwhile.
    fn is_waited_for(&self, flight: &Arc<Flight>) -> bool {
        self.flight.as_ref().is_some_and(|own| Arc::ptr_eq(own, flight))
    }
}

/// Twice as long each time, and somewhere between half of that and all of it.
fn pause_ms(failure: Failure, failures: u32, chance: u64) -> u64 {
    let (first, most) = match failure {
        Failure::Refused => PAUSES_OF_REFUSED,
        Failure::Failed => PAUSES,
    };
    let whole = first.saturating_mul(1 << failures.min(20)).min(most);
    whole / 2 + whole / 2 * chance.min(1_000) / 1_000
}

fn seconds_until(then: Monotonic, now: Monotonic) -> u32 {
    (then.0.saturating_sub(now.0).div_ceil(1_000_000_000) as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_are_spread() {
        let whole = |failure, failures| pause_ms(failure, failures, 1_000);
        assert_eq!([0, 1, 2, 10, 1_000].map(|n| whole(Failure::Failed, n)), [500, 1_000, 2_000, 30_000, 30_000]);
        assert_eq!([0, 1, 50].map(|n| whole(Failure::Refused, n)), [5_000, 10_000, 300_000]);
        assert_eq!([0, 500, 1_000].map(|chance| pause_ms(Failure::Failed, 1, chance)), [500, 750, 1_000]);
    }
}
