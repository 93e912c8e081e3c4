//! A target that fails again and again is left out for a while; each time after that for twice as long.

use super::policy::EjectionPolicy;
use crate::fault::Fault;
use crate::snapshot::BackendEnvironment;
use crate::time::Monotonic;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

const NANOSECONDS_PER_MS: u64 = 1_000_000;

/// What a try says about the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answers.
    Answered,
    /// It can't be reached, breaks off, keeps silent, or says itself that what is behind it does so.
    Failed,
    /// Nothing: the client left, or the gateway stopped by itself.
    Neither,
}

impl Outcome {
    /// Of an answer: 502, 503 and 504 say that there is nobody to answer. 500 does not: it is what one operation does.
    pub fn of_status(status: u16) -> Self {
        if matches!(status, 502..=504) { Self::Failed } else { Self::Answered }
    }

    /// Of a try without an answer.
    pub fn of_fault(fault: Fault) -> Self {
        match fault {
            Fault::DnsFailure
            | Fault::ConnectRefused
            | Fault::ConnectTimeout
            | Fault::ConnectFailed
            | Fault::BackendResetBeforeHeaders
            | Fault::BackendFirstByteTimeout
            | Fault::BackendTotalTimeout
            | Fault::BackendBadResponse
            | Fault::BackendTruncated
            | Fault::BackendHeadTooLarge
            | Fault::BackendSendFailed
            | Fault::BackendSendTimeout => Self::Failed,
            fault if fault.description().phase == "tls_out" => Self::Failed,
            _ => Self::Neither,
        }
    }
}

impl BackendEnvironment {
    /// Note what a try said of its target. Returns whether the target is left out from now on. The time is asked for after a
    /// failure only.
    pub fn note(&self, index: usize, outcome: Outcome, now: impl FnOnce() -> Monotonic) -> bool {
        let Some(policy) = &self.forwarding.ejection else {
            return false;
        };
        let state = &self.targets[index].state;
        match outcome {
            Outcome::Neither => false,
            Outcome::Answered => {
                // A store would take the line from the other threads at every call.
                if state.failures_in_row.load(Ordering::Relaxed) != 0 {
                    state.failures_in_row.store(0, Ordering::Relaxed);
                }
                false
            }
            Outcome::Failed => {
                let in_row = state.failures_in_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                in_row >= policy.failures && self.eject(index, policy, now())
            }
        }
    }

    fn eject(&self, index: usize, policy: &EjectionPolicy, now: Monotonic) -> bool {
        let _one_at_a_time = self.state.ejecting.lock().unwrap_or_else(PoisonError::into_inner);
        let out = self.targets.iter().filter(|target| target.state.ejected_until(now).is_some()).count();
        let share = self.targets.len() * policy.most_percent as usize / 100;
        let most = share.max(1).min(self.targets.len() - 1);
        let state = &self.targets[index].state;
        if state.ejected_until(now).is_some() || out >= most {
            return false;
        }
        let before = state.ejected_until.load(Ordering::Relaxed);
        let times = state.ejections.load(Ordering::Relaxed);
        // Who has stayed in for as long as it was left out begins anew.
        let times = if now.0 - before >= length(policy, times.saturating_sub(1)) { 0 } else { times };
        state.ejections.store(times.saturating_add(1), Ordering::Relaxed);
        state.failures_in_row.store(0, Ordering::Relaxed);
        state.ejected_until.store(now.0 + length(policy, times), Ordering::Relaxed);
        true
    }
}

/// How long a target is left out that was left out so many times before.
fn length(policy: &EjectionPolicy, times: u32) -> u64 {
    let doubled = u64::from(policy.first_ms) << times.min(20);
    doubled.min(u64::from(policy.most_ms)) * NANOSECONDS_PER_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_doubles_up_to_its_most() {
        let policy = EjectionPolicy { first_ms: 10, most_ms: 60, ..EjectionPolicy::default() };
        let lengths = [0, 1, 2, 3, 50].map(|times| length(&policy, times) / NANOSECONDS_PER_MS);
        assert_eq!(lengths, [10, 20, 40, 60, 60]);
    }

    #[test]
    fn gateway_errors_are_the_targets_and_the_rest_is_not() {
        let failed = |status| Outcome::of_status(status) == Outcome::Failed;
        assert_eq!(
            [200, 404, 429, 500, 502, 503, 504, 505].map(failed),
            [false, false, false, false, true, true, true, false]
        );
        assert_eq!(Outcome::of_fault(Fault::TlsCertificateExpired), Outcome::Failed);
        assert_eq!(Outcome::of_fault(Fault::ClientAborted), Outcome::Neither);
        assert_eq!(Outcome::of_fault(Fault::BackendConnectionsExhausted), Outcome::Neither);
    }
}
