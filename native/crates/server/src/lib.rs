//! Portazgo's data plane around `portazgo-core`: sockets, HTTP, pools, the journal.

mod admin;
mod alarm;
mod answers;
mod arriving;
mod clock;
mod coding;
mod config;
mod connection;
mod deadlines;
mod dial;
mod drain;
mod exposition;
mod gateway;
mod handover;
mod headers;
mod health;
mod holder;
mod http2;
mod identity;
pub mod journal;
mod logins;
mod metrics;
mod multiplex;
mod overload;
mod panics;
mod phases;
mod pool;
mod random;
mod remembered;
mod reshaping;
mod retired;
mod samples;
mod shared;
mod signing;
mod targets;
mod thread;
mod tls;
mod transport;
mod tunnel;
mod upstream;
mod vigil;
mod watched;

pub use config::Config;
pub use gateway::{Gateway, StartError};
pub use logins::LoginRequest;
pub use phases::rewritten_header;
pub use samples::Sample;

/// What a provoked panic says; what is shipped does not hold it.
#[cfg(feature = "provoke-panic")]
pub const PROVOKED: &str = "a test provoked this panic";

/// Version of the data plane, as nodes report it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
