"""`local:`: seals with AES-256-GCM under a key in a file of mode 0600. Source: NIST SP 800-38D.

The context is authenticated. The text is `local:<key id>:<base64url of nonce, ciphertext, tag>`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portazgo.kit.files import create_private, readable_by_others
from portazgo.kit.wrapping import WrappingFailed
from portazgo.kit.wrapping.uri import LOCAL

_KEY_BYTES = 32
_NONCE_BYTES = 12
_FILE_MARK = "portazgo-master-key-1"
_KEY_ID_CONTEXT = b"portazgo wrapping key id\0"


class LocalWrapper:
    """Seals under one master key that is kept in memory."""

    def __init__(self, key: bytes) -> None:
        self.key_id = hashlib.sha256(_KEY_ID_CONTEXT + key).hexdigest()[:12]
        self._cipher = AESGCM(key)

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> LocalWrapper:
        """Read the master key's file; `create` makes it when it is missing. Raises WrappingFailed."""
        try:
            if create and not path.exists():
                create_key(path)
            return cls(_read_key(path))
        except FileNotFoundError:
            raise WrappingFailed(
                f"the master key {path} is missing: bring it back from its backup; without it nothing sealed can be read"
            ) from None
        except OSError as problem:
            raise WrappingFailed(f"the master key {path} can't be read ({problem.strerror})") from None

    @property
    def opens(self) -> tuple[str, ...]:
        """Name the one key."""
        return (f"{LOCAL}:{self.key_id}",)

    def wrap(self, context: str, plaintext: bytes) -> str:
        """Seal `plaintext` for `context`."""
        # Random nonces: safe for 2^32 seals under one key, and a deployment seals thousands.
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plaintext, context.encode())
        return f"{LOCAL}:{self.key_id}:{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def unwrap(self, context: str, text: str) -> bytes:
        """Unseal what was sealed for the same context. Raises WrappingFailed."""
        key_id, sealed = _parse(text)
        if key_id != self.key_id:
            raise WrappingFailed(
                f"{context} was sealed by the master key {key_id}, but the one in use is {self.key_id}: "
                "the key file belongs to another installation, or was replaced"
            )
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise WrappingFailed(f"{context}: the sealed text was altered, or belongs to something else") from None


def create_key(path: Path) -> bool:
    """Make a new master key, 0600, where there is no file yet. Returns whether it was made. Raises OSError."""
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return create_private(path, f"{_FILE_MARK} {key}\n")


def _read_key(path: Path) -> bytes:
    if readable_by_others(path):
        raise WrappingFailed(f"the master key {path} can be read by others: chmod 600 {path}")
    mark, _, encoded = path.read_text("utf-8").strip().partition(" ")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if mark != _FILE_MARK or len(key) != _KEY_BYTES:
        raise WrappingFailed(f"the file {path} holds no master key of Portazgo")
    return key


def _parse(text: str) -> tuple[str, bytes]:
    scheme, _, rest = text.partition(":")
    key_id, _, encoded = rest.partition(":")
    try:
        sealed = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except binascii.Error:
        sealed = b""
    if scheme != LOCAL or len(sealed) <= _NONCE_BYTES:
        raise WrappingFailed(f"this is no text that {LOCAL}: sealed")
    return key_id, sealed
