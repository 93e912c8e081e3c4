//! TLS to backends: one configuration per way of verifying, kept by the data thread together with its sessions.

use super::backend_fault::fault_of;
use super::provider;
use super::verifier::Verifier;
use crate::transport::{HTTP_1, HTTP_2, Transport};
use portazgo_core::fault::Fault;
use portazgo_core::forward::Http2;
use portazgo_core::snapshot::BackendTls;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// More ways of verifying than any deployment has at once; replaced ones are forgotten then.
const MOST_CONFIGURATIONS: usize = 256;

/// A data thread's configurations, by what is offered and the identity of their rules.
#[derive(Default)]
pub(crate) struct Outgoing {
    configurations: RefCell<HashMap<(Http2, String), Arc<ClientConfig>>>,
}

impl Outgoing {
    /// Shake hands with `host:port`, offering what HTTP it may be. The fault says why it failed.
    pub(crate) async fn shake_hands(
        &self,
        rules: &BackendTls,
        address: &str,
        http2: Http2,
        stream: TcpStream,
    ) -> Result<Transport, Fault> {
        let name = rules.server_name.as_deref().unwrap_or_else(|| host(address)).to_owned();
        let name = ServerName::try_from(name).map_err(|_| Fault::TlsHostnameMismatch)?;
        let connector = TlsConnector::from(self.configuration(rules, http2)?);
        let stream = connector.connect(name, stream).await.map_err(|error| fault_of(&error))?;
        Ok(Transport::Tls(Box::new(stream.into())))
    }

    fn configuration(&self, rules: &BackendTls, http2: Http2) -> Result<Arc<ClientConfig>, Fault> {
        let mut known = self.configurations.borrow_mut();
        let name = (http2, rules.identity.clone());
        if let Some(configuration) = known.get(&name) {
            return Ok(Arc::clone(configuration));
        }
        // Rules were read at apply; an authority that is no certificate after all vouches for nobody.
        let made = Arc::new(configuration(rules, http2).map_err(|_| Fault::TlsCertificateUntrusted)?);
        if known.len() >= MOST_CONFIGURATIONS {
            known.clear();
        }
        known.insert(name, Arc::clone(&made));
        Ok(made)
    }
}

fn configuration(rules: &BackendTls, http2: Http2) -> Result<ClientConfig, rustls::Error> {
    let verifier = Verifier::new(rules)?;
    let mut configuration = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        // "Dangerous" is the name of the only door for a verifier of one's own; ours adds to rustls's and takes nothing away.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let offered: &[&[u8]] = match http2 {
        Http2::Off => &[HTTP_1],
        Http2::Alpn => &[HTTP_2, HTTP_1],
        Http2::PriorKnowledge => &[HTTP_2],
    };
    configuration.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    Ok(configuration)
}

/// The host of `host:port`, without brackets.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}
