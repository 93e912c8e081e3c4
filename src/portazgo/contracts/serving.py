"""What is shown of pins: those to a contract's versions, and which version serves an application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from portazgo.contracts.domain import state_of
from portazgo.contracts.models import ContractPin, ContractVersion
from portazgo.contracts.pinning import effective, holder_of
from portazgo.contracts.service import HOLDERS, HolderKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portazgo.apis.models import Api
    from portazgo.applications.models import Application

PIN_ROWS = tuple(f"{holder}__partner" if holder == "application" else holder for holder in HOLDERS)
"""What `pin_view` reads beside the pin."""


class Serving(NamedTuple):
    """A version that serves an application's calls of an API, and whose pin says so; `default`: none does."""

    api: Api
    version: ContractVersion
    by: HolderKind | Literal["default"]


def pin_view(row: ContractPin) -> dict[str, Any]:
    """Show a pin: whose it is, and which version serves them."""
    holder = holder_of(row)
    named = getattr(row, holder.kind)
    name = f"{named.partner.name}/{named.name}" if holder.kind == "application" else named.name
    return {"kind": holder.kind, "holder": holder.id, "name": name, "version": row.version.name}


def serving(application: Application) -> Iterator[Serving]:
    """Say for each API of the application's plan which version serves its calls.

    Several where routes of one API have several defaults; an API all of whose routes pass bodies through has none.
    """
    apis = [] if application.plan is None else list(application.plan.apis.order_by("name"))
    pins = list(ContractPin.objects.filter(api__in=apis))
    for api in apis:
        # Routes that pass bodies through ignore pins.
        defaults = set(api.routes.filter(passthrough=False).values_list("contract", flat=True))
        pin = effective(application, api, pins) if defaults else None
        by = "default" if pin is None else holder_of(pin).kind
        wanted = defaults if pin is None else {pin.version_id}
        rows = ContractVersion.objects.without_documents().filter(id__in=wanted - {None}).select_related("contract")
        for version in rows.order_by("contract__name", "name"):
            yield Serving(api, version, by)


def serving_view(one: Serving) -> dict[str, Any]:
    """Show what serves an application."""
    version = one.version
    return {
        "api": one.api.id,
        "api_name": one.api.name,
        "contract": version.contract.name,
        "version": version.name,
        "by": one.by,
        "state": state_of(deprecated_at=version.deprecated_at, retired_at=version.retired_at),
        "sunset_at": version.sunset_at,
    }
