//! The node's clocks, read in one place.
//!
//! Wall time is the control plane's: an offset from polls, carried by the monotonic clock in between, so that a step of
//! the host's clock moves nothing. The lease counts by `CLOCK_BOOTTIME`, which goes on while the host sleeps.

use portazgo_core::time::{Monotonic, WallTime};
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// 2026-01-01: a control plane that tells an earlier time has lost its clock, and ours is the better one.
const EARLIEST_US: i64 = 1_767_225_600_000_000;

/// Reads time.
pub(crate) struct Clock {
    start: Instant,
    /// Wall time at `start`, microseconds since 1970, as best known.
    wall_at_start: AtomicI64,
    /// Last contact with the control plane, milliseconds of `CLOCK_BOOTTIME` plus one; 0: none yet.
    contact: AtomicU64,
    /// Last successful shipment, likewise.
    shipment: AtomicU64,
    /// Control plane's clock minus the host's, microseconds, at the last contact.
    offset: AtomicI64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            wall_at_start: AtomicI64::new(host_time_us()),
            contact: AtomicU64::new(0),
            shipment: AtomicU64::new(0),
            offset: AtomicI64::new(0),
        }
    }

    /// Now, by the wall.
    pub(crate) fn wall(&self) -> WallTime {
        self.wall_at(self.monotonic())
    }

    /// What the wall says at a time that was read before.
    pub(crate) fn wall_at(&self, time: Monotonic) -> WallTime {
        WallTime(self.wall_at_start.load(Ordering::Relaxed) + (time.0 / 1000) as i64)
    }

    /// Now, for durations and limits.
    pub(crate) fn monotonic(&self) -> Monotonic {
        Monotonic(self.start.elapsed().as_nanos() as u64)
    }

    /// What was now at that moment.
    pub(crate) fn at(&self, moment: Instant) -> Monotonic {
        Monotonic(moment.saturating_duration_since(self.start).as_nanos() as u64)
    }

    /// A time of ours as the runtime's timers take it.
    pub(crate) fn instant(&self, time: Monotonic) -> tokio::time::Instant {
        (self.start + Duration::from_nanos(time.0)).into()
    }

    /// How long this process has run.
    pub(crate) fn uptime_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// A poll was answered: `age` ago it was sent, and the control plane's clock said `server_time_us` half of `round_trip_us` ago.
    /// An age beyond the host's start is that of no poll: then only the time counts.
    pub(crate) fn contact(&self, age_ms: u64, server_time_us: i64, round_trip_us: i64) {
        if let Some(sent) = boot_time_ms().checked_sub(age_ms) {
            self.contact.fetch_max(sent + 1, Ordering::AcqRel);
        }
        if server_time_us < EARLIEST_US {
            return;
        }
        let now = server_time_us + round_trip_us / 2;
        self.wall_at_start.store(now - self.start.elapsed().as_micros() as i64, Ordering::Relaxed);
        self.offset.store(now - host_time_us(), Ordering::Relaxed);
    }

    pub(crate) fn shipped(&self) {
        self.shipment.store(boot_time_ms() + 1, Ordering::Relaxed);
    }

    /// Milliseconds since the last contact; None: there was none.
    pub(crate) fn contact_age_ms(&self) -> Option<u64> {
        age_ms(&self.contact)
    }

    /// Milliseconds since the last shipment; None: there was none.
    pub(crate) fn shipment_age_ms(&self) -> Option<u64> {
        age_ms(&self.shipment)
    }

    /// Control plane's clock minus the host's.
    pub(crate) fn offset_us(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }
}

fn age_ms(since: &AtomicU64) -> Option<u64> {
    let since = since.load(Ordering::Acquire).checked_sub(1)?;
    Some(boot_time_ms().saturating_sub(since))
}

/// Goes on while the host sleeps, unlike what `Instant` reads: a lease must not outlast a suspended night.
fn boot_time_ms() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

fn host_time_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_micros() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_counts_from_the_sending_of_its_poll_and_an_older_one_takes_nothing_back() {
        let clock = Clock::new();
        assert_eq!((clock.contact_age_ms(), clock.shipment_age_ms()), (None, None));
        clock.contact(u64::MAX, 1_000_000, 0);
        assert_eq!(clock.contact_age_ms(), None);
        clock.contact(500, 1_000_000, 0);
        clock.contact(60_000, 1_000_000, 0);
        clock.shipped();
        assert!((500..30_000).contains(&clock.contact_age_ms().unwrap()));
        assert!(clock.shipment_age_ms().unwrap() < 30_000);
    }

    #[test]
    fn wall_time_is_the_control_planes() {
        let clock = Clock::new();
        let told = 4_000_000_000_000_000;
        clock.contact(0, told, 2_000);
        clock.contact(0, 0, 0);
        assert!((told + 1_000..told + 30_000_000).contains(&clock.wall().0));
        assert!(clock.offset_us() > 60_000_000);
    }
}
