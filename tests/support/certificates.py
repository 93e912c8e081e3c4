"""Certificates made by the test that needs them: authorities, servers, clients, spoilt ones."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate, its key, and who signed it (None: itself)."""

    certificate: x509.Certificate
    key: PrivateKey
    issuer: Identity | None

    @classmethod
    def authority(cls, name: str = "Authority of a test", *, issuer: Identity | None = None) -> Self:
        """Make an authority, its own or below another."""
        return cls._make(name, issuer, [], authority=True)

    def server(
        self,
        *names: str,
        begins: timedelta = -DAY,
        ends: timedelta = DAY,
        key: PrivateKey | None = None,
    ) -> Identity:
        """Sign a server's certificate for names and addresses; begin and end are from now."""
        return self._make(names[0], self, names, begins=begins, ends=ends, key=key)

    def client(self, name: str, *, begins: timedelta = -DAY, ends: timedelta = DAY) -> Identity:
        """Sign a client's certificate."""
        return self._make(name, self, [name], begins=begins, ends=ends, usage=ExtendedKeyUsageOID.CLIENT_AUTH)

    @classmethod
    def self_signed(cls, *names: str) -> Self:
        """Make a server's certificate that nobody else vouches for."""
        return cls._make(names[0], None, names)

    @classmethod
    def _make(
        cls,
        name: str,
        issuer: Identity | None,
        names: Sequence[str],
        *,
        authority: bool = False,
        begins: timedelta = -DAY,
        ends: timedelta = DAY,
        key: PrivateKey | None = None,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    ) -> Self:
        key = key or ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(one) for one in names]), critical=False
            )
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
        return cls(certificate, key, issuer)

    @property
    def pem(self) -> str:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def chain(self) -> str:
        """The certificate and the authorities between it and its root, which is left out."""
        text, above = self.pem, self.issuer
        while above is not None and above.issuer is not None:
            text, above = text + above.pem, above.issuer
        return text

    @property
    def key_pem(self) -> str:
        """The private key."""
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return self.key.private_bytes(*form).decode()

    @property
    def spki(self) -> bytes:
        """The public key as a certificate holds it (what pins are of)."""
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return self.key.public_key().public_bytes(*form)

    def revoke(self, *others: Identity) -> str:
        """Sign a list (PEM) that revokes the others' certificates."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - DAY)
            .next_update(now + DAY)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        for other in others:
            serial = other.certificate.serial_number
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - DAY).build()
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write chain and key, each by one rename; a reader never sees half a file."""
        written = []
        for ending, text in (("pem", self.chain), ("key", self.key_pem)):
            partial = folder / f"{name}.{ending}.partial"
            partial.write_text(text)
            written.append(partial.rename(folder / f"{name}.{ending}"))
        return written[0], written[1]


def trusting(authority: Identity) -> dict[str, Any]:
    """Give the `tls` of a backend's environment that believes this authority (docs/wire.md, section 2)."""
    return {"ca": authority.pem, "server_name": None, "pins_sha256": [], "crl": None}


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
