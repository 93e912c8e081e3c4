//! What a node is told at its start (docs/wire.md, section 8).

use crate::journal::WhenFull;
use portazgo_core::client::ForwardingHeader;
use portazgo_core::framing;
use portazgo_core::network::Network;
use portazgo_core::record::AddressForms;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The configuration as it arrives, JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node's own folder.
    pub folder: PathBuf,
    /// For people.
    pub label: String,
    /// Partner traffic.
    pub listen: SocketAddr,
    /// Health and metrics.
    pub admin_listen: SocketAddr,
    /// Data threads; None: one per core.
    pub threads: Option<usize>,
    /// First word of API keys.
    pub key_prefix: String,
    /// Whether there is a control plane to hear from; a node that serves a snapshot file has none.
    #[serde(default = "yes")]
    pub follows_control_plane: bool,
    /// Contact lease; None: no bound.
    pub max_staleness_seconds: Option<u64>,
    /// Whose forwarding headers are believed, and who may send the PROXY protocol.
    pub trusted_proxies: Vec<String>,
    /// The one header of theirs that counts.
    #[serde(default = "default_forwarding_header")]
    pub forwarding_header: String,
    /// Whether connections begin with the PROXY protocol's header.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// The Unix socket of a running node of this folder whose place is to be taken; None: nobody's.
    #[serde(default)]
    pub take_over: Option<PathBuf>,
    /// TLS of the listener; None: plain.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Answers that are compared with backends' schemas, of all routes together; 0: none.
    #[serde(default)]
    pub answer_samples_per_minute: u32,
    /// Which answers may go out compressed.
    #[serde(default)]
    pub compression: Compression,
    /// How much is accepted.
    pub limits: Limits,
    /// When segments are sealed and synced.
    pub journal: Journal,
}

fn yes() -> bool {
    true
}

fn default_forwarding_header() -> String {
    "x-forwarded-for".to_owned()
}

/// Whether connections begin with the PROXY protocol's header. Never guessed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// They don't.
    #[default]
    Off,
    /// All do.
    Required,
}

/// Which answers under contracts may go out compressed, to clients that accept it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// None.
    Off,
    /// Those of routes whose contract says so.
    #[default]
    Routes,
    /// All but those of routes whose contract says that they may not.
    On,
}

impl Compression {
    /// Whether it is allowed where a route says this of itself.
    pub(crate) fn allows(self, told: Option<bool>) -> bool {
        match self {
            Self::Off => false,
            Self::Routes => told == Some(true),
            Self::On => told != Some(false),
        }
    }
}

/// TLS of a listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Chains and keys; the first is for clients that name no server.
    pub certificates: Vec<CertificateFiles>,
    /// Whether clients are asked for a certificate.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
    /// Who signs clients' certificates, PEM.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Time for a handshake.
    #[serde(default = "default_handshake_seconds")]
    pub handshake_seconds: u64,
}

const fn default_handshake_seconds() -> u64 {
    10
}

/// One certificate and its key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The chain, the server's own certificate first, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// They aren't.
    #[default]
    Off,
    /// One that is shown must be signed by `client_ca`.
    Optional,
    /// Nobody gets in without.
    Required,
}

/// How much is accepted.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Header lines.
    pub head_lines: usize,
    /// Time for a head to arrive.
    pub head_seconds: u64,
    /// Time a connection may be idle between requests.
    pub keep_alive_seconds: u64,
    /// Time for a client to take the next byte of its answer.
    #[serde(default = "default_write_seconds")]
    pub write_seconds: u64,
    /// Connections, over all threads.
    pub connections: usize,
    /// Record slots, per thread: each request in flight has one until its record is written.
    pub slots_per_thread: usize,
    /// Requests in flight, over all threads, each of which takes its share; None: as many as there are slots.
    #[serde(default)]
    pub in_flight: Option<usize>,
    /// Memory of the process from which on requests are refused; None: no bound.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// What a client must send of a body, and take of an answer, per second that it is waited for; 0: any rate will do.
    #[serde(default = "default_body_rate")]
    pub body_bytes_per_second: u64,
    /// How much work, in time, may stand in a thread's queue before some requests are refused; 0: none are.
    #[serde(default = "default_backlog_us")]
    pub backlog_us: u64,
}

const fn default_body_rate() -> u64 {
    256
}

const fn default_backlog_us() -> u64 {
    20_000
}

const fn default_write_seconds() -> u64 {
    30
}

impl Limits {
    pub(crate) fn framing(&self) -> framing::Limits {
        framing::Limits { head_bytes: self.head_bytes, head_lines: self.head_lines }
    }

    pub(crate) fn head_time(&self) -> Duration {
        Duration::from_secs(self.head_seconds)
    }

    pub(crate) fn write_time(&self) -> Duration {
        Duration::from_secs(self.write_seconds)
    }

    pub(crate) fn backlog(&self) -> Duration {
        Duration::from_micros(self.backlog_us)
    }

    pub(crate) fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive_seconds)
    }
}

/// When segments are sealed and synced.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// Age at which a segment is sealed.
    pub seal_ms: u64,
    /// Size at which a segment is sealed.
    pub seal_bytes: u64,
    /// Longest time that written records wait for fdatasync.
    pub sync_ms: u64,
    /// What happens to requests once the disk is full.
    #[serde(default)]
    pub when_full: WhenFull,
    /// In which form clients' addresses leave the node.
    #[serde(default)]
    pub client_address: AddressForms,
}

impl Config {
    /// Read and check. The error names what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = serde_json::from_str(text).map_err(|error| format!("the node's configuration: {error}"))?;
        for network in &config.trusted_proxies {
            Network::parse(network)
                .ok_or_else(|| format!("the node's configuration: trusted_proxies: {network:?} is no network"))?;
        }
        if ForwardingHeader::of(&config.forwarding_header).is_none() {
            let given = &config.forwarding_header;
            return Err(format!(
                "the node's configuration: forwarding_header: {given:?} is no header that proxies write"
            ));
        }
        if config.proxy_protocol == ProxyProtocol::Required && config.trusted_proxies.is_empty() {
            return Err(
                "the node's configuration: proxy_protocol is required, and trusted_proxies lists nobody".to_owned()
            );
        }
        if config.tls.as_ref().is_some_and(|tls| tls.certificates.is_empty()) {
            return Err("the node's configuration: tls has no certificate".to_owned());
        }
        if config.threads == Some(0) || config.limits.slots_per_thread == 0 || config.limits.connections == 0 {
            return Err("the node's configuration: threads, slots and connections must be at least 1".to_owned());
        }
        if config.limits.in_flight.is_some_and(|most| most < config.thread_count()) {
            return Err("the node's configuration: in_flight must be at least 1 for each thread".to_owned());
        }
        Ok(config)
    }

    /// A thread's share of the requests in flight.
    pub(crate) fn most_in_flight(&self, thread: usize) -> u64 {
        let threads = self.thread_count();
        let share = self.limits.in_flight.map(|most| most / threads + usize::from(thread < most % threads));
        share.map_or(u64::MAX, |share| share as u64)
    }

    pub(crate) fn trusted_networks(&self) -> Vec<Network> {
        self.trusted_proxies.iter().filter_map(|text| Network::parse(text)).collect()
    }

    pub(crate) fn forwarding_header(&self) -> ForwardingHeader {
        ForwardingHeader::of(&self.forwarding_header).unwrap_or_default()
    }

    pub(crate) fn thread_count(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }
}
