"""Use cases of versions: published once, never changed, deprecated, retired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.backends.models import Backend
from portazgo.contracts.addresses import without_addresses
from portazgo.contracts.compilation import Compilation, Kept, checked, stored
from portazgo.contracts.describing import describe, describe_again
from portazgo.contracts.domain import next_name
from portazgo.contracts.language.refused import nearest
from portazgo.contracts.models import Contract, ContractVersion
from portazgo.contracts.service import document_reference, locked, reference, refuse_used
from portazgo.contracts.telling import number
from portazgo.kit.errors import Conflict, Invalid, NotFound
from portazgo.routes.models import Route
from portazgo.snapshot.log import Change, change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from portazgo.kit.clock import Clock


def publish(actor: Actor, identifier: UUID, *, default: bool, clock: Clock) -> ContractVersion:
    """Make the draft a version, named after the day. With `default` its routes serve it to whom nothing else is pinned.

    Raises NotFound, Invalid (`contract_refused`: the schema or the routes have changed since), Conflict
    (`contract_unchanged`).
    """
    can(actor, Verb.CREATE, Contract.noun)
    if default:
        can(actor, Verb.CHANGE, Route.noun)
    with change(actor, "contract.published", str(identifier), clock=clock) as recorded:
        contract = locked(identifier)
        compilation = checked(contract.api, contract.schema, contract.terms)
        kept = stored(compilation)
        last = newest(contract)
        if last is not None and not differs(last, contract, kept):
            raise Conflict(
                f"nothing has changed since {last.name}",
                code="contract_unchanged",
                remedy="change the draft first; to have the version served, make it the default (`portazgo contract default`)",
            )
        version = _put(contract, compilation, kept, recorded, clock)
        if default:
            make_default(version, recorded)
        recorded.note(name=contract.name, version=version.name, default=default)
    return version


def publish_changed(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Publish the draft if that gives anything new; routes that serve the version before it by default go over to it.

    Pins stay where they are: they name a version so that nothing changes for their holders. Raises NotFound, Invalid.
    """
    can(actor, Verb.CREATE, Contract.noun)
    contract = locked(identifier)
    compilation = checked(contract.api, contract.schema, contract.terms)
    kept = stored(compilation)
    before = newest(contract)
    if not differs(before, contract, kept):
        return
    with change(actor, "contract.published", str(identifier), clock=clock) as recorded:
        version = _put(contract, compilation, kept, recorded, clock)
        if before is not None:
            make_default(version, recorded, of=before)
        recorded.note(name=contract.name, version=version.name, default=False)


def served(identifier: UUID, name: str | None) -> ContractVersion:
    """Find a version that nodes have; the newest where none is named. Raises NotFound (`contract_version_unknown`)."""
    rows = ContractVersion.objects.filter(contract=identifier, retired_at=None)
    if name is not None:
        return _named(rows, name)
    found = rows.newest_first().first()
    if found is None:
        raise NotFound("nothing of the contract is published", code="contract_version_unknown")
    return found


def set_default(actor: Actor, identifier: UUID, name: str, *, clock: Clock) -> ContractVersion:
    """Have the routes of a version serve it to whom nothing else is pinned. Raises NotFound, Conflict (`retired`)."""
    can(actor, Verb.CHANGE, Contract.noun)
    can(actor, Verb.CHANGE, Route.noun)
    details = {"version": name}
    with change(actor, "contract.made_default", str(identifier), details=details, clock=clock) as recorded:
        version = version_named(locked(identifier), name)
        refuse_retired(version)
        make_default(version, recorded)
    return version


def make_default(version: ContractVersion, recorded: Change, *, of: ContractVersion | None = None) -> None:
    """Let the routes that a version has lead to it: what they let pass so far, they project now.

    `of`: only those that lead to this other version.
    """
    rows = version.contract.api.routes.select_for_update().filter(id__in=list(version.compiled["routes"]))
    for route in rows if of is None else rows.filter(contract=of):
        if route.upgrades:
            raise Conflict(
                f"the route {route.name!r} upgrades connections, and no contract says what passes then",
                code="route_upgrades",
                remedy="leave the route out of the contract, or take its upgrades away",
            )
        if route.contract_id != version.id or route.passthrough:
            route.passthrough, route.contract = False, version
            route.save(update_fields=["passthrough", "contract"])
            recorded.touches(ResourceRef("route", str(route.id)))


def deprecate(
    actor: Actor, identifier: UUID, name: str, *, sunset_at: datetime | None, link: str | None, clock: Clock
) -> ContractVersion:
    """Tell partners, with every answer, that a version goes out of use, and when (RFC 9745, RFC 8594).

    Once more: another end, or another page to read. Raises NotFound, Invalid, Conflict (`retired`).
    """
    can(actor, Verb.CHANGE, Contract.noun)
    details = {"version": name, "sunset_at": None if sunset_at is None else sunset_at.isoformat(), "link": link}
    with change(actor, "contract.deprecated", str(identifier), details=details, clock=clock) as recorded:
        version = version_named(locked(identifier), name)
        refuse_retired(version)
        now = clock.now()
        if sunset_at is not None and sunset_at <= now:
            raise Invalid.at(
                "/sunset_at", f"this end has passed ({sunset_at.isoformat()}): name one that lies ahead", code="invalid"
            )
        version.deprecated_at = version.deprecated_at or now
        version.sunset_at, version.link = sunset_at, link or ""
        _tell_end(version, recorded)
    return version


def undeprecate(actor: Actor, identifier: UUID, name: str, *, clock: Clock) -> ContractVersion:
    """Take a deprecation back: answers carry no `Deprecation`, `Sunset` and `Link` of it any more.

    Raises NotFound, Conflict (`not_deprecated`, `retired`).
    """
    can(actor, Verb.CHANGE, Contract.noun)
    with change(actor, "contract.undeprecated", str(identifier), details={"version": name}, clock=clock) as recorded:
        version = version_named(locked(identifier), name)
        refuse_retired(version)
        if version.deprecated_at is None:
            # Whoever takes back what nobody said may have named the wrong version.
            raise Conflict(
                f"the version {version.name} is not deprecated",
                code="not_deprecated",
                remedy="`portazgo contract show` says which versions are",
            )
        version.deprecated_at, version.sunset_at, version.link = None, None, ""
        _tell_end(version, recorded)
    return version


def retire(actor: Actor, identifier: UUID, name: str, *, clock: Clock) -> ContractVersion:
    """Take a version from the nodes. Raises NotFound, Conflict (`in_use`: a route or a pin leads to it)."""
    can(actor, Verb.DELETE, Contract.noun)
    with change(actor, "contract.retired", str(identifier), details={"version": name}, clock=clock) as recorded:
        version = version_named(locked(identifier), name)
        refuse_used(version)
        if version.retired_at is None:
            version.retired_at = clock.now()
            version.save(update_fields=["retired_at"])
            recorded.touches(reference(version), document_reference(version))
    return version


def version_named(contract: Contract, name: str) -> ContractVersion:
    """Find a version. Raises NotFound (`contract_version_unknown`)."""
    rows = contract.versions.select_related("contract__api", "schema_version").defer("schema_version__document")
    return _named(rows, name)


def _named(rows: QuerySet[ContractVersion], name: str) -> ContractVersion:
    found = rows.filter(name=name).first()
    if found is None:
        near = nearest(name, rows.values_list("name", flat=True))
        raise NotFound(
            f"the contract has no version {name}" + (f"; did you mean {near}?" if near else ""),
            code="contract_version_unknown",
            remedy="`portazgo contract show` lists them",
        )
    return found


def newest(contract: Contract) -> ContractVersion | None:
    """Find the version that was published last; None: there is none."""
    return contract.versions.select_related("contract__api").newest_first().first()


def refuse_retired(version: ContractVersion) -> None:
    """Raise Conflict (`retired`) for a version that no node has any more."""
    if version.retired_at is not None:
        raise Conflict(
            f"the version {version.name} is retired", code="retired", remedy="name another, or publish a new one"
        )


def differs(version: ContractVersion | None, contract: Contract, kept: Kept) -> bool:
    """Tell whether publishing would give anything new: other terms, or the same ones compiled to something else.

    Where the backend is now, nodes know without a new version.
    """
    if version is None or version.retired_at is not None or version.terms != contract.terms:
        return True
    return without_addresses(version.compiled) != without_addresses(kept)


def _tell_end(version: ContractVersion, recorded: Change) -> None:
    """Write what partners are told of a version's end, or that they are told nothing any more."""
    version.document = describe_again(version)
    version.save(update_fields=["deprecated_at", "sunset_at", "link", "document"])
    recorded.touches(reference(version), document_reference(version))


def _put(contract: Contract, compilation: Compilation, kept: Kept, recorded: Change, clock: Clock) -> ContractVersion:
    # Whoever moves the backend at this moment waits, and finds this version; or we wait, and find where it has moved to.
    Backend.objects.select_for_update().get(id=contract.schema.backend_id)
    now = clock.now()
    name = next_name(now.date(), contract.versions.values_list("name", flat=True))
    version = ContractVersion(
        contract=contract,
        schema_version=compilation.schema_version,
        name=name,
        terms=contract.terms,
        compiled=kept,
        published_at=now,
    )
    version.document = describe(version, compilation)
    version.save(force_insert=True)
    number(version, compilation, now)
    recorded.touches(reference(version), document_reference(version))
    return version
