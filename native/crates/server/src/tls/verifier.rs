//! Who a backend is: rustls's verification, then what the backend's own rules ask beyond it.

use super::provider;
use aws_lc_rs::digest::{SHA256, digest};
use portazgo_core::snapshot::BackendTls;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// What rustls has no word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distrust {
    /// The certificate names itself as its issuer, and is no authority of ours.
    SelfSigned,
    /// The public key is none of the pinned ones.
    OtherKey,
}

impl std::fmt::Display for Distrust {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::SelfSigned => "the certificate is signed by itself",
            Self::OtherKey => "the public key is none of the pinned ones",
        })
    }
}

impl std::error::Error for Distrust {}

#[derive(Debug)]
pub(super) struct Verifier {
    chain: Arc<WebPkiServerVerifier>,
    pins: Vec<[u8; 32]>,
}

impl Verifier {
    /// Authorities: the backend's own, or else the public ones. Fails for one that is no certificate, or a broken list.
    pub(super) fn new(rules: &BackendTls) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        if rules.authorities.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for authority in &rules.authorities {
            roots.add(CertificateDer::from(authority.as_slice()))?;
        }
        let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        if !rules.revocation_lists.is_empty() {
            let lists = rules.revocation_lists.iter().map(|list| CertificateRevocationListDer::from(list.clone()));
            // A list covers its own issuer's certificates; what no list covers is judged without one.
            builder = builder.with_crls(lists).allow_unknown_revocation_status();
        }
        let chain = builder.build().map_err(|error| Error::General(error.to_string()))?;
        Ok(Self { chain, pins: rules.pins.clone() })
    }

    /// Only the backend's own key counts: a chain is what the other side sends, and may hold any certificate.
    fn check_pins(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let parsed = webpki::EndEntityCert::try_from(shown)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let key = digest(&SHA256, parsed.subject_public_key_info().as_ref());
        if self.pins.iter().any(|pin| pin == key.as_ref()) { Ok(()) } else { Err(distrust(Distrust::OtherKey)) }
    }
}

fn distrust(why: Distrust) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
}

fn is_self_signed(shown: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(shown).is_ok_and(|parsed| parsed.issuer() == parsed.subject())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.chain.verify_server_cert(shown, between, name, stapled, now) {
            Ok(verified) => self.check_pins(shown).map(|()| verified),
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) if is_self_signed(shown) => {
                Err(distrust(Distrust::SelfSigned))
            }
            Err(error) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
