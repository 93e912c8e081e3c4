"""How versions are compiled for nodes, and what the pins of a holder are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.contracts.addresses import addresses, with_addresses
from portazgo.contracts.expressions.written import computed_in
from portazgo.contracts.models import ContractVersion
from portazgo.contracts.permitted import told_in_parts
from portazgo.kit.clock import microseconds
from portazgo.snapshot.wire import ContractBody, ContractDocumentBody, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

FEATURE = "contract.1"
SAMPLING = "contract.sampling.1"
COMPUTE = "contract.compute.1"
CUT = "contract.document.1"
UNTOLD = "contract.untold.1"


def compiled(identifier: str) -> Resource | None:
    """Compile a version for nodes, over where its backend is now; a retired one is gone."""
    version = _served(identifier)
    if version is None:
        return None
    known = addresses(version.schema_version.schema.backend.environments)
    body = ContractBody(
        api=str(version.contract.api_id),
        contract=version.contract.name,
        version=version.name,
        number=version.told.number,
        deprecated_at_us=_microseconds(version.deprecated_at),
        sunset_at_us=_microseconds(version.sunset_at),
        link=version.link or None,
        routes={route: with_addresses(kept["wire"], known) for route, kept in version.compiled["routes"].items()},
    )
    return Resource(
        "contract", str(version.id), _features(kept["wire"] for kept in version.compiled["routes"].values()), body
    )


def compiled_document(identifier: str) -> Resource | None:
    """Give nodes the OpenAPI document of a version's partners; it is a resource of its own, since it is only served.

    A node that can't cut it for its reader must not serve it.
    """
    version = _served(identifier)
    if version is None:
        return None
    body = ContractDocumentBody(parts=told_in_parts(version))
    return Resource("contract_document", str(version.id), (CUT,), body)


def every_served() -> Iterable[str]:
    """Name the versions that nodes have."""
    rows = ContractVersion.objects.filter(retired_at=None).values_list("id", flat=True)
    return (str(identifier) for identifier in rows.iterator())


def _served(identifier: str) -> ContractVersion | None:
    return (
        ContractVersion.objects.filter(id=identifier, retired_at=None)
        .select_related("contract", "told", "schema_version__schema__backend")
        .defer("told__routes", "schema_version__document")
        .first()
    )


def _features(routes: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Name what a node has to know for these routes."""
    routes = list(routes)
    needed = [FEATURE]
    if any("sampling" in route for route in routes):
        needed.append(SAMPLING)
    if any(computed_in(route.get("program", {})) for route in routes):
        needed.append(COMPUTE)
    if any("untold" in route.get("request", {}) for route in routes):
        needed.append(UNTOLD)
    return tuple(needed)


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)
