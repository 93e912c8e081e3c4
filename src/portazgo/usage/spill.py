"""Where segments lie that nodes were told are safe, and that the ledger has not taken yet.

What is there is found by listing, since it must be found when no database knows of it: `spill/<ledger>/` holds what is to
be taken, `aside/<ledger>/` what can't be. A name says all that is counted, so that counting reads no object; it is the same
for the same segment, so that a repeated one lies there once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from portazgo.kit.errors import Conflict
from portazgo.kit.objects import ObjectDiffers
from portazgo.usage.domain import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portazgo.kit.objects import ObjectStore
    from portazgo.usage.collector import Segment

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME = re.compile(rf"(?P<epoch>{_UUID})\.(?P<first>[0-9]{{19}})\.(?P<last>[0-9]{{19}})\.(?P<node>{_UUID})")


@dataclass(frozen=True, slots=True)
class Spilled:
    """A segment in the store."""

    name: str
    """Of the object."""
    node: UUID
    epoch: UUID
    run: Run


class Spill:
    """The spilled segments of one ledger."""

    def __init__(self, store: ObjectStore, ledger: UUID) -> None:
        self._store = store
        self._folder = f"spill/{ledger}/"
        self._aside = f"aside/{ledger}/"

    def put(self, segment: Segment) -> None:
        """Keep a segment; durable on return. Raises ObjectsFailed; Conflict where other bytes have its place."""
        summary = segment.summary
        # By epoch and then by sequence: in this order they are taken.
        name = f"{segment.epoch}.{summary['first']:019}.{summary['last']:019}.{segment.node}"
        try:
            self._store.put(self._folder + name, segment.content)
        except ObjectDiffers:
            raise Conflict(
                f"records {summary['first']} … of epoch {segment.epoch} are here already, with other bytes",
                code="segment_differs",
            ) from None

    def waiting(self) -> Iterator[Spilled | str]:
        """List what is to be taken, in its order; a name that is no segment's comes as it is. Raises ObjectsFailed."""
        for name in self._store.names(self._folder):
            yield _parsed(name, self._folder) or name

    def of_epoch(self, node: UUID, epoch: UUID) -> Iterator[Run]:
        """List the runs of one epoch that are to be taken, by their sequence. Raises ObjectsFailed."""
        for name in self._store.names(f"{self._folder}{epoch}."):
            found = _parsed(name, self._folder)
            if found is not None and found.node == node:
                yield found.run

    def content(self, name: str) -> bytes:
        """Read one. Raises ObjectMissing (another worker has taken it), ObjectsFailed."""
        return self._store.get(name)

    def taken(self, name: str) -> None:
        """Remove one that the ledger holds. Raises ObjectsFailed."""
        self._store.delete(name)

    def set_aside(self, name: str, content: bytes) -> str:
        """Move one away that the ledger can't take. Returns its new name. Raises ObjectsFailed."""
        # With its sum, so that two of one place are both kept, and one that is moved again after a crash only once.
        aside = f"{self._aside}{name.removeprefix(self._folder)}.{sha256(content).hexdigest()[:16]}"
        self._store.put(aside, content)
        self._store.delete(name)
        return aside

    def aside(self) -> int:
        """Count those that were set aside. Raises ObjectsFailed."""
        return sum(1 for _ in self._store.names(self._aside))


def _parsed(name: str, folder: str) -> Spilled | None:
    found = _NAME.fullmatch(name.removeprefix(folder))
    if found is None:
        return None
    return Spilled(name, UUID(found["node"]), UUID(found["epoch"]), Run(int(found["first"]), int(found["last"])))
