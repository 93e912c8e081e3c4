"""What nodes tell (`node.testimony`), read and judged: from a folder, or as it came over the internal listener.

A node may have been broken into. What it tells is taken in its exact form or not at all: it goes into queries of the
database, into the audit and onto a terminal.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portazgo.care.failed import CareRefused
from portazgo.care.recovery.planning import ERASED
from portazgo.kit.ids import is_kid, parse_id
from portazgo.kit.printable import printable
from portazgo.node.testimony import FORMAT, told_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


LARGEST_COUNT = 2**62
LONGEST_WORD = 200
LONGEST_WRAPPED = 8_192
MOST_NETWORKS = 10_000
_LOOKUP = re.compile(r"[0-9a-f]{64}")
_MARKS = {
    "key": re.compile(r"[0-9a-f]{16}/[0-9]{1,9}/[0-9]{0,16}( [0-9a-f]{16}/[0-9]{1,9}/[0-9]{0,16})?"),
    "pepper": re.compile(r"[0-9a-f]{16}"),
}
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


class TestimonyInvalid(ValueError):
    """It is not whole, or not what a node tells."""


@dataclass(slots=True)
class Told:
    """What one node knows. `entries` are the security lane's, by sequence; `resources` its names, by kind and id.

    `secrets` are the marks of keys' secrets and of peppers (`node.testimony`), by kind and id; a node of an earlier version
    tells none. `graves` are the look-ups of imported keys that are dead, with their kids.
    """

    node: str
    label: str
    history: str
    revision: int
    hash: str
    dead: set[str] = field(default_factory=set)
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)
    resources: dict[tuple[str, str], str] = field(default_factory=dict)
    secrets: dict[tuple[str, str], str] = field(default_factory=dict)
    graves: dict[str, str] = field(default_factory=dict)
    lookup_key: str = ""

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
        except _UNREADABLE as problem:
            raise TestimonyInvalid(f"line {count + 1} can't be read: {problem}") from None
    if told is None or not ended:
        raise TestimonyInvalid("it is not whole")
    return told


def of_folder(folder: Path, question: str) -> Told:
    """Read what the folder of a node tells; the data folder that it is in will do. Raises CareRefused."""
    inner = folder / "node"
    place = inner if inner.is_dir() else folder
    if not any((place / name).exists() for name in ("revoked.log", "snapshot.ndjson", "changes.ndjson")):
        raise CareRefused(f"{folder} is no folder of a node", "name a node's data folder, or the `node` folder in it")
    try:
        return read(told_by(place, question, label=str(folder)[-LONGEST_WORD:]))
    except TestimonyInvalid as problem:
        raise CareRefused(
            f"what the node in {folder} knows can't be read ({problem})",
            "leave that folder out: its node can't be trusted",
        ) from None
    except OSError as problem:
        raise CareRefused(
            f"{problem.filename} can't be read ({problem.strerror})", "give this user the right to read it"
        ) from None


def _begun(document: dict[str, Any]) -> Told:
    if document["testimony"] != FORMAT:
        raise TestimonyInvalid(f"it is of form {document['testimony']}, and form {FORMAT} is read here")
    return Told(
        node=_word(document["node"]),
        label=str(document["label"])[:LONGEST_WORD],
        history=_word(document["history"]),
        revision=_count(document["revision"]),
        hash=_word(document["hash"]),
    )


def _take(told: Told, document: dict[str, Any]) -> None:
    if "revoked" in document:
        if is_kid(document["revoked"]):
            told.dead.add(document["revoked"])
    elif "security" in document:
        entry = _entry(document["security"])
        told.entries[entry["sequence"]] = entry
        if entry["operation"] == "revoke_key" and is_kid(entry["id"]):
            told.dead.add(entry["id"])
    elif "grave" in document:
        _bury(told, document["grave"])
    elif "lookup_key" in document:
        told.lookup_key = _word(document["lookup_key"], LONGEST_WRAPPED)
    elif "resource" in document:
        resource = document["resource"]
        name = _word(resource["kind"]), _word(resource["id"])
        if name[0] == ERASED and parse_id(name[1]) is None:
            raise TestimonyInvalid("the id of a data key has not the form of one")
        told.resources[name] = printable(str(resource["name"])[:LONGEST_WORD])
        if "secrets" in resource:
            told.secrets[name] = _marks(name[0], resource["secrets"])


def _bury(told: Told, grave: dict[str, Any]) -> None:
    lookups = _word(grave["lookups"], LONGEST_WRAPPED).split()
    if not is_kid(grave["kid"]) or not all(_LOOKUP.fullmatch(one) for one in lookups):
        raise TestimonyInvalid("the look-ups of a key have not the form of such")
    told.graves |= dict.fromkeys(lookups, grave["kid"])


def _entry(read: dict[str, Any]) -> dict[str, Any]:
    """Take an entry of the security lane in the form that it must have."""
    entry: dict[str, Any] = {name: _word(read[name]) for name in ("operation", "id", "at")}
    entry["sequence"] = _count(read["sequence"])
    if "networks" in read:
        entry["networks"] = [_word(network) for network in read["networks"][:MOST_NETWORKS]]
    return entry


def _word(value: Any, longest: int = LONGEST_WORD) -> str:
    if not isinstance(value, str) or len(value) > longest or not (value.isascii() and value.isprintable()):
        raise TestimonyInvalid("one of its words has not the form of one")
    return value


def _marks(kind: str, value: Any) -> str:
    if kind not in _MARKS or _MARKS[kind].fullmatch(_word(value)) is None:
        raise TestimonyInvalid("the marks of secrets have not the form of such")
    return str(value)


def _count(value: Any) -> int:
    number = int(value)
    if not 0 <= number < LARGEST_COUNT:
        raise TestimonyInvalid(f"{number} is no count")
    return number
