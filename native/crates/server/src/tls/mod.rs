//! TLS by rustls: in from partners, out to backends. aws-lc-rs is the crypto of both, as everywhere (ADR 0003).

mod backend_fault;
mod certificates;
mod client_fault;
mod incoming;
mod outgoing;
mod verifier;

pub(crate) use incoming::{Incoming, accept};
pub(crate) use outgoing::Outgoing;

use rustls::crypto::CryptoProvider;
use std::sync::{Arc, LazyLock};

/// The one crypto provider of this process.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}
