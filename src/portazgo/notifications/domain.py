"""Signing, trying again, and what an endpoint's URL may be. Pure rules.

Source: the Standard Webhooks specification, version 1 (headers, secrets, signatures, answers).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from portazgo.kit.address_kinds import Network, is_never_called, is_private, lies_in, written_address
from portazgo.kit.clock import rfc3339
from portazgo.kit.secret import Secret

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with, as the specification has it
SECRET_BYTES = 32
LONGEST_URL = 2_000
LONGEST_OVERLAP = timedelta(days=7)
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=6)
GROWTH = 4
JITTER = 0.2
GONE = 410
FAILURES_TO_PAUSE = 5
"""So many failures in a row at least, however long they took: an endpoint is not paused for one quiet day and a hiccup."""


class EndpointStatus(StrEnum):
    """Whether an endpoint is called."""

    ACTIVE = "active"
    PAUSED = "paused"


class DeliveryState(StrEnum):
    """Where the delivery of an event to an endpoint stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Tried:
    """How one call of an endpoint went: its status, or why there was none."""

    status: int | None
    problem: str | None
    retry_after: timedelta | None = None

    @property
    def went_well(self) -> bool:
        """Whether the endpoint took it."""
        return self.problem is None

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint says that it wants no more, ever."""
        return self.status == GONE


def new_secret(random_bytes: bytes) -> Secret:
    """Spell a secret as receivers configure it."""
    return Secret(SECRET_PREFIX + base64.b64encode(random_bytes).decode())


def secret_bytes(secret: Secret) -> bytes:
    """Give the bytes that sign."""
    return base64.b64decode(secret.reveal().removeprefix(SECRET_PREFIX))


def payload(event_type: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """Write the body of an event: the same bytes at every try."""
    document = {"type": event_type, "timestamp": rfc3339(at), "data": data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def signed_headers(message_id: str, body: bytes, secrets: Sequence[Secret], at: datetime) -> dict[str, str]:
    """Give the Standard Webhooks headers: a signature by every living secret, the newest first."""
    timestamp = str(int(at.timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret_bytes(one), content, "sha256")).decode() for one in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def delay(failures: int, chance: float, retry_after: timedelta | None = None) -> timedelta:
    """Tell how long to wait after this many failures in a row: 5 s, 20 s, 80 s … 6 h, each a fifth more or less.

    `chance` is a number in [0, 1). An endpoint that says when to come back is believed up to six hours.
    """
    # The exponent is bounded, so that no number grows out of what a duration can hold.
    grown = min(FIRST_DELAY * float(GROWTH ** min(max(failures, 1) - 1, 10)), LONGEST_DELAY)
    spread = grown * (1 - JITTER + 2 * JITTER * chance)
    return max(spread, min(retry_after or timedelta(0), LONGEST_DELAY))


def check_url(url: str, networks: Sequence[Network]) -> str:
    """Return the URL when an endpoint may have it, as far as its text tells. Raises ValueError.

    What its host's name stands for is judged at each delivery. http:// only into `networks`, the operator's own.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("this is no URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError("must be an https:// URL")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("must have no user name, password or fragment")
    if not url.isascii() or any(character.isspace() for character in url) or not url.isprintable():
        raise ValueError("must be written in ASCII, without white space")
    if parts.scheme == "http" and not networks:
        raise ValueError("must begin with https:// (http:// is for PORTAZGO_WEBHOOK_NETWORKS only, and none are set)")
    address = written_address(parts.hostname)
    if address is not None:
        if is_never_called(address):
            raise ValueError(f"{address} is never called")
        if is_private(address) and not lies_in(address, networks):
            raise ValueError(f"{address} lies in a private network that PORTAZGO_WEBHOOK_NETWORKS does not name")
    return url


def told_url(url: str) -> str:
    """Write a URL for the audit: where events go, without its path and query, which often are its secret.

    Its digest tells whether two are the same, also on one host that many share.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/… (sha256 {hashlib.sha256(url.encode()).hexdigest()[:16]})"


def check_overlap(overlap: timedelta) -> timedelta:
    """Return how long two secrets sign. Raises ValueError beyond a week."""
    if overlap > LONGEST_OVERLAP:
        raise ValueError("two secrets sign for 7d at most")
    return overlap
