"""The data keys of gateway nodes that tests start over a snapshot of their own, and their records, open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from portazgo._native import unseal_personal

OF_PARTNER, OF_NOBODY = "01990000-0000-7000-8000-0000000000d1", "01990000-0000-7000-8000-0000000000d2"
KEYS = {OF_PARTNER: b"a data key of one test's partner", OF_NOBODY: b"a data key of callers of no key."}


class Wrapper(Protocol):
    """What seals them for the node."""

    def wrap(self, context: str, plaintext: bytes) -> str:
        """Seal."""


def data_keys(wrapper: Wrapper, partner: str) -> list[dict[str, Any]]:
    """Give the resources: a partner's data key, and that of callers without a proven key."""
    return [
        {
            "kind": "data_key",
            "id": identifier,
            "requires": ["data_key.1"],
            "body": {"partner": owner, "wrapped": wrapper.wrap(f"data_key/{identifier}", KEYS[identifier])},
        }
        for identifier, owner in ((OF_PARTNER, partner), (OF_NOBODY, None))
    ]


def opened(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give the records with their personal members open; that none of them stood there in clear is checked on the way."""
    found = []
    for record in records:
        assert record["client_address"] is record["client_port"] is record["user_agent"] is None
        members: dict[str, str | None] = {}
        if record["personal"] is not None:
            key = KEYS[record["personal_key"]]
            members = unseal_personal(key, record["epoch"], record["started_at_us"], record["personal"])
        found.append({**record, **members})
    return found
