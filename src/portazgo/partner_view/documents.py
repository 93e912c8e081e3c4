"""Which versions of contracts serve a partner, and what their OpenAPI documents say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.contracts.domain import state_of
from portazgo.contracts.models import ContractVersion
from portazgo.contracts.permitted import Caller, told_to
from portazgo.contracts.serving import serving
from portazgo.kit.web.rows import the_one

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.applications.models import Application
    from portazgo.partners.models import Partner


def documents_of(partner: Partner) -> list[dict[str, Any]]:
    """List the versions that serve the partner's applications now, and which of them."""
    served = _served(partner)
    rows = ContractVersion.objects.filter(id__in=served).select_related("contract__api")
    return [
        {
            "id": row.id,
            "api": row.contract.api.name,
            "contract": row.contract.name,
            "version": row.name,
            "state": state_of(deprecated_at=row.deprecated_at, retired_at=row.retired_at),
            "sunset_at": row.sunset_at,
            "link": row.link or None,
            "applications": [application.name for application in served[row.id]],
        }
        for row in rows.without_documents().order_by("contract__api__name", "contract__name", "name")
    ]


def document_of(partner: Partner, identifier: UUID) -> str:
    """Give the document of a version that serves the partner: of what one of those applications may call.

    Raises NotFound (`contract_version_unknown`), also for one that serves others.
    """
    served = _served(partner)
    version = the_one(ContractVersion.objects.filter(id__in=served), "contract_version", id=identifier)
    return told_to(version, map(Caller.of, served[version.id])).document


def _served(partner: Partner) -> dict[UUID, list[Application]]:
    """Find which versions serve the partner's applications, and which of these."""
    served: dict[UUID, list[Application]] = {}
    for application in partner.applications.select_related("plan").order_by("name"):
        for one in serving(application):
            served.setdefault(one.version.id, []).append(application)
    return served
