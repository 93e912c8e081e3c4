"""What contracts know of backends: the versions over one turn its addresses into the partner's, and must know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portazgo.backends.models import Backend


def versions_over(backend: Backend) -> Iterator[ResourceRef]:
    """Name what nodes have of contracts over the backend's schemas."""
    for schema in backend.schemas.all():
        for document in schema.versions.only("id"):
            for version in document.contracts.filter(retired_at=None).values_list("id", flat=True):
                yield ResourceRef("contract", str(version))
