"""How a file says how TLS to a backend is verified: its part, its terms, and the way back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from portazgo.backends.tls import (
    PEM_CHARACTERS_AT_MOST,
    check_authorities,
    check_pins,
    check_revocation_lists,
    check_server_name,
)
from portazgo.declarative.parts import Part, read_by


class TlsPart(Part):
    """How `https://` targets are verified. Left out: by the public authorities and the target's name."""

    ca: Annotated[str, Field(max_length=PEM_CHARACTERS_AT_MOST), read_by(check_authorities)] | None = Field(
        None, description="PEM: the authorities that count instead of the public ones."
    )
    server_name: Annotated[str, Field(max_length=253), read_by(check_server_name)] | None = Field(
        None, description="The name that the certificate must be for, where it is not the target's."
    )
    pins_sha256: Annotated[list[str], read_by(check_pins)] = Field(
        [], description="Base64 of SHA-256 over the public key (SPKI); the backend's must be one of them."
    )
    crl: Annotated[str, Field(max_length=PEM_CHARACTERS_AT_MOST), read_by(check_revocation_lists)] | None = Field(
        None, description="PEM: revocation lists of the authorities."
    )


def tls_terms(part: TlsPart) -> dict[str, Any]:
    """Give its terms."""
    return {
        "ca": part.ca,
        "server_name": part.server_name and check_server_name(part.server_name),
        "pins_sha256": sorted(check_pins(part.pins_sha256)),
        "crl": part.crl,
    }


def written_tls(tls: Mapping[str, Any] | None) -> dict[str, Any]:
    """Write it as it would stand in a file; what has none says nothing."""
    return {} if tls is None else {"tls": {name: value for name, value in tls.items() if value}}
