"""Reading the files that name dead keys: a data folder's `revocations.log`, a node's `revoked.log`."""

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
