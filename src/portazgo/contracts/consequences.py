"""What a schema that is imported again means: for its operations, and for the versions of contracts that are served."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portazgo.contracts.compilation import restored
from portazgo.contracts.differences.effects import Effect, effects
from portazgo.contracts.differences.schemas import SchemaChange, schema_changes
from portazgo.contracts.models import BackendSchema, ContractVersion
from portazgo.contracts.schema import DocumentRefused, read_schema
from portazgo.contracts.storing import version_of

if TYPE_CHECKING:
    from portazgo.contracts.storing import Report


@dataclass(frozen=True, slots=True)
class Consequences:
    """What changed since the import before, and what that means for contracts; nothing at the first import."""

    changes: list[SchemaChange] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def consequences(report: Report, document: str) -> Consequences:
    """Compare an import with the one before. A version is named `CONTRACT@VERSION`; retired ones are left out."""
    if report.outcome != "changed":
        return Consequences()
    schema = BackendSchema.objects.get(name=report.name)
    before = version_of(schema, report.version - 1)
    try:
        found = schema_changes(read_schema(before.document), read_schema(document))
    except DocumentRefused as problem:
        # It is kept all the same: routes need less of a document than contracts.
        return Consequences(warnings=[f"its bodies can't be compared with those of the import before: {problem}"])
    if not found:
        return Consequences()
    served = ContractVersion.objects.filter(contract__schema=schema, retired_at=None).select_related("contract")
    compiled = {
        f"{version.contract.name}@{version.name}": restored(version.compiled)
        for version in served.defer("terms", "document").order_by("contract__name", "published_at")
    }
    return Consequences(found, effects(found, compiled))
