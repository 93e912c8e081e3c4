//! Throttles: all policies of a call decided at once, all or nothing.
//!
//! GCRA (ITU-T I.371, the virtual scheduling form) by the monotonic clock. A key's cells sit behind one small lock of its
//! partner; several compare-and-swap cells with roll-back would deny calls that no policy denies.

use crate::ids::Kid;
use crate::time::Monotonic;
use aws_lc_rs::digest;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys with cells, per partner, before those are forgotten whose cells are all full again (which loses nothing).
const KEYS_BEFORE_SWEEP: usize = 1024;
const NANOSECONDS: u64 = 1_000_000_000;
/// A hundred years: added to any time that a node will see, it is far from the end of the type.
const LONGEST_TOLERANCE: u64 = 100 * 365 * 86_400 * NANOSECONDS;

/// A rate limit: `quota` calls per window, up to `burst` at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Slug; an sf-string without escapes in headers.
    pub name: String,
    /// Calls per window.
    pub quota: u32,
    /// Window.
    pub window_seconds: u32,
    /// Most calls at once.
    pub burst: u32,
    interval: u64,
    identity: u64,
}

impl Throttle {
    /// Check and compile.
    pub fn new(name: &str, quota: u32, window_seconds: u32, burst: Option<u32>) -> Result<Self, String> {
        let burst = burst.unwrap_or(quota);
        if quota == 0 || window_seconds == 0 || burst == 0 {
            return Err("quota, window and burst must be at least 1".to_owned());
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(format!("{name:?} is no name: letters, digits, '-', '_' and '.'"));
        }
        let interval = (u64::from(window_seconds) * NANOSECONDS / u64::from(quota)).max(1);
        if interval.checked_mul(u64::from(burst)).is_none_or(|tolerance| tolerance > LONGEST_TOLERANCE) {
            return Err("such a burst would take more than a hundred years to come back".to_owned());
        }
        // Two throttles that mean the same share their cells across snapshots; one that was changed starts afresh.
        let identity = identity(&format!("{name}/{quota}/{window_seconds}"));
        Ok(Self { name: name.to_owned(), quota, window_seconds, burst, interval, identity })
    }

    /// How far the theoretical arrival time may lie ahead.
    fn tolerance(&self) -> u64 {
        self.interval * u64::from(self.burst)
    }

    /// How long until one call is admitted, 0 when it is at once.
    fn wait(&self, arrival: u64, now: Monotonic) -> u64 {
        (arrival.max(now.0) + self.interval - now.0).saturating_sub(self.tolerance())
    }
}

fn identity(text: &str) -> u64 {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    u64::from_be_bytes(hash.as_ref()[..8].try_into().expect("a SHA-256 has 32 bytes"))
}

/// The throttle cells of one partner's keys: theoretical arrival times in monotonic nanoseconds.
#[derive(Debug, Default)]
pub struct PartnerCells {
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    cells: HashMap<Kid, KeyCells>,
    /// Twice what the last sweep left, so that sweeping costs little per call however many keys are in use.
    sweep_at: usize,
}

impl Keys {
    fn of(&mut self, kid: Kid, now: Monotonic) -> &mut KeyCells {
        if self.cells.len() >= self.sweep_at.max(KEYS_BEFORE_SWEEP) {
            self.cells.retain(|_, cells| !cells.forget_full(now));
            self.sweep_at = self.cells.len() * 2;
        }
        self.cells.entry(kid).or_default()
    }
}

/// The cells of one key, found at once: a call asks for all of them.
#[derive(Debug, Default)]
struct KeyCells(SmallVec<[Cell; 2]>);

#[derive(Clone, Copy, Debug)]
struct Cell {
    throttle: u64,
    arrival: u64,
}

impl KeyCells {
    fn arrival(&self, throttle: &Throttle) -> u64 {
        self.0.iter().find(|cell| cell.throttle == throttle.identity).map_or(0, |cell| cell.arrival)
    }

    fn store(&mut self, throttle: &Throttle, arrival: u64, now: Monotonic) {
        let identity = throttle.identity;
        if let Some(cell) = self.0.iter_mut().find(|cell| cell.throttle == identity) {
            cell.arrival = arrival;
            return;
        }
        // Rare: the first call, or a plan that was changed and has left cells behind.
        self.forget_full(now);
        self.0.push(Cell { throttle: identity, arrival });
    }

    /// Forget what is as good as new, which loses nothing. Returns whether nothing is left.
    fn forget_full(&mut self, now: Monotonic) -> bool {
        self.0.retain(|cell| cell.arrival > now.0);
        self.0.is_empty()
    }
}

/// What became of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Calls left now.
    pub remaining: u32,
    /// With calls left: seconds until the policy is as good as new. With none left: seconds until there is one again, so
    /// that `Retry-After` never lies before it.
    pub reset_seconds: u64,
}

/// What the throttles say of a call.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may go on; one standing per throttle.
    Admitted(SmallVec<[Standing; 4]>),
    /// Nothing was consumed.
    Denied {
        /// Which throttle denied; of several, the one that denies longest.
        throttle: usize,
        /// When one call is free again.
        retry_after_seconds: u64,
        /// One standing per throttle.
        standings: SmallVec<[Standing; 4]>,
    },
}

impl PartnerCells {
    /// Decide on one call of this key under these throttles.
    pub fn decide(&self, kid: Kid, throttles: &[Throttle], now: Monotonic) -> Decision {
        let mut keys = self.lock();
        let cells = keys.of(kid, now);
        let waits = throttles.iter().map(|throttle| throttle.wait(cells.arrival(throttle), now));
        // Of several that wait equally long, the first.
        let longest =
            waits.enumerate().filter(|(_, wait)| *wait > 0).reduce(|one, two| if two.1 > one.1 { two } else { one });
        if let Some((throttle, wait)) = longest {
            let standings = cells.standings(throttles, now);
            return Decision::Denied { throttle, retry_after_seconds: wait.div_ceil(NANOSECONDS), standings };
        }
        for throttle in throttles {
            let arrival = cells.arrival(throttle).max(now.0) + throttle.interval;
            cells.store(throttle, arrival, now);
        }
        Decision::Admitted(cells.standings(throttles, now))
    }

    /// How the key stands under these throttles; consumes nothing.
    pub fn look(&self, kid: Kid, throttles: &[Throttle], now: Monotonic) -> SmallVec<[Standing; 4]> {
        match self.lock().cells.get(&kid) {
            Some(cells) => cells.standings(throttles, now),
            None => KeyCells::default().standings(throttles, now),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyCells {
    fn standings(&self, throttles: &[Throttle], now: Monotonic) -> SmallVec<[Standing; 4]> {
        throttles.iter().map(|throttle| standing(throttle, self.arrival(throttle), now)).collect()
    }
}

fn standing(throttle: &Throttle, arrival: u64, now: Monotonic) -> Standing {
    let ahead = arrival.saturating_sub(now.0);
    let room = throttle.tolerance().saturating_sub(ahead) / throttle.interval;
    let reset = if room == 0 { throttle.wait(arrival, now) } else { ahead };
    Standing { remaining: u32::try_from(room).unwrap_or(u32::MAX), reset_seconds: reset.div_ceil(NANOSECONDS) }
}

/// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11): what the limits are.
pub fn policy_header(throttles: &[Throttle]) -> String {
    let mut text = String::new();
    for throttle in throttles {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}\"{}\";q={};w={}", throttle.name, throttle.quota, throttle.window_seconds);
    }
    text
}

/// `RateLimit`: how the caller stands.
pub fn standing_header(throttles: &[Throttle], standings: &[Standing]) -> String {
    let mut digits = itoa::Buffer::new();
    let mut text = String::with_capacity(throttles.len() * 48);
    for (throttle, standing) in throttles.iter().zip(standings) {
        // The formatter would cost more than deciding did: this is written for every call.
        text.push_str(if text.is_empty() { "\"" } else { ", \"" });
        text.push_str(&throttle.name);
        text.push_str("\";r=");
        text.push_str(digits.format(standing.remaining));
        text.push_str(";t=");
        text.push_str(digits.format(standing.reset_seconds));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KID: Kid = Kid(*b"aaaaaaaaaa");

    fn second(number: u64) -> Monotonic {
        Monotonic((1000 + number) * NANOSECONDS)
    }

    #[test]
    fn a_quota_is_what_it_says_and_comes_back_evenly() {
        let cells = PartnerCells::default();
        let throttles = [Throttle::new("burst", 3, 3, None).unwrap()];
        let decide = |at| cells.decide(KID, &throttles, at);
        for left in [2, 1, 0] {
            let Decision::Admitted(standings) = decide(second(0)) else { panic!("denied with {left} left") };
            assert_eq!(standings[0].remaining, left);
        }
        let Decision::Denied { throttle: 0, retry_after_seconds: 1, .. } = decide(second(0)) else {
            panic!("a fourth was admitted")
        };
        assert!(matches!(decide(second(1)), Decision::Admitted(_)));
        assert!(matches!(decide(second(1)), Decision::Denied { .. }));
        assert!(matches!(cells.decide(Kid(*b"bbbbbbbbbb"), &throttles, second(1)), Decision::Admitted(_)));
    }

    #[test]
    fn a_denial_by_one_policy_takes_nothing_from_the_others() {
        let cells = PartnerCells::default();
        let throttles = [Throttle::new("hour", 100, 3600, None).unwrap(), Throttle::new("burst", 1, 60, None).unwrap()];
        assert!(matches!(cells.decide(KID, &throttles, second(0)), Decision::Admitted(_)));
        for _ in 0..50 {
            assert!(matches!(cells.decide(KID, &throttles, second(0)), Decision::Denied { throttle: 1, .. }));
        }
        assert_eq!(cells.look(KID, &throttles, second(0))[0].remaining, 99);
    }

    #[test]
    fn what_is_full_again_is_forgotten_and_nothing_else() {
        let cells = PartnerCells::default();
        let kid = |number: usize| Kid(format!("{number:0>10}").into_bytes().try_into().unwrap());
        let day = [Throttle::new("day", 100, 86_400, None).unwrap()];
        let moment = [Throttle::new("moment", 100, 1, None).unwrap()];
        cells.decide(KID, &day, second(0));
        for number in 1..KEYS_BEFORE_SWEEP {
            cells.decide(kid(number), &moment, second(0));
        }
        // By now what the many have used is theirs again; what the one has used is not.
        cells.decide(kid(0), &moment, second(2));
        assert!(cells.lock().cells.len() <= 2);
        assert_eq!(cells.look(KID, &day, second(2))[0].remaining, 99);
    }

    #[test]
    fn a_plan_that_changes_all_the_time_leaves_no_heap_of_cells() {
        let cells = PartnerCells::default();
        for quota in 1..200 {
            let throttles = [Throttle::new("burst", quota, 1, None).unwrap()];
            cells.decide(KID, &throttles, second(u64::from(quota) * 2));
        }
        assert_eq!(cells.lock().cells[&KID].0.len(), 1);
    }

    #[test]
    fn headers_have_the_form_of_the_draft() {
        let throttles =
            [Throttle::new("burst", 100, 60, None).unwrap(), Throttle::new("day", 5000, 86400, Some(10)).unwrap()];
        assert_eq!(policy_header(&throttles), "\"burst\";q=100;w=60, \"day\";q=5000;w=86400");
        let standings = [Standing { remaining: 50, reset_seconds: 30 }, Standing { remaining: 9, reset_seconds: 18 }];
        assert_eq!(standing_header(&throttles, &standings), "\"burst\";r=50;t=30, \"day\";r=9;t=18");
    }

    #[test]
    fn a_throttle_that_admits_nothing_is_refused() {
        assert!(Throttle::new("x", 0, 1, None).is_err());
        assert!(Throttle::new("x", 1, 0, None).is_err());
        assert!(Throttle::new("bad name", 1, 1, None).is_err());
    }

    #[test]
    fn a_burst_that_would_never_come_back_is_refused_and_no_overflow() {
        let month = 31 * 86_400;
        assert!(Throttle::new("x", 1, month, Some(1_000_000_000)).is_err());
        assert!(Throttle::new("x", 1, u32::MAX, Some(u32::MAX)).is_err());
        assert!(Throttle::new("x", 1, month, Some(12)).is_ok());
    }
}
