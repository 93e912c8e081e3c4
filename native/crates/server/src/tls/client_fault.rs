//! Why a client's handshake failed, in the catalogue's words.

use portazgo_core::fault::Fault;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use std::io;

/// The fault of a handshake that ended with this error.
pub(super) fn fault_of(error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => fault_of_tls(error),
        // The client went away in the middle.
        None => Fault::TlsHandshakeAborted,
    }
}

fn fault_of_tls(error: &Error) -> Fault {
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => Fault::TlsPlaintext,
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::SupportedVersionsExtensionRequired
            // TLS 1.2 brought the extension: who leaves it out speaks 1.1 at most.
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired,
        ) => Fault::TlsVersionUnsupported,
        // General: no certificate of the name fits what the client can check.
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol | Error::General(_) => Fault::TlsParametersUnsupported,
        Error::NoCertificatesPresented => Fault::TlsClientCertificateMissing,
        Error::InvalidCertificate(reason) => fault_of_certificate(reason),
        Error::AlertReceived(alert) if rejects_certificate(*alert) => Fault::TlsClientRejectedCertificate,
        _ => Fault::TlsHandshakeFailed,
    }
}

fn fault_of_certificate(reason: &CertificateError) -> Fault {
    match reason {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Fault::TlsClientCertificateExpired,
        _ => Fault::TlsClientCertificateUntrusted,
    }
}

fn rejects_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
    )
}
