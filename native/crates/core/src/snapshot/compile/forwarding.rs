//! How targets are called: checked against what can work, with the defaults filled in.

use crate::forward::{BreakerPolicy, CheckPolicy, DnsPolicy, EjectionPolicy, Forwarding, PoolPolicy, RetryPolicy};
use crate::snapshot::wire::{ForwardingBody, Given};
use std::ops::RangeInclusive;

/// A choice among more could not be noted in one word of a request.
pub(super) const MOST_TARGETS: usize = 64;
const MOST_MS: u32 = 600_000;

/// The error names the member and says why.
pub(super) fn forwarding(body: Option<ForwardingBody>, targets: usize) -> Result<Forwarding, (&'static str, String)> {
    let body = body.unwrap_or_default();
    let ejection = match body.ejection {
        // One target has no other to take over.
        Given::Absent => (targets > 1).then(EjectionPolicy::default),
        Given::Null => None,
        Given::Value(policy) => Some(policy),
    };
    let forwarding = Forwarding {
        balance: body.balance.unwrap_or_default(),
        weights: body.weights.unwrap_or_default(),
        http2: body.http2.unwrap_or_default(),
        pool: body.pool.unwrap_or_default(),
        ejection,
        check: body.check,
        breaker: body.breaker,
        retry: body.retry.unwrap_or_default(),
        dns: body.dns.unwrap_or_default(),
    };
    let named = |member| move |why| (member, why);
    weights(&forwarding.weights, targets).map_err(named("weights"))?;
    pool(&forwarding.pool).map_err(named("pool"))?;
    forwarding.ejection.as_ref().map_or(Ok(()), eject).map_err(named("ejection"))?;
    forwarding.check.as_ref().map_or(Ok(()), check).map_err(named("check"))?;
    forwarding.breaker.as_ref().map_or(Ok(()), breaker).map_err(named("breaker"))?;
    retry(&forwarding.retry).map_err(named("retry"))?;
    dns(forwarding.dns).map_err(named("dns"))?;
    Ok(forwarding)
}

fn weights(weights: &[u32], targets: usize) -> Result<(), String> {
    if weights.is_empty() {
        return Ok(());
    }
    if weights.len() != targets {
        return Err(format!("there are {} weights for {targets} targets; it is one for each", weights.len()));
    }
    weights.iter().try_for_each(|&weight| within("a weight", weight, 1..=100))
}

fn pool(pool: &PoolPolicy) -> Result<(), String> {
    if pool.connections == Some(0) {
        return Err("connections: 0 would let no call through; null means no cap".to_owned());
    }
    within("waiting", pool.waiting, 0..=100_000)?;
    within("wait_ms", pool.wait_ms, 0..=MOST_MS)?;
    within("idle_ms", pool.idle_ms, 0..=MOST_MS)
}

fn eject(policy: &EjectionPolicy) -> Result<(), String> {
    within("failures", policy.failures, 1..=1000)?;
    within("first_ms", policy.first_ms, 1..=3_600_000)?;
    within("most_ms", policy.most_ms, policy.first_ms..=3_600_000)?;
    within("most_percent", policy.most_percent, 1..=100)
}

fn check(policy: &CheckPolicy) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !policy.path.starts_with('/') || !policy.path.bytes().all(is_plain) {
        return Err(format!("{:?} is no path: it begins with '/' and holds neither spaces nor '#'", policy.path));
    }
    within("interval_ms", policy.interval_ms, 100..=MOST_MS)?;
    within("timeout_ms", policy.timeout_ms, 1..=60_000)?;
    within("healthy", policy.healthy, 1..=100)?;
    within("unhealthy", policy.unhealthy, 1..=100)
}

fn breaker(policy: &BreakerPolicy) -> Result<(), String> {
    within("failure_percent", policy.failure_percent, 1..=100)?;
    within("least_calls", policy.least_calls, 1..=1_000_000)?;
    within("window_ms", policy.window_ms, 100..=MOST_MS)?;
    within("open_ms", policy.open_ms, 1..=MOST_MS)
}

fn retry(policy: &RetryPolicy) -> Result<(), String> {
    within("attempts", u32::from(policy.attempts), 1..=10)?;
    within("budget_percent", policy.budget_percent, 0..=100)?;
    within("least_per_second", policy.least_per_second, 0..=10_000)
}

fn dns(policy: DnsPolicy) -> Result<(), String> {
    within("most_ttl_seconds", policy.most_ttl_seconds, 1..=86_400)
}

#[allow(clippy::needless_pass_by_value, reason = "a range is written in place")]
fn within(name: &str, value: u32, range: RangeInclusive<u32>) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(format!("{name}: {value} is not within {} to {}", range.start(), range.end()))
}
