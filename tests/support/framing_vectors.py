"""The framing vectors of tests/cases/framing: raw bytes, and what must become of them. cargo test reads the same files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "framing"


@dataclass(frozen=True, slots=True)
class Reached:
    """A whole request as the origin must receive it."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Vector:
    """What is sent over one connection, and what must become of it."""

    name: str
    why: str
    send: bytes
    reaches: tuple[Reached, ...]
    answers: tuple[int, ...]
    faults: tuple[str | None, ...]
    closed: bool
    leaves: bool
    """The client closes when it has sent everything."""


def load(key: str, other: str) -> list[Vector]:
    """Read all vectors; `$KEY` becomes a key that is let in, `$OTHER` one of the right form that nobody has."""
    vectors = []
    for path in sorted(FOLDER.glob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        vectors += [_vector(document["title"], item, key, other) for item in document["vectors"]]
    return vectors


def _vector(title: str, item: dict[str, Any], key: str, other: str) -> Vector:
    return Vector(
        f"{title}: {item['name']}",
        item["why"],
        _bytes(item["send"], key, other),
        tuple(Reached(one["method"], one["path"], one["body"].encode("latin-1")) for one in item["reaches"]),
        tuple(item["answers"]),
        tuple(item["faults"]),
        item["closed"],
        item.get("then") == "close",
    )


def _bytes(send: str | list[Any], key: str, other: str) -> bytes:
    """Each character is one byte; a piece may be text that is repeated."""
    pieces = [send] if isinstance(send, str) else send
    text = "".join(piece if isinstance(piece, str) else piece["text"] * piece["times"] for piece in pieces)
    return text.replace("$KEY", key).replace("$OTHER", other).encode("latin-1")
