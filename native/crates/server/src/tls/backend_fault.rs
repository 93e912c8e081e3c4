//! Why a handshake with a backend failed, in the catalogue's words.

use super::verifier::Distrust;
use portazgo_core::fault::Fault;
use rustls::{CertificateError, Error, InvalidMessage};
use std::io;

/// The fault of a handshake that ended with this error.
pub(super) fn fault_of(error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(reason)) => fault_of_certificate(reason),
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Fault::TlsBackendPlaintext,
        Some(Error::PeerIncompatible(_)) => Fault::TlsBackendParametersUnsupported,
        Some(Error::AlertReceived(alert)) => fault_of_alert(*alert),
        Some(_) | None => Fault::TlsBackendHandshakeFailed,
    }
}

/// Some alerts say the same as our own refusal would.
fn fault_of_alert(alert: rustls::AlertDescription) -> Fault {
    match alert {
        rustls::AlertDescription::ProtocolVersion | rustls::AlertDescription::InsufficientSecurity => {
            Fault::TlsBackendParametersUnsupported
        }
        _ => Fault::TlsBackendAlert,
    }
}

fn fault_of_certificate(reason: &CertificateError) -> Fault {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Fault::TlsCertificateExpired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Fault::TlsCertificateNotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Fault::TlsHostnameMismatch
        }
        CertificateError::Revoked => Fault::TlsCertificateRevoked,
        CertificateError::Other(other) => match other.0.downcast_ref::<Distrust>() {
            Some(Distrust::SelfSigned) => Fault::TlsCertificateSelfSigned,
            Some(Distrust::OtherKey) => Fault::TlsCertificatePinMismatch,
            None => Fault::TlsCertificateUntrusted,
        },
        _ => Fault::TlsCertificateUntrusted,
    }
}
