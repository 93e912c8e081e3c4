"""What contracts know of backends: the versions over one turn its addresses into the partner's, and must know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portazgo.backends.models import Backend


def versions_over(backend: Backend) -> Iterator[ResourceRef]:
    """Name what nodes have of contracts over the backend's schemas."""
    served = backend.schemas.filter(versions__contracts__isnull=False, versions__contracts__retired_at=None)
    for version in served.values_list("versions__contracts", flat=True):
        yield ResourceRef("contract", str(version))
