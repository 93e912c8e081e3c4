"""Writes the OpenAPI document that partners of a version read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.contracts.compilation import facts_of, restored
from portazgo.contracts.document.building import VersionFacts, partner_document, render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portazgo.contracts.compilation import Compilation
    from portazgo.contracts.compiling import CompiledContract, RouteFacts
    from portazgo.contracts.models import ContractVersion


def describe(version: ContractVersion, compilation: Compilation) -> str:
    """Write the document of a version that was compiled just now."""
    return _written(version, compilation.contract, compilation.facts)


def describe_again(version: ContractVersion) -> str:
    """Write the document of a version whose times have changed: what it was compiled from is kept, and its routes stay."""
    compiled = restored(version.compiled)
    rows = version.contract.api.routes.filter(id__in=list(version.compiled["routes"])).select_related("backend")
    # A route may have another name by now; the version knows it by the old one.
    names = {identifier: route["name"] for identifier, route in version.compiled["routes"].items()}
    facts = {names[str(row.id)]: facts_of(row) for row in rows}
    return _written(version, compiled, facts)


def _written(version: ContractVersion, compiled: CompiledContract, facts: Mapping[str, RouteFacts]) -> str:
    told = VersionFacts(
        version.contract.name, version.name, version.deprecated_at, version.sunset_at, version.link or None
    )
    return render(partner_document(told, facts, compiled))
