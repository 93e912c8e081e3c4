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

/// Cells kept per partner before those that are full again are forgotten (which loses nothing).
const CELLS_BEFORE_SWEEP: usize = 1024;
const NANOSECONDS: u64 = 1_000_000_000;

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
    cells: Mutex<Cells>,
}

#[derive(Debug, Default)]
struct Cells {
    arrivals: HashMap<(Kid, u64), u64>,
    /// Twice what the last sweep left, so that sweeping costs little per call however many cells are in use.
    sweep_at: usize,
}

impl Cells {
    fn arrival(&self, kid: Kid, throttle: &Throttle) -> u64 {
        self.arrivals.get(&(kid, throttle.identity)).copied().unwrap_or(0)
    }

    fn store(&mut self, kid: Kid, throttle: &Throttle, arrival: u64, now: Monotonic) {
        if self.arrivals.len() >= self.sweep_at.max(CELLS_BEFORE_SWEEP) {
            self.arrivals.retain(|_, arrival| *arrival > now.0);
            self.sweep_at = self.arrivals.len() * 2;
        }
        self.arrivals.insert((kid, throttle.identity), arrival);
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
        let mut cells = self.lock();
        let mut standings: SmallVec<[Standing; 4]> = SmallVec::new();
        let mut denied: Option<(usize, u64)> = None;
        for (index, throttle) in throttles.iter().enumerate() {
            let arrival = cells.arrival(kid, throttle);
            let wait = throttle.wait(arrival, now);
            if wait > denied.map_or(0, |(_, longest)| longest) {
                denied = Some((index, wait));
            }
            standings.push(standing(throttle, arrival, now));
        }
        if let Some((throttle, wait)) = denied {
            return Decision::Denied { throttle, retry_after_seconds: wait.div_ceil(NANOSECONDS), standings };
        }
        for (throttle, after) in throttles.iter().zip(&mut standings) {
            let arrival = cells.arrival(kid, throttle).max(now.0) + throttle.interval;
            cells.store(kid, throttle, arrival, now);
            *after = standing(throttle, arrival, now);
        }
        Decision::Admitted(standings)
    }

    /// How the key stands under these throttles; consumes nothing.
    pub fn look(&self, kid: Kid, throttles: &[Throttle], now: Monotonic) -> SmallVec<[Standing; 4]> {
        let cells = self.lock();
        throttles.iter().map(|throttle| standing(throttle, cells.arrival(kid, throttle), now)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Cells> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
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
}
