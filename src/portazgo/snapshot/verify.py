"""Do the compiled resources still say what the rows say, and is the log whole? For `portazgo doctor`, and for mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.snapshot.compile import canonical, chain
from portazgo.snapshot.compilers import compile_resources, every_resource
from portazgo.snapshot.feed import head_now
from portazgo.snapshot.log import change
from portazgo.snapshot.models import ChangeRow, ResourceRow
from portazgo.snapshot.wire import NO_HASH, Kind, ResourceRef

if TYPE_CHECKING:
    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock


def differing(kind: Kind | None = None) -> list[ResourceRef]:
    """Name every resource, or every one of a kind, whose compiled form differs from what its rows compile to now."""
    rows = ResourceRow.objects.all() if kind is None else ResourceRow.objects.filter(kind=kind)
    stored = {ResourceRef(row.kind, row.identifier): row.line for row in rows.iterator()}  # type: ignore[arg-type]
    found = []
    for ref, resource in compile_resources(every_resource(kind)):
        line = stored.pop(ref, None)
        if line != (canonical(resource.document()) if resource else None):
            found.append(ref)
    return found + list(stored)


def recompile(actor: Actor, *, kind: Kind | None = None, clock: Clock) -> int:
    """Compile everything, or all of a kind, that differs anew, as one revision. Returns how many; none makes no revision."""
    refs = differing(kind)
    if refs:
        with change(
            actor, "snapshot.recompiled", "snapshot", details={"resources": len(refs)}, clock=clock
        ) as recorded:
            recorded.touches(*refs)
    return len(refs)


def broken_at() -> int | None:
    """Name the first revision of the log that is missing, or whose hash doesn't follow from the one before; None: none is.

    What was compacted away is taken on trust: the row at the floor is where the chain is picked up. Raises NoHead.
    """
    head = head_now()
    due, previous = (1, NO_HASH) if head.floor == 0 else (head.floor, None)
    rows = ChangeRow.objects.filter(revision__lte=head.revision).order_by("revision")
    for row in rows.iterator():
        if row.revision != due:
            return due
        if previous is not None and row.hash != chain(previous, row.line):
            return row.revision
        due, previous = row.revision + 1, row.hash
    if due <= head.revision:
        return due
    return None if previous in {None, head.hash} else head.revision
