//! What decides in Portazgo's data plane.
//!
//! Engine-neutral: no sockets, no runtime, no clock of its own; time and randomness are passed in. One module per phase
//! of a request's path (`framing`, `route`, `authenticate`, `authorize`, `limit`, `transform`, `credential`, `forward`, `record`), beside what
//! they work on: the compiled `snapshot` and the `security` lane.
#![forbid(unsafe_code)]

pub mod authenticate;
pub mod authorize;
pub mod client;
pub mod contract;
pub mod credential;
pub mod fault;
pub mod forward;
pub mod framing;
pub mod ids;
pub mod limit;
pub mod network;
pub mod overload;
pub mod problem;
pub mod record;
pub mod route;
pub mod secret;
pub mod security;
pub mod snapshot;
pub mod time;
pub mod transform;
pub mod upgrade;
pub mod whoami;

/// What this build understands; compiled resources name what they require (docs/wire.md, section 6).
pub const FEATURES: &[&str] = &[
    "backend.forwarding.1",
    "backend.http1.1",
    "backend.http2.1",
    "backend.tls.1",
    "backend.unix.1",
    "contract.1",
    "contract.compute.1",
    "contract.document.1",
    "contract.sampling.1",
    "contract.untold.1",
    "credential.login.1",
    "credential.mint-eddsa.1",
    "credential.mint-es256.1",
    "credential.mint-hs256.1",
    "credential.mint-rs256.1",
    "credential.none.1",
    "data_key.1",
    "key.client-certificate.1",
    "key.hmac-sha256.1",
    "key.imported.1",
    "key.networks.1",
    "key.routes.1",
    "key.scopes.1",
    "plan.throttle.1",
    "route.hosts.1",
    "route.idempotency-key.1",
    "route.passthrough.1",
    "route.timeouts.1",
    "route.upgrade.1",
];
