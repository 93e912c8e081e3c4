//! One identity's token at one backend: held, waited for by all that need it, fetched by one.

use super::attach::Attach;
use super::order::{Order, Unfit};
use crate::secret::Secret;
use crate::snapshot::Version;
use crate::time::Monotonic;
use hashbrown::HashMap;
use http::HeaderValue;
use std::future::Future;
use std::pin::Pin;
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
    /// By the backend, on somebody's call. Others go on with it until the next one is here: what was refused may have been that
    /// caller, and a token that many share is worth more than one call.
    refused: bool,
}

/// What would be lost with a slot, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    Nothing,
    /// One login.
    Token,
    /// A login that is under way, and its token.
    Flight,
    /// That nobody logs in for a while: a credential that is refused again and again gets its account locked.
    Pause,
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
            if state.is_refused_again(refused, now) {
                return Ok(Asked::RefusedAgain);
            }
            state.note_refused(refused, now);
        }
        let held = state.token.as_ref().filter(|token| now < token.ends_at && Some(&token.value) != refused);
        let (value, due) = held.map_or((None, true), |token| (Some(token.value.clone()), token.is_due(now)));
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
            outcome: Mutex::new(Outcome::Waited(Waiters::default())),
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

    /// What would be lost with it.
    pub(super) fn worth(&self) -> Worth {
        let state = self.lock();
        match (state.failures, &state.flight, &state.token) {
            (1.., _, _) => Worth::Pause,
            (_, Some(_), _) => Worth::Flight,
            (_, _, Some(_)) => Worth::Token,
            _ => Worth::Nothing,
        }
    }

    #[cfg(test)]
    pub(super) fn has_failed(&self) {
        self.lock().failures = 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a token was refused a moment ago, and this is the one that took its place.
    fn is_refused_again(&self, refused: &HeaderValue, now: Monotonic) -> bool {
        let lately = self.refused_at.is_some_and(|before| now.0 < before.0 + REFUSED_AGAIN);
        lately && self.token.as_ref().is_some_and(|token| token.value == *refused && !token.refused)
    }

    fn note_refused(&mut self, refused: &HeaderValue, now: Monotonic) {
        // One that is not held any more was replaced already.
        if let Some(token) = self.token.as_mut().filter(|token| token.value == *refused && !token.refused) {
            token.refused = true;
            // What it was refreshed from may be as worthless.
            self.refresh = None;
            self.refused_at = Some(now);
        }
    }
}

impl Held {
    fn is_due(&self, now: Monotonic) -> bool {
        self.refused || now >= self.renew_at
    }
}

/// A login on its way. All that need its token wait for it.
pub struct Flight {
    slot: Arc<Slot>,
    attach: Arc<Attach>,
    outcome: Mutex<Outcome>,
}

enum Outcome {
    Waited(Waiters),
    /// The header's value, or after how many seconds the next login may begin.
    Settled(Result<HeaderValue, u32>),
}

/// Who is to be woken, each under a number of its own.
#[derive(Default)]
struct Waiters {
    last: u64,
    wakers: HashMap<u64, Waker>,
}

/// One who waits for a flight. Dropping it leaves nothing behind.
pub struct Landing<'f> {
    flight: &'f Flight,
    number: Option<u64>,
}

impl Future for Landing<'_> {
    type Output = Result<HeaderValue, u32>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let flight = self.flight;
        match &mut *flight.lock() {
            Outcome::Settled(outcome) => Poll::Ready(outcome.clone()),
            Outcome::Waited(waiters) => {
                let number = *self.number.get_or_insert_with(|| {
                    waiters.last += 1;
                    waiters.last
                });
                waiters.wakers.insert(number, context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if let (Some(number), Outcome::Waited(waiters)) = (self.number, &mut *self.flight.lock()) {
            waiters.wakers.remove(&number);
        }
    }
}

impl Flight {
    /// The header's value that it brings, or after how many seconds the next login may begin.
    pub fn outcome(&self) -> Landing<'_> {
        Landing { flight: self, number: None }
    }

    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
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
                    refused: false,
                });
            }
        }
        self.settle(Ok(value));
        Ok(())
    }

    /// No token came. `chance` spreads those that try again: any number below 1,000. Returns in how many seconds that may be.
    pub fn failed(self: &Arc<Self>, failure: Failure, now: Monotonic, chance: u64) -> u32 {
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
        seconds
    }

    fn settle(&self, outcome: Result<HeaderValue, u32>) {
        let before = std::mem::replace(&mut *self.lock(), Outcome::Settled(outcome));
        if let Outcome::Waited(waiters) = before {
            waiters.wakers.into_values().for_each(Waker::wake);
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
    use crate::credential::login::order::order_of;
    use std::pin::pin;

    fn second(number: u64) -> Monotonic {
        Monotonic(number * 1_000_000_000)
    }

    fn ask(slot: &Arc<Slot>, now: u64, refused: Option<&HeaderValue>) -> Asked {
        let attach = Arc::new(Attach::compile("authorization", "Bearer {token}").unwrap());
        let lookup = Lookup { basis: Basis::default(), now: second(now), refused, attach: &attach };
        slot.ask(lookup, |flight, _| Ok(order_of(flight))).unwrap_or_else(|unfit| panic!("{unfit:?}"))
    }

    fn word(asked: &Asked) -> String {
        match asked {
            Asked::Held(value) => format!("held {}", value.to_str().unwrap()),
            Asked::Renew(value, _) => format!("renew {}", value.to_str().unwrap()),
            Asked::Wait(_) => "wait".to_owned(),
            Asked::Begin(_) => "begin".to_owned(),
            Asked::NotNow(seconds) => format!("not for {seconds} s"),
            Asked::RefusedAgain => "refused again".to_owned(),
        }
    }

    fn begun(asked: Asked) -> Arc<Flight> {
        match asked {
            Asked::Begin(order) | Asked::Renew(_, order) => order.flight,
            other => panic!("{}", word(&other)),
        }
    }

    fn arrive(flight: &Arc<Flight>, token: &str, now: u64) -> HeaderValue {
        flight.arrived(token, Duration::from_secs(1_000), None, second(now)).unwrap();
        HeaderValue::try_from(format!("Bearer {token}")).unwrap()
    }

    #[test]
    fn one_logs_in_and_the_rest_wait_or_go_on_with_what_is_held() {
        let slot = Arc::new(Slot::default());
        let flight = begun(ask(&slot, 1, None));
        assert_eq!(word(&ask(&slot, 1, None)), "wait");
        arrive(&flight, "one", 1);
        assert_eq!(word(&ask(&slot, 800, None)), "held Bearer one");
        let renewing = ask(&slot, 801, None);
        assert_eq!(
            (word(&renewing).as_str(), word(&ask(&slot, 801, None)).as_str()),
            ("renew Bearer one", "held Bearer one")
        );
        begun(renewing).failed(Failure::Failed, second(801), 999);
        assert_eq!(word(&ask(&slot, 801, None)), "held Bearer one");
        assert_eq!(word(&ask(&slot, 802, None)), "renew Bearer one");
        assert_eq!(word(&ask(&slot, 1_001, None)), "wait");
    }

    #[test]
    fn a_refused_token_serves_the_others_until_the_next_one_is_here() {
        let slot = Arc::new(Slot::default());
        let one = arrive(&begun(ask(&slot, 1, None)), "one", 1);
        let flight = begun(ask(&slot, 2, Some(&one)));
        assert_eq!(
            [ask(&slot, 2, Some(&one)), ask(&slot, 2, None)].map(|asked| word(&asked)),
            ["wait", "held Bearer one"]
        );
        let two = arrive(&flight, "two", 3);
        // Another call that was sent with the first one: the second is worth a try, and only that.
        assert_eq!(word(&ask(&slot, 3, Some(&one))), "held Bearer two");
        assert_eq!([3, 11].map(|now| word(&ask(&slot, now, Some(&two)))), ["refused again", "refused again"]);
        assert_eq!(word(&ask(&slot, 11, None)), "held Bearer two");
        assert_eq!(word(&ask(&slot, 12, Some(&two))), "begin");
    }

    #[test]
    fn a_refused_token_whose_successor_does_not_come_serves_the_others_on() {
        let slot = Arc::new(Slot::default());
        let one = arrive(&begun(ask(&slot, 1, None)), "one", 1);
        begun(ask(&slot, 2, Some(&one))).failed(Failure::Refused, second(2), 1_000);
        assert_eq!(
            [ask(&slot, 3, Some(&one)), ask(&slot, 3, None)].map(|asked| word(&asked)),
            ["not for 4 s", "held Bearer one"]
        );
        assert_eq!(word(&ask(&slot, 7, None)), "renew Bearer one");
    }

    #[test]
    fn one_caller_that_is_refused_for_ever_costs_a_login_in_ten_seconds() {
        let slot = Arc::new(Slot::default());
        let mut held = arrive(&begun(ask(&slot, 0, None)), "token-0", 0);
        let mut logins = 0;
        for now in 1..=100 {
            if let Asked::Begin(order) = ask(&slot, now, Some(&held)) {
                logins += 1;
                assert!(word(&ask(&slot, now, None)).starts_with("held"));
                held = arrive(&order.flight, &format!("token-{logins}"), now);
            }
            assert!(word(&ask(&slot, now, None)).starts_with("held"));
        }
        assert_eq!(logins, 10);
    }

    #[test]
    fn who_waits_no_more_leaves_nothing_behind_and_who_waits_is_woken() {
        let slot = Arc::new(Slot::default());
        let flight = begun(ask(&slot, 1, None));
        let waiting = |flight: &Flight| match &*flight.lock() {
            Outcome::Waited(waiters) => waiters.wakers.len(),
            Outcome::Settled(_) => 0,
        };
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1_000 {
            let mut left = pin!(flight.outcome());
            assert!(left.as_mut().poll(&mut context).is_pending() && left.as_mut().poll(&mut context).is_pending());
            assert_eq!(waiting(&flight), 1);
        }
        // Each of the thousand was dropped at the end of its turn.
        assert_eq!(waiting(&flight), 0);
        let mut stays = pin!(flight.outcome());
        assert!(stays.as_mut().poll(&mut context).is_pending());
        let one = arrive(&flight, "one", 1);
        assert_eq!(stays.as_mut().poll(&mut context), Poll::Ready(Ok(one)));
    }

    #[test]
    fn a_slot_is_worth_what_would_be_lost_with_it() {
        let slot = Arc::new(Slot::default());
        assert_eq!(slot.worth(), Worth::Nothing);
        let flight = begun(ask(&slot, 1, None));
        assert_eq!(slot.worth(), Worth::Flight);
        arrive(&flight, "one", 1);
        assert_eq!(slot.worth(), Worth::Token);
        begun(ask(&slot, 900, None)).failed(Failure::Refused, second(900), 0);
        assert_eq!(slot.worth(), Worth::Pause);
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_are_spread() {
        let whole = |failure, failures| pause_ms(failure, failures, 1_000);
        assert_eq!([0, 1, 2, 10, 1_000].map(|n| whole(Failure::Failed, n)), [500, 1_000, 2_000, 30_000, 30_000]);
        assert_eq!([0, 1, 50].map(|n| whole(Failure::Refused, n)), [5_000, 10_000, 300_000]);
        assert_eq!([0, 500, 1_000].map(|chance| pause_ms(Failure::Failed, 1, chance)), [500, 750, 1_000]);
    }
}
