"""Writes docs/refusals.md, "What the gateway refuses and why", from the framing vectors of tests/cases.

`python scripts/refusals.py [--check]`: with --check it writes nothing and exits 1 when the page is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
CASES = PROJECT / "tests" / "cases"
PAGE = PROJECT / "docs" / "refusals.md"

INTRODUCTION = """\
# What the gateway refuses, and why

<!-- Generated from tests/cases by `make gen`; do not edit. -->

The gateway swaps identities. Its worst failure would be to forward what it did not check: two servers that read the same
bytes in two ways see two different requests. So it reads HTTP/1.1 strictly, repairs nothing, and ends the connection
where the framing is broken. The request to the backend is always built anew; no received byte is passed on as it stands.

Each line below is a test. Its bytes are sent to a real gateway, whole and in pieces, in front of a recording origin and
of nginx, apache2, gunicorn, uvicorn, waitress, tornado and node (`tests/cases/framing`,
`tests/blackbox/test_framing_vectors.py`, `tests/blackbox/test_framing_differential.py`). Codes are explained in
[faults.md](faults.md).
"""
BACKENDS = """\
## Answers of backends

What a backend may do wrong without the partner noticing more than a problem or a closed connection
(`tests/cases/answers.json`, `tests/blackbox/test_hostile_backends.py`). The backend's connection is never used again.
"""


def page() -> str:
    """Spell the whole page."""
    parts = [INTRODUCTION]
    for path in sorted((CASES / "framing").glob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        rows = [_request_row(vector) for vector in document["vectors"]]
        parts.append(_section(f"## {document['title']}\n\n{document['rule']}\n", rows))
    answers = json.loads((CASES / "answers.json").read_text("utf-8"))["cases"]
    parts.append(_section(BACKENDS, [_row(one, one["fault"], f"{one['status']}, passed on") for one in answers]))
    return "\n".join(parts)


def _request_row(vector: dict[str, Any]) -> str:
    refusals = [fault for fault in vector["faults"] if fault]
    accepted = f"accepted: {len(vector['reaches'])} reach the backend" if len(vector["reaches"]) > 1 else "accepted"
    return _row(vector, refusals[0] if refusals else None, accepted)


def _row(case: dict[str, Any], fault: str | None, otherwise: str) -> str:
    name = case["name"].replace("|", "\\|")
    return f"| {name} | {f'`{fault}`' if fault else otherwise} | {case['why']} |"


def _section(head: str, rows: list[str]) -> str:
    return "\n".join([head, "| what is sent | outcome | why |", "|---|---|---|", *rows, ""])


def main(arguments: list[str]) -> int:
    """Write or check. Returns the exit code."""
    fresh = PAGE.exists() and PAGE.read_text("utf-8") == page()
    if "--check" in arguments:
        if not fresh:
            sys.stderr.write(f"{PAGE.relative_to(PROJECT)} is stale: run `make gen`\n")
        return 0 if fresh else 1
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
