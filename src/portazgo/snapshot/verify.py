"""Do the compiled resources still say what the rows say? For `portazgo doctor`, and to mend what a bug left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.snapshot.compile import canonical
from portazgo.snapshot.compilers import compile_resource, every_resource
from portazgo.snapshot.log import change
from portazgo.snapshot.models import ResourceRow
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock


def differing() -> list[ResourceRef]:
    """Name every resource whose compiled form differs from what its rows compile to now."""
    stored = {ResourceRef(row.kind, row.identifier): row.line for row in ResourceRow.objects.iterator()}  # type: ignore[arg-type]
    found = []
    for ref in every_resource():
        resource = compile_resource(ref)
        line = stored.pop(ref, None)
        if line != (canonical(resource.document()) if resource else None):
            found.append(ref)
    return found + list(stored)


def recompile(actor: Actor, *, clock: Clock) -> int:
    """Compile everything that differs anew, as one revision. Returns how many there were; none makes no revision."""
    refs = differing()
    if refs:
        with change(
            actor, "snapshot.recompiled", "snapshot", details={"resources": len(refs)}, clock=clock
        ) as recorded:
            recorded.touches(*refs)
    return len(refs)
