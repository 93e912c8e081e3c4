"""Reads what there is, as far as files speak of it: a handful of queries, whatever the number of things."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.db.models import Count, OuterRef, Prefetch, Subquery

from portazgo.apis.models import Api
from portazgo.applications.models import Application
from portazgo.backends.models import Backend
from portazgo.contracts.domain import age_of
from portazgo.contracts.models import BackendSchema, Contract, ContractPin, ContractVersion, SchemaVersion
from portazgo.declarative.domain import Kind, Ref, State, Terms, Thing
from portazgo.declarative.models import Ownership
from portazgo.keys.domain import KeyStatus
from portazgo.keys.models import Key
from portazgo.partners.models import Partner
from portazgo.plans.models import Plan
from portazgo.routes.models import Route
from portazgo.signing.models import Issuer

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import Model

Found = Iterator[tuple["UUID", str, Terms]]

MODELS: dict[Kind, type[Model]] = {
    "issuer": Issuer,
    "backend": Backend,
    "api": Api,
    "schema": BackendSchema,
    "route": Route,
    "contract": Contract,
    "plan": Plan,
    "partner": Partner,
    "application": Application,
}


def read_state() -> State:
    """Read all of it."""
    owners = {(row.kind, row.identifier): row.owner for row in Ownership.objects.all()}
    things: dict[Ref, Thing] = {}
    ids: dict[Ref, UUID] = {}
    for kind, read in _READERS.items():
        for identifier, name, terms in read():
            ref = Ref(kind, name)
            things[ref] = Thing(terms, owners.get((kind, identifier)))
            ids[ref] = identifier
    return State(things, _keys(), ids, _versions(), _tagged())


def default_issuer() -> str | None:
    """Name the issuer that a credential has which names none: the first that was made."""
    return Issuer.objects.order_by("id").values_list("name", flat=True).first()


def sweep() -> None:
    """Drop the marks of things that are gone: their ids are never used again."""
    for kind, model in MODELS.items():
        there = model._default_manager.values("pk")  # noqa: SLF001 - Django's own name for it
        Ownership.objects.filter(kind=kind).exclude(identifier__in=there).delete()


def _keys() -> dict[Ref, int]:
    rows = Application.objects.annotate(count=Count("keys")).filter(count__gt=0)
    named = rows.values_list("partner__name", "name", "count")
    return {Ref("application", f"{partner}/{name}"): count for partner, name, count in named}


def _tagged() -> dict[str, frozenset[str]]:
    rows = Key.objects.filter(route_tags__isnull=False).exclude(status=KeyStatus.REVOKED)
    applications: dict[str, set[str]] = defaultdict(set)
    for partner, name, tags in rows.values_list("application__partner__name", "application__name", "route_tags"):
        for tag in tags or ():
            applications[tag].add(f"{partner}/{name}")
    return {tag: frozenset(names) for tag, names in applications.items()}


def _issuers() -> Found:
    for row in Issuer.objects.all():
        terms = {"url": row.url, "algorithm": row.algorithm, "rotate_every_seconds": row.rotate_every_seconds}
        yield row.id, row.name, terms


def _backends() -> Found:
    issuers = {str(row.id): row for row in Issuer.objects.all()}
    for row in Backend.objects.all():
        environments = {name: _environment(one, issuers) for name, one in row.environments.items()}
        yield row.id, row.name, {"environments": environments}


def _environment(stored: dict[str, Any], issuers: dict[str, Issuer]) -> dict[str, Any]:
    credential = dict(stored["credential"])
    if "issuer" in credential:
        issuer = issuers[credential["issuer"]]
        # None: the issuer's own, as a file says that says nothing.
        algorithm = credential["algorithm"]
        credential |= {"issuer": issuer.name, "algorithm": None if algorithm == issuer.algorithm else algorithm}
    if credential.get("subject"):
        subject = {name: value for name, value in credential["subject"].items() if name != "algorithm"}
        credential["subject"] = {**subject, "issuer": issuers[subject["issuer"]].name}
    tls = stored.get("tls")
    if tls is not None:
        tls = {**tls, "pins_sha256": sorted(tls["pins_sha256"])}
    return {
        "targets": stored["targets"],
        "timeouts": stored["timeouts"],
        "credential": credential,
        "tls": tls,
        "forwarding": stored.get("forwarding"),
    }


def _apis() -> Found:
    for row in Api.objects.all():
        yield row.id, row.name, {}


def _schemas() -> Found:
    versions = SchemaVersion.objects.filter(schema=OuterRef("pk")).order_by("-number")
    newest = Subquery(versions.values("sha256")[:1])
    rows = BackendSchema.objects.annotate(newest=newest).values_list("id", "name", "backend__name", "newest")
    for identifier, name, backend, sha256 in rows:
        yield identifier, name, {"backend": backend, "sha256": sha256}


def schema_text(name: str, sha256: str) -> str | None:
    """Find the document of a schema that has this digest, among the versions that are kept; None: there is none."""
    row = SchemaVersion.objects.filter(schema__name=name, sha256=sha256).first()
    return None if row is None else row.document


def _versions() -> dict[str, list[str]]:
    served: dict[str, list[str]] = defaultdict(list)
    for contract, name in ContractVersion.objects.filter(retired_at=None).values_list("contract__name", "name"):
        served[contract].append(name)
    return {contract: sorted(names, key=age_of) for contract, names in served.items()}


def _contracts() -> Found:
    versions = ContractVersion.objects.filter(contract=OuterRef("pk")).newest_first()
    rows = list(Contract.objects.select_related("api", "schema").annotate(newest=Subquery(versions.values("id")[:1])))
    newest = ContractVersion.objects.only("terms", "retired_at").in_bulk([row.newest for row in rows if row.newest])
    for row in rows:
        last = newest.get(row.newest)
        terms = {
            "api": row.api.name,
            "schema": row.schema.name,
            **row.terms,
            "published": last is not None and last.retired_at is None and last.terms == row.terms,
        }
        yield row.id, row.name, terms


def _named_versions() -> dict[UUID, str]:
    """Name versions as routes do: one that is its contract's newest goes by the contract's name alone."""
    newest = {(contract, names[-1]) for contract, names in _versions().items()}
    rows = ContractVersion.objects.values_list("id", "contract__name", "name")
    return {
        identifier: contract if (contract, name) in newest else f"{contract}@{name}"
        for identifier, contract, name in rows
    }


def _pins(holder: Any) -> dict[str, str]:
    return {pin.api.name: f"{pin.version.contract.name}@{pin.version.name}" for pin in holder.contract_pins.all()}


_PINS = Prefetch(
    "contract_pins",
    ContractPin.objects.select_related("api", "version__contract").defer(
        "version__terms", "version__compiled", "version__document", "version__contract__terms"
    ),
)


def _routes() -> Found:
    names = _named_versions()
    for row in Route.objects.select_related("api", "backend"):
        terms = {
            "backend": row.backend.name,
            "hosts": None if row.hosts is None else sorted(row.hosts),
            "method": row.method,
            "path": row.path,
            "backend_method": row.backend_method,
            "backend_path": row.backend_path,
            "environments": sorted(set(row.environments)),
            "scopes": sorted(set(row.scopes)),
            "max_request_bytes": row.max_request_bytes,
            "max_response_bytes": row.max_response_bytes,
            "query": row.query if row.query == "all" else sorted(set(row.query)),
            "request_headers": sorted(row.request_headers),
            "response_headers": sorted(row.response_headers),
            "upgrades": sorted(row.upgrades),
            "idempotency_key": row.idempotency_key,
            "timeouts": row.timeouts,
            "tags": sorted(row.tags),
            "passthrough": row.passthrough,
            "contract": None if row.contract_id is None else names[row.contract_id],
        }
        yield row.id, f"{row.api.name}/{row.name}", terms


def _plans() -> Found:
    for row in Plan.objects.prefetch_related("apis", _PINS):
        throttles: list[dict[str, Any]] = row.throttles
        terms = {
            "apis": sorted(api.name for api in row.apis.all()),
            "scopes": None if row.scopes is None else sorted(set(row.scopes)),
            "throttles": sorted(throttles, key=_name),
            "rotation": row.rotation,
            "contracts": _pins(row),
        }
        yield row.id, row.name, terms


def _name(throttle: Mapping[str, Any]) -> str:
    return str(throttle["name"])


def _partners() -> Found:
    for row in Partner.objects.prefetch_related(_PINS):
        yield row.id, row.name, {"status": row.status, "metadata": row.metadata, "contracts": _pins(row)}


def _applications() -> Found:
    for row in Application.objects.select_related("partner", "plan").prefetch_related(_PINS):
        terms = {
            "environment": row.environment,
            "plan": row.plan.name if row.plan else None,
            "status": row.status,
            "metadata": row.metadata,
            "contracts": _pins(row),
        }
        yield row.id, f"{row.partner.name}/{row.name}", terms


_READERS: dict[Kind, Callable[[], Found]] = {
    "issuer": _issuers,
    "backend": _backends,
    "api": _apis,
    "schema": _schemas,
    "route": _routes,
    "contract": _contracts,
    "plan": _plans,
    "partner": _partners,
    "application": _applications,
}
