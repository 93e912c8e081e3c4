"""What the control plane's refusals say to whoever reads the node's log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

CONFLICT = 409
UNAUTHENTICATED = 401
FORBIDDEN = 403
HEAD_HEADER = "X-Portazgo-Head"


class FeedRefused(Exception):
    """The control plane's answer can't be used; the message says why. The node keeps what it has."""


def refusal(status: int, body: bytes) -> str:
    """Say why the feed refuses this node, and what to do."""
    if status == CONFLICT:
        return (
            "the control plane's history is not the one that this node knows (a restored database?); "
            "the node keeps what it has until `portazgo recover` is run (docs/operations.md, Restore)"
        )
    if status == UNAUTHENTICATED:
        return "the control plane refuses this node's token; make a new one with `portazgo node token create`"
    if status == FORBIDDEN:
        return f"the control plane does not let this node in: {said_in(body)}"
    return f"the control plane answered {status}: {body[:200].decode(errors='replace')}"


def said_in(body: bytes) -> str:
    """Give what a problem document says, and its remedy."""
    try:
        problem = json.loads(body)
        return "; ".join(str(problem[name]) for name in ("detail", "remedy") if problem.get(name))
    except (ValueError, AttributeError):
        return body[:200].decode(errors="replace")


def other_history(headers: Mapping[str, str]) -> dict[str, Any]:
    """Give what a receipt says of a feed whose history is not the node's."""
    head = headers.get(HEAD_HEADER, "")
    return {
        "revision": int(head) if head.isdecimal() else 0,
        "where": "history",
        "why": "the control plane's log has another history, or other content at this node's revision",
    }
