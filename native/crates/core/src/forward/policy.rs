//! How calls to a backend's targets are spread, kept apart and repeated, as operators set it (docs/wire.md, section 2).
//! Every member has a default; the defaults together are how a backend without a word about forwarding is called.

use serde::Deserialize;

/// Who of several targets is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn, by weight.
    #[default]
    RoundRobin,
    /// The one with the fewest calls in flight from this node, by weight.
    LeastInFlight,
}

/// Whether targets are spoken to by HTTP/2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Http2 {
    /// HTTP/1.1.
    #[default]
    Off,
    /// Where both sides agree on it in the TLS handshake.
    Alpn,
    /// At once, with or without TLS.
    PriorKnowledge,
}

/// Connections to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolPolicy {
    /// Most connections to one target over all threads of the node; None: as many as there are calls.
    pub connections: Option<u32>,
    /// Most calls that may wait for a connection to one target.
    pub waiting: u32,
    /// How long each may wait.
    pub wait_ms: u32,
    /// How long a connection is kept idle.
    pub idle_ms: u32,
}

impl Default for PoolPolicy {
    fn default() -> Self {
        Self { connections: None, waiting: 100, wait_ms: 1000, idle_ms: 1500 }
    }
}

/// When a target that fails is left out for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EjectionPolicy {
    /// Failures in a row.
    pub failures: u32,
    /// How long it is left out at first; each time after that twice as long.
    pub first_ms: u32,
    /// The longest that it is left out.
    pub most_ms: u32,
    /// Share of the targets that may be left out at once; of several, one always may, and one always stays.
    pub most_percent: u32,
}

impl Default for EjectionPolicy {
    fn default() -> Self {
        Self { failures: 5, first_ms: 10_000, most_ms: 300_000, most_percent: 50 }
    }
}

/// How targets are asked for their health.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckPolicy {
    /// What is fetched, with query where there is one.
    pub path: String,
    /// From one check to the next.
    #[serde(default = "CheckPolicy::usual_interval")]
    pub interval_ms: u32,
    /// For the whole of a check.
    #[serde(default = "CheckPolicy::usual_timeout")]
    pub timeout_ms: u32,
    /// Checks in a row that bring a target back.
    #[serde(default = "CheckPolicy::usual_healthy")]
    pub healthy: u32,
    /// Failed checks in a row that take it out.
    #[serde(default = "CheckPolicy::usual_unhealthy")]
    pub unhealthy: u32,
}

impl CheckPolicy {
    const fn usual_interval() -> u32 {
        5000
    }

    const fn usual_timeout() -> u32 {
        1000
    }

    const fn usual_healthy() -> u32 {
        2
    }

    const fn usual_unhealthy() -> u32 {
        3
    }
}

/// When a backend is not called at all for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerPolicy {
    /// Share of failed calls in the window that opens it.
    pub failure_percent: u32,
    /// Calls in the window before the share means anything.
    pub least_calls: u32,
    /// How far back calls count.
    pub window_ms: u32,
    /// How long it stays open before the first probe.
    pub open_ms: u32,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failure_percent: 50, least_calls: 20, window_ms: 10_000, open_ms: 5000 }
    }
}

/// How often a call may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// Tries of one call, the first included.
    pub attempts: u8,
    /// Repeats as a share of the calls of the last ten seconds.
    pub budget_percent: u32,
    /// Repeats that are free beside that share.
    pub least_per_second: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, budget_percent: 20, least_per_second: 3 }
    }
}

/// How long names of targets are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsPolicy {
    /// Longest life of an address, whatever its record says.
    pub most_ttl_seconds: u32,
}

impl Default for DnsPolicy {
    fn default() -> Self {
        Self { most_ttl_seconds: 30 }
    }
}

/// All of it, compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// Who is next.
    pub balance: Balance,
    /// One per target; empty: all the same.
    pub weights: Vec<u32>,
    /// Whether HTTP/2 is spoken.
    pub http2: Http2,
    /// Connections.
    pub pool: PoolPolicy,
    /// None: no target is left out for failures.
    pub ejection: Option<EjectionPolicy>,
    /// None: no target is asked.
    pub check: Option<CheckPolicy>,
    /// None: it is always called.
    pub breaker: Option<BreakerPolicy>,
    /// Repeats.
    pub retry: RetryPolicy,
    /// Names.
    pub dns: DnsPolicy,
}
