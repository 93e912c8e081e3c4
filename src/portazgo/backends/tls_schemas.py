"""What crosses HTTP of the verification of TLS."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from portazgo.backends.tls import (
    PEM_CHARACTERS_AT_MOST,
    check_authorities,
    check_pins,
    check_revocation_lists,
    check_server_name,
)
from portazgo.kit.web.schemas import Body


class TlsBody(Body):
    """How `https://` targets are verified; null: by the public authorities and the target's name."""

    ca: (
        Annotated[str, StringConstraints(max_length=PEM_CHARACTERS_AT_MOST), AfterValidator(check_authorities)] | None
    ) = Field(None, description="PEM: the authorities that count instead of the public ones.")
    server_name: Annotated[str, AfterValidator(check_server_name)] | None = Field(
        None, description="The name that the certificate must be for, where it is not the target's.", max_length=253
    )
    pins_sha256: Annotated[list[str], AfterValidator(check_pins)] = Field(
        [], description="Base64 of SHA-256 over the public key (SPKI); the backend's must be one of them."
    )
    crl: (
        Annotated[str, StringConstraints(max_length=PEM_CHARACTERS_AT_MOST), AfterValidator(check_revocation_lists)]
        | None
    ) = Field(None, description="PEM: revocation lists of the authorities.")
