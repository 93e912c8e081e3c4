"""Lines of the feed, their canonical form and the hash chain. Pure: no Django, no I/O, no clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portazgo.snapshot.wire import FORMAT, Resource, ResourceRef, SecurityOperation


@dataclass(frozen=True, slots=True)
class SecurityEntry:
    """A line of the security lane; its form never changes (docs/wire.md, section 4)."""

    sequence: int
    revision: int
    operation: SecurityOperation
    id: str
    at: str
    members: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """Give the JSON object of its line."""
        entry = {
            "sequence": self.sequence,
            "revision": self.revision,
            "operation": self.operation,
            "id": self.id,
            "at": self.at,
        }
        return {"security": entry | dict(self.members)}


@dataclass(frozen=True, slots=True)
class Revision:
    """What one transaction did to the compiled resources."""

    revision: int
    put: Sequence[Resource]
    delete: Sequence[ResourceRef]

    def document(self) -> dict[str, Any]:
        """Give the JSON object of its line, without the hash."""
        return {
            "revision": self.revision,
            "put": [resource.document() for resource in self.put],
            "delete": [{"kind": ref.kind, "id": ref.id} for ref in self.delete],
        }


def canonical(document: Mapping[str, Any]) -> str:
    """Write JSON in the one form that is hashed: keys sorted, no white space, UTF-8 as it is."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def chain(previous: str, line: str) -> str:
    """Hash a revision's canonical line (without its hash) onto the hash of the revision before."""
    return hashlib.sha256(f"{previous}\n{line}".encode()).hexdigest()


def with_hash(line: str, digest: str) -> str:
    """Put the hash into a revision's canonical line; the result is what nodes receive."""
    return f'{{"hash":"{digest}",{line[1:]}'


def snapshot_head(history: str, revision: int, digest: str) -> str:
    """Write the first line of a snapshot."""
    return canonical({"format": FORMAT, "history": history, "revision": revision, "hash": digest})


def changes_head(history: str, after: int, revision: int, digest: str) -> str:
    """Write the first line of a page of changes that goes on after a revision and ends at another."""
    return canonical({"format": FORMAT, "history": history, "from": after, "revision": revision, "hash": digest})


def last_line(count: int) -> str:
    """Write the last line; without `"end"` first a reader would have to parse every line to find it."""
    return f'{{"end":true,"count":{count}}}'


def page_of_changes(head: str, lines: Iterable[str]) -> bytes:
    """Put a page together."""
    between = list(lines)
    return ("\n".join([head, *between, last_line(len(between))]) + "\n").encode()
