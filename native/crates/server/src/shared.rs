//! What all threads of a node share.

use crate::clock::Clock;
use crate::config::Config;
use crate::drain::Drain;
use crate::logins::Logins;
use crate::metrics::{ApplyTimes, ThreadMetrics};
use crate::overload::Levels;
use crate::reshaping::Reshaping;
use crate::retired::Retired;
use crate::signing::Signing;
use crate::tls;
use arc_swap::ArcSwap;
use portazgo_core::client::ForwardingHeader;
use portazgo_core::network::Network;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::Snapshot;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One per node.
pub(crate) struct Shared {
    /// As told at the start.
    pub(crate) config: Config,
    /// All clocks.
    pub(crate) clock: Clock,
    /// The newest snapshot that was applied; None before the first.
    pub(crate) snapshot: ArcSwap<Option<Arc<Snapshot>>>,
    /// Counts applied snapshots and lanes, so that a thread knows by one load whether its own copy is the newest.
    pub(crate) generation: AtomicU64,
    /// The security lane.
    pub(crate) lane: ArcSwap<SecurityLane>,
    /// Snapshots and lanes that calls under way may still read.
    pub(crate) retired: Retired,
    /// How far the node is on its way out.
    pub(crate) drain: Drain,
    /// Memory and descriptors.
    pub(crate) levels: Levels,
    /// By data thread.
    pub(crate) threads: Vec<ThreadMetrics>,
    /// Logins that data threads need.
    pub(crate) logins: Logins,
    /// How long applying took until every thread had it.
    pub(crate) applies: ApplyTimes,
    /// The way to who signs tokens.
    pub(crate) signing: Signing,
    /// Where large bodies are written anew.
    pub(crate) reshaping: Reshaping,
    /// What the host process wants people to know though the node is ready.
    warnings: Mutex<Vec<String>>,
    /// A first snapshot is here, and the provider that unwraps its secrets is away.
    waits_for_wrapping: AtomicBool,
    /// Whose forwarding headers are believed.
    trusted: Vec<Network>,
    /// The one header of theirs that counts.
    pub(crate) forwarding_header: ForwardingHeader,
    /// TLS of the partners' listener; None: plain.
    pub(crate) tls: Option<tls::Incoming>,
}

impl Shared {
    /// The error says which certificate can't be used.
    pub(crate) fn new(config: Config) -> Result<Self, String> {
        let reshaping = Reshaping::new(config.thread_count());
        let threads = (0..config.thread_count()).map(|_| ThreadMetrics::default()).collect();
        Ok(Self {
            trusted: config.trusted_networks(),
            forwarding_header: config.forwarding_header(),
            tls: config.tls.as_ref().map(tls::Incoming::open).transpose()?,
            config,
            clock: Clock::new(),
            snapshot: ArcSwap::from_pointee(None),
            generation: AtomicU64::new(1),
            lane: ArcSwap::from_pointee(SecurityLane::default()),
            retired: Retired::default(),
            drain: Drain::default(),
            levels: Levels::new(),
            threads,
            logins: Logins::default(),
            applies: ApplyTimes::default(),
            signing: Signing::default(),
            reshaping,
            warnings: Mutex::default(),
            waits_for_wrapping: AtomicBool::new(false),
        })
    }

    /// Whether this is a proxy whose word about clients counts.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Make threads look at the newest snapshot and lane at their next request.
    pub(crate) fn bump(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Replace what `/health/ready` warns of.
    pub(crate) fn warn(&self, warnings: Vec<String>) {
        *self.warnings.lock().unwrap_or_else(PoisonError::into_inner) = warnings;
    }

    /// Say whether a first snapshot can't be applied because its secrets can't be unwrapped.
    pub(crate) fn wait_for_wrapping(&self, waits: bool) {
        self.waits_for_wrapping.store(waits, Ordering::Relaxed);
    }

    /// Asked only while there is no snapshot.
    pub(crate) fn waits_for_wrapping(&self) -> bool {
        self.waits_for_wrapping.load(Ordering::Relaxed)
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the contact lease has ended: then the node refuses, since it can't know what was revoked meanwhile.
    pub(crate) fn lease_ended(&self) -> bool {
        let Some(most) = self.config.max_staleness_seconds else {
            return false;
        };
        self.clock.contact_age_ms().is_none_or(|age| age > most * 1000)
    }
}
