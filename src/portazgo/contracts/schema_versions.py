"""Finds versions of a schema, and reads what they keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from portazgo.contracts.schema import DocumentRefused, Schema, read_schema
from portazgo.kit.errors import Invalid, NotFound

if TYPE_CHECKING:
    from portazgo.contracts.models import BackendSchema, SchemaVersion

_READ_AT_MOST = 8
"""So many documents are kept as they were read: some megabytes each, where a backend is large."""


def version_of(schema: BackendSchema, number: int | None = None) -> SchemaVersion:
    """Find a version, the newest when none is named. Raises NotFound (`schema_version_unknown`)."""
    if number is None:
        return schema.versions.order_by("-number")[0]
    found = schema.versions.filter(number=number).first()
    if found is None:
        kept = ", ".join(str(one) for one in schema.versions.order_by("number").values_list("number", flat=True))
        raise NotFound(f"the schema has no version {number} (there is: {kept})", code="schema_version_unknown")
    return found


def schema_of(version: SchemaVersion) -> Schema:
    """Read the document of a version. Raises Invalid (`document_invalid`): an import looks at operations alone."""
    try:
        return _read(_Document(version.sha256, version.document))
    except DocumentRefused as problem:
        told = f"version {version.number} of the schema {version.schema.name} can't be read for contracts: {problem}"
        raise Invalid.at("/schema", told, code="document_invalid") from None


@dataclass(frozen=True, slots=True)
class _Document:
    sha256: str
    text: str = field(compare=False, repr=False)


@lru_cache(maxsize=_READ_AT_MOST)
def _read(document: _Document) -> Schema:
    return read_schema(document.text)
