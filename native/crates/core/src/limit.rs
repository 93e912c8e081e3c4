//! Throttles: all policies of a call decided at once, all or nothing.
//!
//! GCRA (ITU-T I.371, the virtual scheduling form) by the monotonic clock. A key's cells sit behind one small lock of its
//! partner; several compare-and-swap cells with roll-back would deny calls that no policy denies.

use crate::ids::Kid;
use crate::time::Monotonic;
use aws_lc_rs::digest;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use smallvec::SmallVec;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys kept per partner before those whose cells are full again are forgotten (which loses nothing).
const KEYS_BEFORE_SWEEP: usize = 512;
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
    identity: Identity,
}

/// What a throttle means, as a number.
type Identity = u32;

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

fn identity(text: &str) -> Identity {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    Identity::from_be_bytes(hash.as_ref()[..4].try_into().expect("a SHA-256 has 32 bytes"))
}

/// The throttle cells of one partner's keys: theoretical arrival times in monotonic nanoseconds.
#[derive(Debug, Default)]
pub struct PartnerCells {
    cells: Mutex<Cells>,
}

#[derive(Debug, Default)]
struct Cells {
    keys: HashMap<Kid, Arrivals>,
    /// Twice what the last sweep left, so that sweeping costs little per call however many cells are in use.
    sweep_at: usize,
}

/// The cells of one key: found by one look-up, and without a piece of memory of their own for the two that plans have most often.
type Arrivals = SmallVec<[Cell; 2]>;

/// A cell; in halves, since a million keys have theirs.
#[derive(Debug)]
struct Cell {
    throttle: Identity,
    arrival: [u32; 2],
}

impl Cell {
    fn new(throttle: Identity, arrival: u64) -> Self {
        Self { throttle, arrival: [(arrival >> 32) as u32, arrival as u32] }
    }

    fn arrival(&self) -> u64 {
        let [high, low] = self.arrival;
        u64::from(high) << 32 | u64::from(low)
    }
}

impl Cells {
    fn sweep(&mut self, now: Monotonic) {
        if self.keys.len() >= self.sweep_at.max(KEYS_BEFORE_SWEEP) {
            self.keys.retain(|_, cells| cells.iter().any(|cell| cell.arrival() > now.0));
            self.sweep_at = self.keys.len() * 2;
        }
    }
}

fn arrival(cells: &[Cell], throttle: &Throttle) -> u64 {
    cells.iter().find(|cell| cell.throttle == throttle.identity).map_or(0, Cell::arrival)
}

fn store(cells: &mut Arrivals, throttle: &Throttle, arrival: u64, now: Monotonic) {
    let new = Cell::new(throttle.identity, arrival);
    if let Some(cell) = cells.iter_mut().find(|cell| cell.throttle == throttle.identity) {
        *cell = new;
        return;
    }
    // Of throttles that the key's plan does not have any more; one that is full again loses nothing.
    cells.retain(|cell| cell.arrival() > now.0);
    cells.push(new);
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
        cells.sweep(now);
        match cells.keys.entry(kid) {
            Entry::Occupied(mut known) => decide(known.get_mut(), throttles, now),
            Entry::Vacant(place) => {
                let mut fresh = Arrivals::new();
                let decision = decide(&mut fresh, throttles, now);
                if matches!(decision, Decision::Admitted(_)) {
                    place.insert(fresh);
                }
                decision
            }
        }
    }

    /// How the key stands under these throttles; consumes nothing.
    pub fn look(&self, kid: Kid, throttles: &[Throttle], now: Monotonic) -> SmallVec<[Standing; 4]> {
        let cells = self.lock();
        let known = cells.keys.get(&kid).map_or(&[][..], |cells| cells);
        throttles.iter().map(|throttle| standing(throttle, arrival(known, throttle), now)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Cells> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decide(cells: &mut Arrivals, throttles: &[Throttle], now: Monotonic) -> Decision {
    let mut standings: SmallVec<[Standing; 4]> = SmallVec::new();
    let mut denied: Option<(usize, u64)> = None;
    for (index, throttle) in throttles.iter().enumerate() {
        let arrival = arrival(cells, throttle);
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
        let arrival = arrival(cells, throttle).max(now.0) + throttle.interval;
        store(cells, throttle, arrival, now);
        *after = standing(throttle, arrival, now);
    }
    Decision::Admitted(standings)
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
    fn a_throttle_that_was_exchanged_starts_afresh_and_leaves_nothing_behind() {
        let cells = PartnerCells::default();
        let throttle = |number: u64| [Throttle::new(&format!("t{number}"), 1, 60, None).unwrap()];
        for number in 0..100 {
            // A minute and more apart: each is full again when the next one comes.
            let at = second(number * 61);
            assert!(matches!(cells.decide(KID, &throttle(number), at), Decision::Admitted(_)));
            assert!(matches!(cells.decide(KID, &throttle(number), at), Decision::Denied { .. }));
            assert_eq!(cells.lock().keys[&KID].len(), 1);
        }
    }

    #[test]
    fn keys_whose_cells_are_full_again_are_forgotten_and_others_are_not() {
        let cells = PartnerCells::default();
        let [short, long] = [("short", 1), ("long", 1_000_000)];
        let throttle = |(name, seconds)| [Throttle::new(name, 1, seconds, None).unwrap()];
        for number in 0..100_000_u64 {
            let kid = Kid(format!("{number:010}").as_bytes().try_into().unwrap());
            let throttles = if number % 100 == 0 { throttle(long) } else { throttle(short) };
            assert!(matches!(cells.decide(kid, &throttles, second(number)), Decision::Admitted(_)));
        }
        let kept = cells.lock().keys.len();
        assert!((1_000..3_000).contains(&kept), "{kept}");
        assert_eq!(cells.look(Kid(*b"0000000000"), &throttle(long), second(100_000))[0].remaining, 0);
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
