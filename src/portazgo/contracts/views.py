"""What is shown of contracts and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Prefetch, prefetch_related_objects

from portazgo.contracts.domain import state_of
from portazgo.contracts.models import ContractVersion
from portazgo.faults.catalogue import by_code

if TYPE_CHECKING:
    from portazgo.contracts.models import Contract
    from portazgo.contracts.permitted import LeftOut

SHOWN_VERSIONS = Prefetch(
    "versions",
    ContractVersion.objects.newest_first()
    .without_documents()
    .select_related("schema_version")
    .defer("schema_version__document")
    .prefetch_related("routes"),
)
"""What `contract_view` shows of versions. A list reads it for all its contracts at once."""


def contract_view(contract: Contract) -> dict[str, Any]:
    """Show a contract: the draft, and its versions, the newest first."""
    prefetch_related_objects([contract], SHOWN_VERSIONS)
    shown = [version_view(version) for version in contract.versions.all()]
    return {
        "id": contract.id,
        "name": contract.name,
        "api": contract.api_id,
        "schema": contract.schema_id,
        "state": shown[0]["state"] if shown else "draft",
        **contract.terms,
        "versions": shown,
        "created_at": contract.created_at,
        "changed_at": contract.changed_at,
    }


def version_view(version: ContractVersion) -> dict[str, Any]:
    """Show a version."""
    return {
        "id": version.id,
        "name": version.name,
        "state": state_of(deprecated_at=version.deprecated_at, retired_at=version.retired_at),
        "default": bool(version.routes.all()),
        "schema_version": version.schema_version.number,
        "published_at": version.published_at,
        "deprecated_at": version.deprecated_at,
        "sunset_at": version.sunset_at,
        "link": version.link or None,
        "retired_at": version.retired_at,
    }


def version_detail(version: ContractVersion) -> dict[str, Any]:
    """Show a version as it was written, and what partners see of it."""
    return {
        **version_view(version),
        "contract": version.contract_id,
        "mappings": version.terms["mappings"],
        "terms": version.terms["routes"],
        "routes": [{"id": identifier, **route} for identifier, route in version.compiled["routes"].items()],
        "components": version.compiled["components"],
    }


def left_out_view(one: LeftOut) -> dict[str, str]:
    """Show an operation that a reader may not call."""
    return {"operation": one.operation, "fault": one.fault, "sentence": by_code()[one.fault].operator}
