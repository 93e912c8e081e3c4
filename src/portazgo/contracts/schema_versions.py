"""Finds versions of a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.kit.web.rows import the_one

if TYPE_CHECKING:
    from portazgo.contracts.models import BackendSchema, SchemaVersion


def version_of(schema: BackendSchema, number: int | None = None) -> SchemaVersion:
    """Find a version, the newest when none is named. Raises NotFound (`schema_version_unknown`)."""
    if number is None:
        return schema.versions.order_by("-number")[0]
    return the_one(schema.versions.all(), "schema_version", number=number)
