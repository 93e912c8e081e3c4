"""Use cases of contracts as they are being written. Each write compiles them: what can't be compiled is not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.apis.models import Api
from portazgo.contracts.compilation import Terms, checked
from portazgo.contracts.models import BackendSchema, Contract
from portazgo.kit.errors import Conflict, Invalid
from portazgo.kit.web.rows import given, refuse_taken, the_one
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.contracts.models import ContractVersion
    from portazgo.kit.clock import Clock

HolderKind = Literal["application", "partner", "plan"]
HOLDERS: tuple[HolderKind, ...] = get_args(HolderKind)
"""Who may be pinned to a version, the nearest to a call first."""


@dataclass(frozen=True, slots=True)
class NewContract:
    """A contract to be made."""

    name: str
    api: UUID
    schema: UUID
    terms: Terms


def create(actor: Actor, new: NewContract, *, clock: Clock) -> Contract:
    """Make a draft. Raises Invalid (`contract_refused`, `api_unknown`, `schema_unknown`), Conflict (`name_taken`)."""
    can(actor, Verb.CREATE, Contract.noun)
    api, schema = over(new.api, new.schema)
    now = clock.now()
    contract = Contract(name=new.name, api=api, schema=schema, terms=new.terms, created_at=now, changed_at=now)
    details = {"name": new.name, "api": api.name, "schema": schema.name}
    with change(actor, "contract.created", str(contract.id), details=details, clock=clock):
        remedy = "change its draft (`portazgo contract change`), or choose another name"
        refuse_taken(Contract.objects.all(), "contract", new.name, remedy=remedy)
        checked(api, schema, new.terms)
        contract.save(force_insert=True)
    return contract


def alter(
    actor: Actor,
    identifier: UUID,
    *,
    name: str | None = None,
    schema: UUID | None = None,
    terms: Terms | None = None,
    clock: Clock,
) -> Contract:
    """Change a draft; None leaves as it is. What was published stays. Raises NotFound, Invalid, Conflict."""
    can(actor, Verb.CHANGE, Contract.noun)
    details = {"members": given(name=name, schema=schema, terms=terms)}
    with change(actor, "contract.changed", str(identifier), details=details, clock=clock) as recorded:
        contract = locked(identifier)
        if name is not None and name != contract.name:
            refuse_taken(Contract.objects.all(), "contract", name)
            contract.name = name
            # Nodes name the contract in what they say of a call.
            recorded.touches(*(reference(version) for version in contract.versions.filter(retired_at=None).only("id")))
        if schema is not None:
            contract.schema = over(contract.api_id, schema)[1]
        if terms is not None:
            contract.terms = terms
        if schema is not None or terms is not None:
            checked(contract.api, contract.schema, contract.terms)
        contract.changed_at = clock.now()
        contract.save()
    return contract


def delete(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Remove a contract with its versions, none of which is used any more. Raises NotFound, Conflict (`in_use`)."""
    can(actor, Verb.DELETE, Contract.noun)
    with change(actor, "contract.deleted", str(identifier), clock=clock) as recorded:
        contract = locked(identifier)
        for version in contract.versions.without_documents():
            refuse_used(version)
            recorded.deletes(reference(version), document_reference(version))
        contract.delete()


def refuse_used(version: ContractVersion) -> None:
    """Raise Conflict (`in_use`) while a route, or a pin, leads to the version."""
    users = [
        *(f"the route {name}" for name in version.routes.order_by("name").values_list("name", flat=True)),
        *(f"the {kind} {name}" for kind in HOLDERS for name in pinned(version, kind)),
    ]
    if users:
        raise Conflict(
            f"the version {version.name} is still in use by {', '.join(users[:10])}",
            code="in_use",
            remedy="pin them to another version, or make another the default",
        )


def locked(identifier: UUID) -> Contract:
    """Find a contract, for a change. Raises NotFound (`contract_unknown`)."""
    return the_one(Contract.objects.select_for_update(), "contract", id=identifier)


def over(api: UUID, schema: UUID) -> tuple[Api, BackendSchema]:
    """Find what a contract is of and over. Raises Invalid (`api_unknown`, `schema_unknown`)."""
    found = Api.objects.filter(id=api).first()
    if found is None:
        raise Invalid.at("/api", f"there is no API {api}", code="api_unknown")
    document = BackendSchema.objects.filter(id=schema).first()
    if document is None:
        raise Invalid.at("/schema", f"there is no schema {schema}", code="schema_unknown")
    return found, document


def reference(version: ContractVersion) -> ResourceRef:
    """Name what nodes run of a version."""
    return ResourceRef("contract", str(version.id))


def document_reference(version: ContractVersion) -> ResourceRef:
    """Name what nodes serve of a version."""
    return ResourceRef("contract_document", str(version.id))


def pinned(version: ContractVersion, holder: HolderKind) -> list[str]:
    """Name who of this kind is pinned to the version."""
    rows = version.pins.filter(**{f"{holder}__isnull": False}).order_by(f"{holder}__name")
    return list(rows.values_list(f"{holder}__name", flat=True))
