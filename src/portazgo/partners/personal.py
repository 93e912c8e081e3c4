"""Opens what records say of a person, for those who may see it.

A data key is unwrapped once and kept for a while. Whether it still is one is asked of the database each time: what was
erased is gone at once. Where the provider is away, what is personal is not shown, and everything else is.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from portazgo import _native
from portazgo.kit.errors import Unavailable
from portazgo.kit.wrapping import KeyWrapper, WrappingFailed
from portazgo.partners.callers import Caller
from portazgo.partners.models import DataKey

KEPT_SECONDS = 300.0
KEPT_KEYS = 1_000


class Standing(StrEnum):
    """Whether the personal members of a record are shown, and why not."""

    SHOWN = "shown"
    ABSENT = "absent"
    """Nothing was recorded: by setting, or the node had no data key."""
    ERASED = "erased"
    """The data key was destroyed."""
    UNAVAILABLE = "unavailable"
    """The key-wrapping provider can't be asked now, or holds another key."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Personal members as a record has them; epoch and start are the record's."""

    key: str | None
    content: bytes | None
    epoch: str
    started_at_us: int


@dataclass(frozen=True, slots=True)
class Personal:
    """The same, open; both None unless they are shown."""

    standing: Standing
    client_address: str | None = None
    user_agent: str | None = None


Provider = Callable[[], KeyWrapper]

_providers: list[Provider] = []


def register_provider(provider: Provider) -> None:
    """Say what unwraps data keys. Called once, at start."""
    _providers[:] = [provider]


def opened(sealed: Iterable[Sealed]) -> list[Personal]:
    """Open all of them, in their order; one query, and the provider is asked for what is not at hand."""
    listed = list(sealed)
    keys = _keys({one.key for one in listed if one.key is not None})
    return [_open(one, keys) for one in listed]


def from_caller(sealed: Iterable[Sealed], caller: Caller) -> list[bool]:
    """Tell of each, in their order, whether it says that the call may have come from there.

    Of a key that was erased nothing is known: no. Raises Unavailable where a key is there and can't be opened now: a list
    that leaves calls out would say that there were none.
    """
    listed = list(sealed)
    keys = _keys({one.key for one in listed if one.key is not None})
    if Standing.UNAVAILABLE in keys.values():
        raise _away()
    tags = {identifier: caller.tag(key) for identifier, key in keys.items() if isinstance(key, bytes)}
    return [caller.is_told_by(_open(one, keys).client_address, tags.get(one.key or "")) for one in listed]


def month_keys() -> list[tuple[str, bytes]]:
    """Give what callers without a proven key are sealed under, by month (`2026-11`), the newest first.

    Raises Unavailable where one can't be opened now.
    """
    rows = DataKey.objects.filter(partner=None, wrapped__isnull=False).order_by("-period").values_list("id", "period")
    periods = {str(identifier): period for identifier, period in rows}
    keys = _keys(set(periods))
    if Standing.UNAVAILABLE in keys.values():
        raise _away()
    return [(period, key) for identifier, period in periods.items() if isinstance(key := keys.get(identifier), bytes)]


def _away() -> Unavailable:
    return Unavailable(
        "the key-wrapping provider can't be asked now, and what is sealed can't be compared",
        code="wrapping_unavailable",
        remedy="try again; `portazgo doctor` says what is wrong with the provider",
    )


def revealed(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give records with `client_address` and `user_agent` open, and with `personal`: a standing.

    Nodes of older versions recorded both as they were: those are shown as they are.
    """
    listed = list(records)
    answers = opened(
        Sealed(one.get("personal_key"), one.get("personal"), one["epoch"], one["started_at_us"]) for one in listed
    )
    return [_revealed(record, answer) for record, answer in zip(listed, answers, strict=True)]


def _revealed(record: Mapping[str, Any], answer: Personal) -> dict[str, Any]:
    address, agent = record.get("client_address"), record.get("user_agent")
    if address is not None or agent is not None:
        answer = Personal(Standing.SHOWN, address, agent)
    return {
        **record,
        "client_address": answer.client_address,
        "user_agent": answer.user_agent,
        "personal": answer.standing.value,
    }


def _open(one: Sealed, keys: Mapping[str, bytes | Standing]) -> Personal:
    if one.key is None or not one.content:
        return Personal(Standing.ABSENT)
    key = keys.get(one.key, Standing.ERASED)
    if isinstance(key, Standing):
        return Personal(key)
    try:
        members = _native.unseal_personal(key, one.epoch, one.started_at_us, one.content)
    except ValueError:
        # Not what a node of ours sealed: shown as something that can't be opened, never guessed.
        return Personal(Standing.UNAVAILABLE)
    return Personal(Standing.SHOWN, members["client_address"], members["user_agent"])


def _keys(identifiers: set[str]) -> dict[str, bytes | Standing]:
    found: dict[str, bytes | Standing] = {}
    trouble = False
    rows = DataKey.objects.filter(id__in=identifiers, wrapped__isnull=False).values_list("id", "wrapped")
    for identifier, wrapped in rows:
        if wrapped is None:
            continue
        known = _unwrapped.get(wrapped)
        if known is None and not trouble:
            try:
                (provider,) = _providers
                known = provider().unwrap(f"data_key/{identifier}", wrapped)
                _unwrapped.put(wrapped, known)
            except WrappingFailed:
                trouble = True  # One wait for a provider that is away is enough for a page.
        found[str(identifier)] = Standing.UNAVAILABLE if known is None else known
    return found


class _Unwrapped:
    """Data keys by their wrapped text, so that one that is erased or sealed anew is looked for in vain."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    def get(self, wrapped: str) -> bytes | None:
        with self._lock:
            key, until = self._keys.get(wrapped, (None, 0.0))
            if key is not None and time.monotonic() >= until:
                del self._keys[wrapped]
                return None
            return key

    def put(self, wrapped: str, key: bytes) -> None:
        with self._lock:
            self._keys[wrapped] = key, time.monotonic() + KEPT_SECONDS
            while len(self._keys) > KEPT_KEYS:
                self._keys.popitem(last=False)


_unwrapped = _Unwrapped()
