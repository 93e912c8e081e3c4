"""`aws-kms:`: envelope encryption under a key of AWS KMS; the key itself never leaves KMS.

KMS makes a data key (GenerateDataKey) for the encryption context {deployment, purpose}; secrets are sealed under it with
AES-256-GCM, whose authenticated data is the deployment and the whole context. The text carries the data key, encrypted:
`aws-kms:<id of the KMS key>:<base64url of the encrypted data key>.<base64url of nonce, ciphertext, tag>`.
Data keys are used again for a bounded time and number of uses, so that a thousand new keys are not a thousand calls.
"""

from __future__ import annotations

import base64
import binascii
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portazgo.kit.wrapping import WrappingFailed, WrappingUnavailable
from portazgo.kit.wrapping.kms_calls import KmsCalls
from portazgo.kit.wrapping.uri import AWS_KMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from portazgo.kit.wrapping.uri import AwsKms

Answer = TypeVar("Answer")

MOST_USES = 100_000
"""Of one data key for sealing: far below what random nonces allow (2^32), and a new one costs one call."""
MOST_OPENED = 1_000
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
_NONCE_BYTES = 12
_FORM = "portazgo aws-kms 1"


@dataclass(slots=True)
class _DataKey:
    """A data key in memory; `blob` is how KMS knows it."""

    key_id: str
    blob: bytes
    cipher: AESGCM
    ends: float
    uses: int = 0


class AwsKmsWrapper:
    """Seals and unseals with data keys of KMS. Safe for threads: no lock is held while KMS is asked."""

    def __init__(self, place: AwsKms, calls: KmsCalls, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._place = place
        self._calls = calls
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sealing: dict[str, _DataKey] = {}
        self._opened: OrderedDict[tuple[str, bytes], _DataKey] = OrderedDict()
        self._trouble: WrappingUnavailable | None = None
        self._again_at = 0.0
        self._pause = 0.0

    @classmethod
    def open(cls, place: AwsKms) -> AwsKmsWrapper:
        """Prepare to call; calls nothing yet. Raises WrappingFailed: boto3 is missing, or no region is known."""
        return cls(place, KmsCalls.prepare(place))

    @property
    def opens(self) -> tuple[str, ...]:
        """KMS decides what it opens, by its keys' policies."""
        return (AWS_KMS,)

    def wrap(self, context: str, plaintext: bytes) -> str:
        """Seal `plaintext` for `context`. Raises WrappingUnavailable."""
        key = self._data_key(_purpose(context))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + key.cipher.encrypt(nonce, plaintext, self._bound_to(context))
        return f"{AWS_KMS}:{key.key_id}:{_encode(key.blob)}.{_encode(sealed)}"

    def unwrap(self, context: str, text: str) -> bytes:
        """Unseal what was sealed for the same context. Raises WrappingFailed, WrappingUnavailable."""
        key_id, blob, sealed = _parse(text)
        key = self._opened_key(context, key_id, blob)
        try:
            return key.cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound_to(context))
        except InvalidTag:
            raise WrappingFailed(f"{context}: the sealed text was altered, or belongs to something else") from None

    def _bound_to(self, context: str) -> bytes:
        return f"{_FORM}\0{self._place.deployment}\0{context}".encode()

    def _data_key(self, purpose: str) -> _DataKey:
        with self._lock:
            known = self._sealing.get(purpose)
            if known is not None and known.uses < MOST_USES and self._monotonic() < known.ends:
                known.uses += 1
                return known
        key_id, plaintext, blob = self._asked(lambda: self._calls.generate_data_key(purpose))
        made = _DataKey(key_id, blob, AESGCM(plaintext), self._ends(), uses=1)
        with self._lock:
            self._sealing[purpose] = made
            self._keep_opened(purpose, made)
        return made

    def _opened_key(self, context: str, key_id: str, blob: bytes) -> _DataKey:
        purpose = _purpose(context)
        place = (f"{purpose}\0{key_id}", blob)
        with self._lock:
            known = self._opened.get(place)
            if known is not None and self._monotonic() < known.ends:
                return known
        plaintext = self._asked(lambda: self._calls.decrypt(purpose, key_id, blob, context))
        opened = _DataKey(key_id, blob, AESGCM(plaintext), self._ends())
        with self._lock:
            self._keep_opened(purpose, opened)
        return opened

    def _keep_opened(self, purpose: str, key: _DataKey) -> None:
        place = (f"{purpose}\0{key.key_id}", key.blob)
        # At the end: all live equally long, so that the oldest stand first and none stays past its time for long.
        self._opened.pop(place, None)
        self._opened[place] = key
        now = self._monotonic()
        while self._opened and (len(self._opened) > MOST_OPENED or next(iter(self._opened.values())).ends <= now):
            self._opened.popitem(last=False)

    def _ends(self) -> float:
        return self._monotonic() + self._place.reuse_seconds

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """Ask KMS; while it is away, only now and then: whoever needs it hears of it at once, and the rest isn't kept."""
        with self._lock:
            trouble = self._trouble if self._monotonic() < self._again_at else None
        if trouble is not None:
            raise WrappingUnavailable(str(trouble), trouble.remedy)
        try:
            answer = ask()
        except WrappingUnavailable as problem:
            with self._lock:
                self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2 or FIRST_PAUSE_SECONDS)
                self._trouble, self._again_at = problem, self._monotonic() + self._pause
            raise
        with self._lock:
            self._trouble, self._pause = None, 0.0
        return answer


def _purpose(context: str) -> str:
    return context.partition("/")[0]


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _parse(text: str) -> tuple[str, bytes, bytes]:
    scheme, _, rest = text.partition(":")
    key_id, _, encoded = rest.partition(":")
    blob, _, sealed = encoded.partition(".")
    parts = (_decode(blob), _decode(sealed))
    if scheme != AWS_KMS or not key_id or not parts[0] or len(parts[1]) <= _NONCE_BYTES:
        raise WrappingFailed(f"this is no text that {AWS_KMS}: sealed")
    return key_id, *parts
