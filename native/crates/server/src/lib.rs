//! Portazgo's data plane around `portazgo-core`: sockets, HTTP, pools, the journal.

/// Version of the data plane, as nodes report it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
