//! Logins at backends' token endpoints: data threads ask for them, the node process takes them, carries them out and says what
//! became of them. Bounded, and nothing of it is touched by calls whose token is held.

use crate::random::Random;
use crate::shared::Shared;
use portazgo_core::credential::login::{Failure, Flight, Order};
use portazgo_core::ids::Id;
use portazgo_core::secret::Secret;
use portazgo_core::snapshot::Environment;
use portazgo_core::time::{Monotonic, WallTime};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Logins that may wait to be taken: as many applications as may begin at once after a restart.
const MOST_WAITING: usize = 20_000;
/// Whoever waited for a login that was not even begun by then has left.
const STALE_AFTER: u64 = 15_000_000_000;
/// A login that is under way for longer was lost, with whatever carried it out.
const LOST_AFTER: u64 = 60_000_000_000;
/// Of those that fail, so many are told apart.
const MOST_FAILING: usize = 100;
/// And so many are named.
const MOST_NAMED: usize = 10;

/// One per node.
#[derive(Default)]
pub(crate) struct Logins {
    queue: Mutex<Queue>,
    arrived: Condvar,
    standings: Mutex<HashMap<(Id, Environment), Standing>>,
}

#[derive(Default)]
struct Queue {
    last: u64,
    waiting: VecDeque<Waiting>,
    under_way: HashMap<u64, UnderWay>,
    chance: Option<Random>,
}

struct Waiting {
    order: Order,
    since: Monotonic,
}

struct UnderWay {
    flight: Arc<Flight>,
    of: Of,
    since: Monotonic,
}

/// Which login it is.
struct Of {
    backend: Id,
    name: String,
    environment: Environment,
    whose: String,
}

/// A login to be carried out, with its secrets.
pub struct LoginRequest {
    /// By which it is answered.
    pub ticket: u64,
    /// What to do, as JSON.
    pub document: String,
    /// The service credential.
    pub service: Option<Vec<u8>>,
    /// The token that is exchanged.
    pub subject: Option<String>,
    /// The refresh token that the last login gave.
    pub refresh: Option<Vec<u8>>,
}

/// How the logins at one backend fare.
struct Standing {
    name: String,
    succeeded: u64,
    failed: u64,
    failing: BTreeMap<String, Ail>,
}

struct Ail {
    why: String,
    since_us: i64,
    at_us: i64,
    /// When the next one may begin. None: whenever a call needs it.
    next_us: Option<i64>,
}

/// Why there is no token.
#[derive(Clone, Copy)]
struct Trouble<'t> {
    why: &'t str,
    /// In so many seconds the next login may begin.
    pause: Option<u32>,
}

impl Logins {
    /// Have a login made.
    pub(crate) fn submit(&self, order: Order, shared: &Shared) {
        let mut queue = self.queue();
        if queue.waiting.len() >= MOST_WAITING {
            let chance = queue.chance();
            drop(queue);
            return self.drop_order(&order, "too many logins wait already", chance, shared);
        }
        queue.waiting.push_back(Waiting { order, since: shared.clock.monotonic() });
        drop(queue);
        self.arrived.notify_one();
    }

    /// Take up to `most` logins; waits for the first. Those that were taken and never answered are given up.
    pub(crate) fn take(&self, within: Duration, most: usize, shared: &Shared) -> Vec<LoginRequest> {
        self.give_up_lost(shared);
        let queue = self.queue();
        let (mut queue, _) = self
            .arrived
            .wait_timeout_while(queue, within, |queue| queue.waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let now = shared.clock.monotonic();
        let count = most.min(queue.waiting.len());
        let (orders, stale): (Vec<Waiting>, Vec<Waiting>) =
            queue.waiting.drain(..count).partition(|waiting| now.0.saturating_sub(waiting.since.0) < STALE_AFTER);
        let orders: Vec<Order> = orders.into_iter().map(|waiting| waiting.order).collect();
        let chances: Vec<u64> = stale.iter().map(|_| queue.chance()).collect();
        let mut tickets = Vec::with_capacity(count);
        for order in &orders {
            queue.last += 1;
            let ticket = queue.last;
            let under_way = UnderWay { flight: Arc::clone(&order.flight), of: Of::order(order), since: now };
            queue.under_way.insert(ticket, under_way);
            tickets.push(ticket);
        }
        drop(queue);
        for (waiting, chance) in stale.iter().zip(chances) {
            self.drop_order(&waiting.order, "nobody took the login up in time", chance, shared);
        }
        // Signing is done here, with nothing locked.
        let request = |(ticket, order): (u64, Order)| self.request(ticket, &order, shared);
        tickets.into_iter().zip(orders).filter_map(request).collect()
    }

    fn request(&self, ticket: u64, order: &Order, shared: &Shared) -> Option<LoginRequest> {
        let random = u128::from_le_bytes(Random::new().bytes());
        let subject = match order.subject(shared.clock.wall(), random) {
            None => None,
            Some(Ok(token)) => Some(token),
            Some(Err(why)) => {
                self.failed(ticket, why, Failure::Failed, shared);
                return None;
            }
        };
        Some(LoginRequest {
            ticket,
            document: order.document(),
            service: order.service().map(<[u8]>::to_vec),
            subject,
            refresh: order.refresh().map(<[u8]>::to_vec),
        })
    }

    /// A token came. The error says what is wrong with it, and then the login has failed.
    pub(crate) fn arrived(
        &self,
        ticket: u64,
        token: &str,
        life: Duration,
        refresh: Option<Secret>,
        shared: &Shared,
    ) -> Result<(), &'static str> {
        let Some(UnderWay { flight, of, .. }) = self.queue().under_way.remove(&ticket) else {
            return Ok(());
        };
        let now = shared.clock.monotonic();
        let outcome = flight.arrived(token, life, refresh, now);
        let trouble = outcome.err().map(|why| {
            let chance = self.queue().chance();
            Trouble { why, pause: Some(flight.failed(Failure::Failed, now, chance)) }
        });
        self.note(&of, trouble, shared);
        outcome
    }

    /// No token came, and why.
    pub(crate) fn failed(&self, ticket: u64, why: &str, failure: Failure, shared: &Shared) {
        let mut queue = self.queue();
        let Some(UnderWay { flight, of, .. }) = queue.under_way.remove(&ticket) else {
            return;
        };
        let chance = queue.chance();
        drop(queue);
        let pause = Some(flight.failed(failure, shared.clock.monotonic(), chance));
        self.note(&of, Some(Trouble { why, pause }), shared);
    }

    /// One that nobody has begun.
    fn drop_order(&self, order: &Order, why: &str, chance: u64, shared: &Shared) {
        let pause = Some(order.flight.failed(Failure::Failed, shared.clock.monotonic(), chance));
        self.note(&Of::order(order), Some(Trouble { why, pause }), shared);
    }

    /// A login can't be made for a caller, whatever the endpoint would say.
    pub(crate) fn unfit(&self, backend: (Id, &str), environment: Environment, whose: &str, why: &str, shared: &Shared) {
        let (backend, name) = (backend.0, backend.1.to_owned());
        self.note(
            &Of { backend, name, environment, whose: whose.to_owned() },
            Some(Trouble { why, pause: None }),
            shared,
        );
    }

    /// How logins fare, for `Node.stats()`.
    pub(crate) fn document(&self) -> Value {
        let standings = self.standings();
        let mut rows: Vec<_> = standings.iter().collect();
        rows.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        let row = |((_, environment), standing): (&(Id, Environment), &Standing)| {
            let failing = standing.failing.iter().take(MOST_NAMED).map(|(whose, ail)| {
                let Ail { why, since_us, at_us, next_us } = ail;
                json!({"whose": whose, "why": why, "since_us": since_us, "at_us": at_us, "next_us": next_us})
            });
            json!({
                "backend": standing.name,
                "environment": environment.as_str(),
                "succeeded": standing.succeeded,
                "failed": standing.failed,
                "failing": standing.failing.len(),
                "failures": failing.collect::<Vec<Value>>(),
            })
        };
        rows.into_iter().map(|(place, standing)| row((place, standing))).collect()
    }

    /// What people should know of them though the node itself is ready.
    pub(crate) fn warnings(&self, now: WallTime) -> Vec<String> {
        let mut sentences = Vec::new();
        for ((_, environment), standing) in self.standings().iter() {
            if let Some((whose, ail)) = standing.failing.first_key_value() {
                let more = standing.failing.len() - 1;
                let others = if more == 0 { String::new() } else { format!(", and {more} more") };
                let (name, environment) = (&standing.name, environment.as_str());
                let (why, times) = (&ail.why, ail.times(now));
                sentences.push(format!("no login at {name} ({environment}) for {whose}{others}, {times}: {why}"));
            }
        }
        sentences.sort();
        sentences
    }

    /// (backend, environment, succeeded, failed, how many have no login now) for `/metrics`.
    pub(crate) fn counts(&self) -> Vec<(String, Environment, u64, u64, usize)> {
        let standings = self.standings();
        let mut rows: Vec<_> = standings
            .iter()
            .map(|((_, environment), standing)| {
                let Standing { name, succeeded, failed, failing } = standing;
                (name.clone(), *environment, *succeeded, *failed, failing.len())
            })
            .collect();
        rows.sort_by(|one, other| (&one.0, one.1.as_str()).cmp(&(&other.0, other.1.as_str())));
        rows
    }

    /// Drop what was counted of backends that are gone.
    pub(crate) fn forget(&self, mut is_there: impl FnMut(Id) -> bool) {
        self.standings().retain(|(backend, _), _| is_there(*backend));
    }

    fn note(&self, of: &Of, trouble: Option<Trouble<'_>>, shared: &Shared) {
        let now = shared.clock.wall().0;
        let mut standings = self.standings();
        let standing = standings.entry((of.backend, of.environment)).or_insert_with(|| Standing {
            name: of.name.clone(),
            succeeded: 0,
            failed: 0,
            failing: BTreeMap::new(),
        });
        standing.name.clone_from(&of.name);
        let Some(Trouble { why, pause }) = trouble else {
            standing.succeeded += 1;
            standing.failing.remove(&of.whose);
            return;
        };
        standing.failed += 1;
        let next_us = pause.map(|seconds| now + i64::from(seconds) * 1_000_000);
        if let Some(known) = standing.failing.get_mut(&of.whose) {
            why.clone_into(&mut known.why);
            (known.at_us, known.next_us) = (now, next_us);
        } else if standing.failing.len() < MOST_FAILING {
            standing.failing.insert(of.whose.clone(), Ail { why: why.to_owned(), since_us: now, at_us: now, next_us });
        }
    }

    fn give_up_lost(&self, shared: &Shared) {
        let now = shared.clock.monotonic();
        let lost: Vec<u64> = {
            let queue = self.queue();
            let is_lost = |under_way: &UnderWay| now.0.saturating_sub(under_way.since.0) > LOST_AFTER;
            queue.under_way.iter().filter(|(_, one)| is_lost(one)).map(|(ticket, _)| *ticket).collect()
        };
        for ticket in lost {
            self.failed(ticket, "the login was never answered", Failure::Failed, shared);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standings(&self) -> MutexGuard<'_, HashMap<(Id, Environment), Standing>> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ail {
    /// When it failed last, and when the next may begin.
    fn times(&self, now: WallTime) -> String {
        let seconds = |from: i64, until: i64| (until - from).max(0) / 1_000_000;
        let ago = seconds(self.at_us, now.0);
        match self.next_us {
            Some(next) if next > now.0 => format!("{ago} s ago, the next in {} s", seconds(now.0, next).max(1)),
            _ => format!("{ago} s ago, the next when a call needs it"),
        }
    }
}

impl Queue {
    /// Any number below 1,000.
    fn chance(&mut self) -> u64 {
        let random = self.chance.get_or_insert_with(Random::new);
        u64::from(u32::from_le_bytes(random.bytes())) % 1_000
    }
}

impl Of {
    fn order(order: &Order) -> Self {
        Self {
            backend: order.backend,
            name: order.backend_name.clone(),
            environment: order.environment,
            whose: order.whose.clone(),
        }
    }
}
