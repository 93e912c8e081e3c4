//! What decides when a node takes on no more: a queue that stands, and a peer that takes or sends next to nothing.

use std::time::{Duration, Instant};

/// How often the backlog is measured while little waits.
pub const TICK: Duration = Duration::from_millis(10);
/// A burst is no overload: the backlog must stand above half its bound for so long before anything is refused.
const ALLOWANCE: Duration = Duration::from_millis(150);
/// And it must be below it for so long before that is asked again: by then all who rest have come back.
const CALM: Duration = Duration::from_secs(2);
/// A backlog in fewer requests is bodies under way, and refusing would not shorten it.
const LEAST_REQUESTS: u32 = 16;
/// Some are always served, so that the node is never a wall.
const MOST: f64 = 0.95;

/// Refuses what is too much of the work that stands in a data thread's queue.
///
/// Work, and not time: a thread that others keep from its core has nothing to gain by refusing. And the bound is low, since
/// the more connections take turns, the less of them the processor's caches hold: with a thousand of them each call costs
/// twice what it costs with fifty. So more is served, and not only sooner, by a node that keeps its queue short.
///
/// Who is refused stays away for a second: a controller that felt its way, as those of networks do, would refuse for a
/// second too long. What is measured is the queue itself, so what is too much of it is known, and refused once.
#[derive(Debug)]
pub struct Shedder {
    bound: Duration,
    above_for: Duration,
    calm_for: Duration,
    shedding: bool,
    /// Of the next requests this part is refused, until so many are.
    share: f64,
    left: u32,
    /// Refusals that are due; whole ones are taken off.
    due: f64,
}

impl Shedder {
    /// `bound`: the backlog that may stand; zero: nothing is ever refused.
    pub const fn new(bound: Duration) -> Self {
        let (above_for, calm_for) = (Duration::ZERO, Duration::ZERO);
        Self { bound, above_for, calm_for, shedding: false, share: 0.0, left: 0, due: 0.0 }
    }

    /// So much work stood in the queue, in so many requests; the last look was so long ago. Returns whether to look again at
    /// once, since what comes meanwhile is to be weighed too.
    pub fn measured(&mut self, backlog: Duration, requests: u32, elapsed: Duration) -> bool {
        if self.bound.is_zero() {
            return false;
        }
        let above = backlog > self.bound / 2;
        (self.above_for, self.calm_for) =
            if above { (self.above_for + elapsed, Duration::ZERO) } else { (Duration::ZERO, self.calm_for + elapsed) };
        self.shedding = if self.shedding { self.calm_for < CALM } else { self.above_for >= ALLOWANCE };
        let too_much = 1.0 - self.bound.as_secs_f64() / backlog.as_secs_f64().max(f64::MIN_POSITIVE);
        let helps = self.shedding && requests >= LEAST_REQUESTS;
        self.share = if helps { too_much.clamp(0.0, MOST) } else { 0.0 };
        self.left = (f64::from(requests) * self.share) as u32;
        self.shedding && above
    }

    /// Whether anything is refused now.
    pub const fn is_shedding(&self) -> bool {
        self.left > 0
    }

    /// Whether this request is one of those.
    pub fn sheds(&mut self) -> bool {
        if !self.is_shedding() {
            return false;
        }
        self.due += self.share;
        let refused = self.due >= 1.0;
        if refused {
            self.due -= 1.0;
            self.left -= 1;
        }
        refused
    }

    /// There is nothing to do: whatever was measured is over.
    pub fn rest(&mut self) {
        *self = Self::new(self.bound);
    }
}

/// Waiting counted together to tell a trickle from a pause.
pub const WINDOW: Duration = Duration::from_secs(10);

/// Whether a peer sends, or takes, at least so many bytes per second while it is waited for. Only the waiting counts: what
/// a busy node or a slow other side delays is not this peer's doing.
#[derive(Debug)]
pub struct Pace {
    /// 0: any rate will do.
    bytes_per_second: u64,
    /// The longest time without any byte.
    quiet: Duration,
    /// What was waited in this window, up to the pause under way.
    waited: Duration,
    moved: u64,
    pause: Option<Pause>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    since: Instant,
    /// Since when it counts for this window.
    counts_from: Instant,
}

impl Pace {
    /// A pace of at least this many bytes per second (0: any), and never `quiet` without one.
    pub const fn new(bytes_per_second: u64, quiet: Duration) -> Self {
        Self { bytes_per_second, quiet, waited: Duration::ZERO, moved: 0, pause: None }
    }

    /// The peer is waited for, from now on if it was not before. Returns when it is to be looked at, never an earlier time
    /// than it returned before.
    pub fn wait(&mut self, now: Instant) -> Instant {
        let pause = *self.pause.get_or_insert(Pause { since: now, counts_from: now });
        let quiet = pause.since + self.quiet;
        if self.bytes_per_second == 0 {
            return quiet;
        }
        quiet.min(pause.counts_from + WINDOW.saturating_sub(self.waited))
    }

    /// Whether the peer is waited for now.
    pub const fn is_waiting(&self) -> bool {
        self.pause.is_some()
    }

    /// So many bytes moved. The clock is read only when that ends a pause.
    pub fn moved(&mut self, bytes: u64, clock: impl FnOnce() -> Instant) {
        if let Some(pause) = self.pause.take() {
            self.waited += clock().saturating_duration_since(pause.counts_from);
        }
        self.moved += bytes;
    }

    /// Whether the peer that is waited for is to be given up. Otherwise the waiting goes on.
    pub fn is_too_slow(&mut self, now: Instant) -> bool {
        let Some(pause) = &mut self.pause else {
            return false;
        };
        if now.saturating_duration_since(pause.since) >= self.quiet {
            return true;
        }
        let waited = self.waited + now.saturating_duration_since(pause.counts_from);
        if self.bytes_per_second == 0 || waited < WINDOW {
            return false;
        }
        let due = u128::from(self.bytes_per_second) * waited.as_millis() / 1000;
        pause.counts_from = now;
        self.waited = Duration::ZERO;
        u128::from(std::mem::take(&mut self.moved)) < due
    }
}

/// A mark that is passed upwards at one height and downwards at a lower one, so that nothing flutters between.
#[derive(Debug)]
pub struct Watermark {
    high: u64,
    is_above: bool,
}

impl Watermark {
    /// Above from `high` on, until the level falls below nine tenths of it.
    pub const fn new(high: u64) -> Self {
        Self { high, is_above: false }
    }

    /// The level is this now. Returns whether it counts as above.
    pub const fn level(&mut self, now: u64) -> bool {
        self.is_above = if self.is_above { now >= self.high / 10 * 9 } else { now >= self.high };
        self.is_above
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_millis(2);

    fn measured(shedder: &mut Shedder, backlog_us: u64, requests: u32, times: usize) {
        for _ in 0..times {
            shedder.measured(Duration::from_micros(backlog_us), requests, TICK);
        }
    }

    fn refused(shedder: &mut Shedder, of: usize) -> usize {
        (0..of).filter(|_| shedder.sheds()).count()
    }

    #[test]
    fn what_is_too_much_of_a_queue_that_stands_is_refused_once() {
        let mut shedder = Shedder::new(BOUND);
        measured(&mut shedder, 8000, 400, 15);
        // Of 8 ms in 400 requests a quarter may stay.
        assert_eq!(refused(&mut shedder, 400), 300);
        assert_eq!(refused(&mut shedder, 4000), 0);
        measured(&mut shedder, 2000, 100, 1);
        assert_eq!(refused(&mut shedder, 400), 0);
        // It is known to be overloaded now.
        measured(&mut shedder, 4000, 200, 1);
        assert_eq!(refused(&mut shedder, 200), 100);
        shedder.rest();
        assert!(!shedder.is_shedding());
    }

    #[test]
    fn a_burst_and_a_bound_of_nothing_shed_nothing() {
        let mut shedder = Shedder::new(BOUND);
        measured(&mut shedder, 80_000, 4000, 14);
        measured(&mut shedder, 500, 25, 1);
        measured(&mut shedder, 80_000, 4000, 14);
        assert_eq!(refused(&mut shedder, 4000), 0);
        let mut off = Shedder::new(Duration::ZERO);
        measured(&mut off, 800_000, 4000, 100);
        assert_eq!(refused(&mut off, 4000), 0);
    }

    #[test]
    fn bodies_under_way_are_no_reason_to_refuse_the_few_who_ask() {
        let mut shedder = Shedder::new(BOUND);
        measured(&mut shedder, 80_000, 15, 100);
        assert_eq!(refused(&mut shedder, 100), 0);
    }

    #[test]
    fn an_overload_is_over_after_a_time_of_calm() {
        let mut shedder = Shedder::new(BOUND);
        measured(&mut shedder, 8000, 400, 15);
        measured(&mut shedder, 900, 45, 200);
        measured(&mut shedder, 8000, 400, 14);
        assert_eq!(refused(&mut shedder, 400), 0);
    }

    #[test]
    fn even_the_worst_backlog_lets_some_through() {
        let mut shedder = Shedder::new(BOUND);
        measured(&mut shedder, 60_000_000, 1000, 20);
        let refused = refused(&mut shedder, 1000);
        assert!((949..=950).contains(&refused), "{refused}");
    }

    /// Bytes that come in pauses of `every`, for as long as this pace lets them, up to `most`.
    fn time_that_a_trickle_lasts(pace: &mut Pace, bytes: u64, every: Duration, most: Duration) -> Duration {
        let begin = Instant::now();
        let mut now = begin;
        let mut next = begin + every;
        while now - begin < most {
            let look = pace.wait(now);
            now = look.min(next);
            if look < next {
                if pace.is_too_slow(now) {
                    return now - begin;
                }
            } else {
                pace.moved(bytes, || now);
                next = now + every;
            }
        }
        most
    }

    #[test]
    fn a_trickle_ends_with_its_window_and_a_steady_stream_goes_on() {
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        let quiet = 5 * second;
        let lasts = |rate, bytes| time_that_a_trickle_lasts(&mut Pace::new(rate, quiet), bytes, second, hour);
        assert!((WINDOW..WINDOW + second).contains(&lasts(256, 1)));
        assert!((WINDOW..WINDOW + second).contains(&lasts(256, 200)));
        assert_eq!(lasts(256, 300), hour);
        assert_eq!(lasts(0, 1), hour);
    }

    #[test]
    fn a_pause_without_a_byte_ends_at_its_own_bound_whatever_came_before() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(256, 30 * second);
        let begin = Instant::now();
        pace.moved(1_000_000, || begin);
        let first = pace.wait(begin);
        assert_eq!(first, begin + WINDOW);
        assert!(!pace.is_too_slow(first), "much came in this window");
        let second_look = pace.wait(first);
        assert!(pace.is_too_slow(second_look), "nothing came in that one");
        assert_eq!(time_that_a_trickle_lasts(&mut Pace::new(0, second), 1, 2 * second, 60 * second), second);
    }

    #[test]
    fn what_the_other_side_delays_is_not_counted() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(256, 5 * second);
        let begin = Instant::now();
        for minute in 0..60 {
            // A byte is waited for a tenth of a second, and then nobody asks for a minute.
            let asked = begin + 60 * minute * second;
            assert!(!pace.is_too_slow(asked));
            pace.wait(asked);
            pace.moved(1, || asked + second / 10);
        }
        assert_eq!(pace.waited.as_millis(), 6000);
    }

    #[test]
    fn a_mark_is_left_lower_than_it_was_reached() {
        let mut mark = Watermark::new(1000);
        let seen: Vec<bool> = [999, 1000, 950, 900, 899, 950, 1001].map(|level| mark.level(level)).into();
        assert_eq!(seen, [false, true, true, true, false, false, true]);
    }
}
