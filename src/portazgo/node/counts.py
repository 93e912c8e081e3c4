"""What a poll tells of the node's records, so that the control plane can account for those that it has not got."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def counts_of_records(state: Mapping[str, Any]) -> dict[str, int]:
    """Give the members of a poll, from the node's statistics (docs/wire.md, section 3)."""
    counts = {
        "accepted": state["accepted"] + state["aggregates"],
        "journaled": state["written"],
        "synced": state["synced"],
        "at_risk": state["at_risk"],
    }
    since: int | None = state["at_risk_since_us"]
    # A host whose clock stands before 1970 has other troubles: no poll may be refused for it.
    return counts if since is None else {**counts, "at_risk_since_us": max(since, 0)}
