//! TLS from partners: one configuration at a time, swapped whole when its files change; connections keep the one they began with.

use super::certificates::{Certificates, read_certificates};
use super::client_fault::fault_of;
use super::provider;
use crate::config::{ClientCertificates, Tls};
use crate::transport::{HTTP_1, Transport};
use arc_swap::ArcSwap;
use portazgo_core::fault::Fault;
use rustls::server::{Acceptor, ProducesTickets, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

/// A listener's TLS.
pub(crate) struct Incoming {
    settings: Tls,
    current: ArcSwap<Loaded>,
}

struct Loaded {
    certificates: Arc<Certificates>,
    config: Arc<ServerConfig>,
}

impl Incoming {
    /// Read all files. The error names the file and what is wrong with it.
    pub(crate) fn open(settings: &Tls) -> Result<Self, String> {
        let loaded = load(settings, None)?;
        Ok(Self { settings: settings.clone(), current: ArcSwap::from_pointee(loaded) })
    }

    /// Read all files again. Where one is bad, all of the old stay, and the error says why.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let tickets = Arc::clone(&self.current.load().config.ticketer);
        // A resumed session is not verified again: with another authority, old tickets must not open the door.
        let tickets = (self.settings.client_certificates == ClientCertificates::Off).then_some(tickets);
        self.current.store(Arc::new(load(&self.settings, tickets)?));
        Ok(())
    }

    fn time(&self) -> Duration {
        Duration::from_secs(self.settings.handshake_seconds)
    }
}

fn load(settings: &Tls, tickets: Option<Arc<dyn ProducesTickets>>) -> Result<Loaded, String> {
    let certificates = Arc::new(Certificates::read(&settings.certificates)?);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| error.to_string())?;
    let builder = match settings.client_certificates {
        ClientCertificates::Off => builder.with_no_client_auth(),
        ClientCertificates::Optional => {
            builder.with_client_cert_verifier(client_verifier(settings)?.allow_unauthenticated().build().map_err(text)?)
        }
        ClientCertificates::Required => {
            builder.with_client_cert_verifier(client_verifier(settings)?.build().map_err(text)?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::<Certificates>::clone(&certificates));
    config.alpn_protocols = vec![HTTP_1.to_vec()];
    config.ticketer = match tickets {
        Some(tickets) => tickets,
        None => rustls::crypto::aws_lc_rs::Ticketer::new().map_err(text)?,
    };
    Ok(Loaded { certificates, config: Arc::new(config) })
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn client_verifier(settings: &Tls) -> Result<rustls::server::ClientCertVerifierBuilder, String> {
    let path = settings.client_ca.as_ref().ok_or("client certificates need client_ca")?;
    let mut roots = RootCertStore::empty();
    for authority in read_certificates(path)? {
        roots.add(authority).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()))
}

/// Shake hands. The fault says why it failed.
pub(crate) async fn accept(incoming: &Incoming, stream: TcpStream) -> Result<Transport, Fault> {
    let outcome = tokio::time::timeout(incoming.time(), shake_hands(incoming, stream)).await;
    outcome.unwrap_or(Err(Fault::TlsHandshakeTimeout))
}

async fn shake_hands(incoming: &Incoming, stream: TcpStream) -> Result<Transport, Fault> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(|error| fault_of(&error))?;
    let loaded = incoming.current.load_full();
    let unknown_name = start.client_hello().server_name().is_some_and(|name| !loaded.certificates.knows(name));
    match start.into_stream(Arc::clone(&loaded.config)).await {
        Ok(stream) => Ok(Transport::Tls(Box::new(stream.into()))),
        // The resolver found nothing, and rustls says only that.
        Err(_) if unknown_name => Err(Fault::TlsServerNameUnknown),
        Err(error) => Err(fault_of(&error)),
    }
}
