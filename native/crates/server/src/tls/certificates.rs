//! The gateway's own certificates: read from files, chosen by the name that a client asks for.

use super::provider;
use crate::config::CertificateFiles;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// All certificates of a listener.
#[derive(Debug)]
pub(super) struct Certificates {
    /// For clients that name no server: load balancers' health checks, clients that call an address.
    first: Vec<Arc<CertifiedKey>>,
    /// By DNS name, lower case; `*.example.org` stands under `.example.org`.
    by_name: HashMap<String, Vec<Arc<CertifiedKey>>>,
}

impl Certificates {
    /// Read all pairs. The error names the file and what is wrong with it.
    pub(super) fn read(pairs: &[CertificateFiles]) -> Result<Self, String> {
        let mut all = Self { first: Vec::new(), by_name: HashMap::new() };
        for pair in pairs {
            let (certified, names) = certified_key(pair)?;
            if all.first.is_empty() {
                all.first.push(Arc::clone(&certified));
            }
            for name in names {
                let name = name.strip_prefix('*').unwrap_or(&name).to_owned();
                all.by_name.entry(name).or_default().push(Arc::clone(&certified));
            }
        }
        Ok(all)
    }

    /// Whether there is a certificate for this name.
    pub(super) fn knows(&self, name: &str) -> bool {
        !self.named(name).is_empty()
    }

    fn named(&self, name: &str) -> &[Arc<CertifiedKey>] {
        let lower = name.to_ascii_lowercase();
        let wildcard = || lower.find('.').and_then(|dot| self.by_name.get(&lower[dot..]));
        self.by_name.get(&lower).or_else(wildcard).map_or(&[], Vec::as_slice)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = hello.server_name().map_or(&self.first[..], |name| self.named(name));
        // A name may have an ECDSA and an RSA certificate, for clients that know only one of them.
        let fits = |one: &&Arc<CertifiedKey>| one.key.choose_scheme(hello.signature_schemes()).is_some();
        candidates.iter().find(fits).cloned()
    }
}

fn certified_key(pair: &CertificateFiles) -> Result<(Arc<CertifiedKey>, Vec<String>), String> {
    let chain = read_certificates(&pair.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&pair.key)
        .map_err(|error| format!("{}: no private key can be read: {error}", pair.key.display()))?;
    let names = names(&chain[0]).ok_or_else(|| format!("{}: it names no DNS name", pair.certificate.display()))?;
    let certified = CertifiedKey::from_der(chain, key, &provider())
        .map_err(|error| format!("{} and {} are no pair: {error}", pair.certificate.display(), pair.key.display()))?;
    Ok((Arc::new(certified), names))
}

/// The DNS names of a certificate; None when it is no certificate, or has none.
fn names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    let names: Vec<String> = parsed.valid_dns_names().map(str::to_ascii_lowercase).collect();
    (!names.is_empty()).then_some(names)
}

/// The certificates of a PEM file, at least one.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let refuse = |why: &str| format!("{}: {why}", path.display());
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err(refuse("it holds no certificate in PEM form")),
        Ok(found) => Ok(found),
        Err(error) => Err(refuse(&format!("no certificate can be read: {error}"))),
    }
}
