"""What all that speaks to AWS shares: what settings may say of a service, and its client by boto3.

Read by the settings of every role and command: imports no AWS until a client is made.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import Any
from urllib.parse import urlsplit

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# One for all services: making a session is not safe for threads.
_making = threading.Lock()


class Unprepared(Exception):
    """No client can be made, for want of a region mostly; the message is the kind of the problem."""


def region(given: str | None, refuse: type[ValueError]) -> str | None:
    """Give a region back. Raises `refuse`."""
    if given is not None and not _REGION.fullmatch(given):
        raise refuse(f"{given!r} is no AWS region")
    return given


def endpoint(given: str | None, refuse: type[ValueError], *, service: str, reason: str) -> str | None:
    """Give an endpoint back: https, but on this machine. Raises `refuse`, with the `reason` why it must be."""
    if given is None:
        return None
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise refuse(f"endpoint is no URL such as https://{service}.eu-west-1.amazonaws.com")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise refuse(f"endpoint must be https:// unless it is on this machine: {reason}")
    return given


def client(
    service: str,
    *,
    region: str | None,
    endpoint: str | None,
    connect_seconds: float,
    read_seconds: float,
    attempts: int,
) -> Any:
    """Make a client, which threads may share; calls nothing. Raises Unprepared."""
    import boto3  # noqa: PLC0415 - 50 ms and 20 MB that only who uses AWS pays
    from botocore.config import Config  # noqa: PLC0415 - likewise
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - likewise

    for name in ("boto3", "botocore", "s3transfer"):
        # What they log at DEBUG holds answers: keys, the content of objects.
        logging.getLogger(name).setLevel(logging.WARNING)
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(connect_timeout=connect_seconds, read_timeout=read_seconds, retries=retries)
    try:
        with _making:
            session: Any = boto3.session.Session()  # its stubs know a client's type by the literal name of its service
            return session.client(service, region_name=region, endpoint_url=endpoint, config=config)
    except BotoCoreError as problem:
        raise Unprepared(type(problem).__name__) from None
