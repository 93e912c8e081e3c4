"""What nodes tell (`node.testimony`), read and judged: from a folder, or as it came over the internal listener."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portazgo.care.failed import CareRefused
from portazgo.kit.ids import is_kid
from portazgo.node.testimony import FORMAT, told_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class TestimonyInvalid(ValueError):
    """It is not whole, or not what a node tells."""


@dataclass(slots=True)
class Told:
    """What one node knows. `entries` are the security lane's, by sequence; `resources` its names, by kind and id."""

    node: str
    label: str
    history: str
    revision: int
    hash: str
    dead: set[str] = field(default_factory=set)
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)
    resources: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, newer: Told) -> None:
        """Take in what the same node told later. What was dead stays so; of another history no entry goes on."""
        if newer.history != self.history:
            self.entries = {}
        self.label = newer.label or self.label
        self.history, self.revision, self.hash = newer.history, newer.revision, newer.hash
        self.dead |= newer.dead
        self.entries |= newer.entries
        self.resources = newer.resources

    @property
    def called(self) -> str:
        """Name it for people."""
        return self.label or self.node


def read(lines: Iterable[bytes]) -> Told:
    """Read a testimony. Raises TestimonyInvalid: not whole, or of another form."""
    told: Told | None = None
    count = 0
    ended = False
    for line in lines:
        try:
            document = json.loads(line)
            if told is None:
                told = _begun(document)
            elif document.get("end") is True:
                ended = int(document["count"]) == count
            else:
                count += 1
                _take(told, document)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise TestimonyInvalid(f"line {count + 1} can't be read: {problem}") from None
    if told is None or not ended:
        raise TestimonyInvalid("it is not whole")
    return told


def of_folder(folder: Path) -> Told:
    """Read what the folder of a node tells; the data folder that it is in will do. Raises CareRefused."""
    inner = folder / "node"
    place = inner if inner.is_dir() else folder
    if not any((place / name).exists() for name in ("revoked.log", "snapshot.ndjson", "changes.ndjson")):
        raise CareRefused(f"{folder} is no folder of a node", "name a node's data folder, or the `node` folder in it")
    try:
        return read(told_by(place, label=str(folder)))
    except OSError as problem:
        raise CareRefused(
            f"{problem.filename} can't be read ({problem.strerror})", "give this user the right to read it"
        ) from None


def _begun(document: dict[str, Any]) -> Told:
    if document["testimony"] != FORMAT:
        raise TestimonyInvalid(f"it is of form {document['testimony']}, and form {FORMAT} is read here")
    return Told(
        node=str(document["node"]),
        label=str(document["label"])[:200],
        history=str(document["history"])[:36],
        revision=_count(document["revision"]),
        hash=str(document["hash"])[:64],
    )


def _take(told: Told, document: dict[str, Any]) -> None:
    if "revoked" in document:
        if is_kid(document["revoked"]):
            told.dead.add(document["revoked"])
    elif "security" in document:
        entry = document["security"]
        told.entries[_count(entry["sequence"])] = entry
        if entry["operation"] == "revoke_key" and is_kid(entry["id"]):
            told.dead.add(entry["id"])
    elif "resource" in document:
        resource = document["resource"]
        told.resources[str(resource["kind"]), str(resource["id"])] = str(resource["name"])[:200]


def _count(value: Any) -> int:
    number = int(value)
    if not 0 <= number < 2**62:
        raise TestimonyInvalid(f"{number} is no count")
    return number
