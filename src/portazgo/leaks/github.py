"""Reports as GitHub's secret scanning sends them to partners: who signed them, what they say.

Source: GitHub Docs, "Secret scanning partner program" (headers, ECDSA-NIST-P256V1-SHA256 over the raw body, feedback).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from portazgo.kit.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IDENTIFIER_HEADER = "Github-Public-Key-Identifier"
SIGNATURE_HEADER = "Github-Public-Key-Signature"
MOST_MATCHES = 1_000
LONGEST_TOKEN = 4_096


class KeysUnusable(Exception):
    """The file of public keys can't be used; the message says why."""


class Match(BaseModel):
    """One match of a report."""

    model_config = ConfigDict(extra="ignore")

    token: Annotated[str, Field(max_length=LONGEST_TOKEN)]
    type: Annotated[str, Field(max_length=LONGEST_TOKEN)] = ""
    url: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = None
    source: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = None


class PublishedKey(BaseModel):
    """A key of the document that GitHub publishes."""

    key_identifier: str
    key: str


class PublishedKeys(BaseModel):
    """The document of public keys, with what of it is used."""

    public_keys: list[PublishedKey]


_MATCHES = TypeAdapter(Annotated[list[Match], Field(min_length=1, max_length=MOST_MATCHES)])


class PublicKeys:
    """The keys of a file, read again when it changes: GitHub replaces them now and then."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, ec.EllipticCurvePublicKey] = {}

    def find(self, identifier: str) -> ec.EllipticCurvePublicKey | None:
        """Give the key of this identifier. Raises KeysUnusable."""
        try:
            status = self._file.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._keys, self._stamp = _keys_of(self._file.read_bytes()), stamp
        except OSError as problem:
            raise KeysUnusable(f"{self._file} can't be read ({problem.strerror})") from None
        return self._keys.get(identifier)


def is_signed(body: bytes, headers: Mapping[str, str], keys: PublicKeys) -> bool:
    """Tell whether one of the keys has signed this body. Raises KeysUnusable."""
    key = keys.find(headers.get(IDENTIFIER_HEADER, ""))
    try:
        signature = base64.b64decode(headers.get(SIGNATURE_HEADER, ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    if key is None:
        return False
    try:
        key.verify(signature, body, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def matches(body: bytes) -> list[Match]:
    """Read a report. Raises Invalid (`report_invalid`), which repeats nothing of it."""
    try:
        return _MATCHES.validate_json(body)
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        raise Invalid.at(pointer, str(first["msg"]), code="report_invalid") from None


def _keys_of(content: bytes) -> dict[str, ec.EllipticCurvePublicKey]:
    try:
        listed = PublishedKeys.model_validate_json(content).public_keys
        return {one.key_identifier: _key(one.key) for one in listed}
    except ValueError as problem:
        raise KeysUnusable(f"it is no document of public keys ({type(problem).__name__}: {problem})") from None


def _key(pem: str) -> ec.EllipticCurvePublicKey:
    key = load_pem_public_key(pem.encode("ascii"))
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("a key is none of ECDSA over P-256")  # noqa: TRY004 - the value of a file
    return key
