"""Reading the files that name dead keys and destroyed data keys: `revocations.log`, and a node's `revoked.log`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from portazgo.kit.ids import is_kid


def dead_kids(text: str) -> Iterator[str]:
    """Name the kids in either file (JSON lines, or a kid a line); a line that a crash tore is left out."""
    for line in text.splitlines():
        try:
            kid = json.loads(line)["security"]["id"] if line.startswith("{") else line.strip()
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(kid, str) and is_kid(kid):
            yield kid


def erased_lines(text: str) -> Iterator[tuple[str, str]]:
    """Give the data keys that `revocations.log` calls destroyed, each with its line."""
    for line in text.splitlines():
        try:
            yield str(json.loads(line)["erased"]["data_key"]), line
        except (ValueError, KeyError, TypeError):
            continue
