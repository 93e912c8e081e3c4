"""Compares what is in the database: two versions of a contract, and what a schema's new document means for contracts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portazgo.contracts.compilation import checked, compile_over, restored
from portazgo.contracts.compiling import ContractRefused
from portazgo.contracts.differences.contracts import changes
from portazgo.contracts.differences.effects import effects
from portazgo.contracts.differences.schemas import schema_changes
from portazgo.contracts.publishing import newest, version_named
from portazgo.contracts.schema import DocumentRefused, read_schema
from portazgo.kit.errors import NotFound

if TYPE_CHECKING:
    from portazgo.contracts.compiling import CompiledContract
    from portazgo.contracts.differences.effects import Effect
    from portazgo.contracts.differences.rules import Change
    from portazgo.contracts.differences.schemas import SchemaChange
    from portazgo.contracts.models import BackendSchema, Contract, ContractVersion
    from portazgo.contracts.schema import Schema

DRAFT = "draft"
_PROBLEMS_TOLD = 5


def differences(contract: Contract, before: str | None, after: str | None) -> list[Change]:
    """Say what changes for partners who go from one version to the other, breaking changes first.

    `before` None: the newest version; `after` None: the draft as it would be published now. Raises NotFound
    (`contract_version_unknown`), Invalid (`contract_refused`: the draft no longer compiles).
    """
    old = compiled(contract, before) if before else restored(_newest(contract).compiled)
    return changes(old, compiled(contract, after or DRAFT))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a new document means. `effects` are on versions that are served; `warnings` are about drafts."""

    changes: list[SchemaChange] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def meaning(schema: BackendSchema, before: str, after: str) -> Meaning:
    """Compare two documents of a schema, and say what the newer one means for the contracts that are over it."""
    try:
        old, new = read_schema(before), read_schema(after)
    except DocumentRefused:
        return Meaning()  # what can't be read for contracts has none: their drafts say so when they are changed
    served: dict[str, CompiledContract] = {}
    warnings: list[str] = []
    for contract in schema.contracts.select_related("api", "schema").order_by("name"):
        for version in contract.versions.filter(retired_at=None).order_by("published_at").defer("terms", "document"):
            served[f"{contract.name}@{version.name}"] = restored(version.compiled)
        warnings += _of_draft(contract, new)
    found = schema_changes(old, new)
    return Meaning(found, effects(found, served), warnings)


def _of_draft(contract: Contract, schema: Schema) -> list[str]:
    try:
        compile_over(contract.api, contract.schema.backend_id, schema, contract.terms)
    except ContractRefused as refused:
        told = [f"{problem.sentence} (at {problem.pointer})" for problem in refused.problems[:_PROBLEMS_TOLD]]
        more = len(refused.problems) - len(told)
        told += [f"and {more} more"] if more > 0 else []
        return [f"the draft of {contract.name} can't be compiled over this document: {'; '.join(told)}"]
    return []


def _newest(contract: Contract) -> ContractVersion:
    version = newest(contract)
    if version is None:
        raise NotFound("nothing of the contract is published", code="contract_version_unknown")
    return version


def compiled(contract: Contract, name: str) -> CompiledContract:
    """Give a version, or the draft, as it is compiled. Raises NotFound, Invalid."""
    if name == DRAFT:
        return checked(contract.api, contract.schema, contract.terms).contract
    return restored(version_named(contract, name).compiled)
