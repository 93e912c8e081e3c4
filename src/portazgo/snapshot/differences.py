"""What a revision changed, for the audit: members before and after, as nodes were told them. No secret is among them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from portazgo.snapshot.compile import canonical
from portazgo.snapshot.wire import Resource, ResourceRef

NOT_KEPT = "(not kept)"
LARGEST_VALUE = 4_096
"""Characters of JSON; of a longer value (a certificate, a list of thousands) its sum is kept."""

# Nodes are told digests and what is sealed. They stand in the change log, and in no second place.
_SECRET = re.compile(
    r"digest|wrapped|sealed|secret$|password|private|lookup|credential_value|refresh_token|client_secret"
)


def difference(ref: ResourceRef, before: str | None, after: Resource | None) -> dict[str, Any]:
    """Compare the line that nodes had (None: none) with the resource that they get (None: it goes)."""
    was = json.loads(before)["body"] if before is not None else None
    now = dict(after.body) if after is not None else None
    differing = sorted(
        name
        for name in {*(was or {}), *(now or {})}
        if (was or {}).get(name, _ABSENT) != (now or {}).get(name, _ABSENT)
    )
    return {"kind": ref.kind, "id": ref.id, "before": _members(was, differing), "after": _members(now, differing)}


_ABSENT = object()


def _members(body: Mapping[str, Any] | None, names: list[str]) -> dict[str, Any] | None:
    if body is None:
        return None
    return {name: _kept(name, body[name]) for name in names if name in body}


def _kept(name: str, value: Any) -> Any:
    if _SECRET.search(name):
        return NOT_KEPT
    safe = _without_secrets(value)
    text = canonical({"value": safe})
    if len(text) <= LARGEST_VALUE:
        return safe
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "characters": len(text)}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(name): NOT_KEPT if _SECRET.search(str(name)) else _without_secrets(member)
            for name, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return value
