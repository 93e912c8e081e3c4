"""From a document to flat terms, and from what there is to a document. Pure; the two are each other's inverse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from portazgo.backends.domain import Timeouts, check_targets
from portazgo.backends.logins import is_login
from portazgo.declarative import forwarding, logins
from portazgo.declarative.document import (
    NO_TOTAL,
    ApplicationPart,
    BackendPart,
    ContractPart,
    Document,
    EnvironmentPart,
    IssuerPart,
    MintPart,
    NoCredentialPart,
    PlanPart,
    RoutePart,
    RouteTimeoutsPart,
    SchemaPart,
)
from portazgo.declarative.domain import DEFAULT_ALGORITHM, FORMAT, KINDS, NESTED, SECTIONS, Kind, Ref, Terms, World
from portazgo.declarative.tls import tls_terms, written_tls
from portazgo.declarative.words import (
    format_milliseconds,
    format_rate,
    format_seconds,
    parse_milliseconds,
    parse_seconds,
)
from portazgo.plans.domain import parse_rate
from portazgo.plans.rotation import RotationPolicy
from portazgo.routes.domain import DEFAULT_MAX_REQUEST_BYTES, check_headers, check_hosts

ENVIRONMENTS = ["live", "test"]
_SECTIONS = {kind: section for section, kind in SECTIONS.items()}
_NONE = "none"


def world_of(document: Document, default_issuer: str | None) -> dict[Ref, Terms]:
    """Give the terms of everything that a document names.

    `default_issuer` stands where a credential names none; None: the first that the document makes. An issuer without a
    URL has None there: whatever it has is right.
    """
    world: dict[Ref, Terms] = {}
    # Issuers are made in the order of their names, and the first that was made is the default from then on.
    issuer = default_issuer or min(document.issuers, default=None)
    for name, part in document.issuers.items():
        world[Ref("issuer", name)] = _issuer(part)
    for name, backend in document.backends.items():
        world[Ref("backend", name)] = _backend(backend, issuer)
    for name, api in document.apis.items():
        world[Ref("api", name)] = {}
        world |= {Ref("route", f"{name}/{inner}"): _route(route) for inner, route in api.routes.items()}
    for name, schema in document.schemas.items():
        world[Ref("schema", name)] = {"backend": schema.backend, "sha256": schema.digest()}
    for name, contract in document.contracts.items():
        world[Ref("contract", name)] = _contract(contract)
    for name, plan in document.plans.items():
        world[Ref("plan", name)] = _plan(plan)
    for name, partner in document.partners.items():
        world[Ref("partner", name)] = {
            "status": partner.status,
            "metadata": dict(partner.metadata),
            "contracts": dict(partner.contracts),
        }
        for inner, application in partner.applications.items():
            world[Ref("application", f"{name}/{inner}")] = _application(application)
    return world


def texts_of(document: Document) -> dict[str, str]:
    """Give the OpenAPI documents that a document brings along, by their SHA-256."""
    return {part.digest(): part.document for part in document.schemas.values() if part.document is not None}


def without_texts(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Give a document that is right without the OpenAPI documents in it: their digests stand for them."""
    schemas = {
        name: {
            **{member: value for member, value in schema.items() if member != "document"},
            **({"sha256": SchemaPart.model_validate(schema).digest()} if schema.get("document") is not None else {}),
        }
        for name, schema in (tree.get("schemas") or {}).items()
    }
    return {**tree, "schemas": schemas} if schemas else dict(tree)


def _issuer(part: IssuerPart) -> Terms:
    """`url` and `algorithm` None: as the issuer is that exists."""
    return {
        "url": part.url and part.url.rstrip("/"),
        "algorithm": part.algorithm,
        "rotate_every_seconds": None if part.rotate_every is None else parse_seconds(part.rotate_every),
    }


def _backend(part: BackendPart, issuer: str | None) -> Terms:
    both = {"live": part.environments.live, "test": part.environments.test}
    return {"environments": {name: _environment(one, issuer) for name, one in both.items() if one is not None}}


def _environment(part: EnvironmentPart, issuer: str | None) -> dict[str, Any]:
    waits = part.timeouts
    return {
        "targets": check_targets(part.targets),
        "timeouts": {
            "connect_ms": parse_milliseconds(waits.connect),
            "first_byte_ms": parse_milliseconds(waits.first_byte),
            "idle_ms": parse_milliseconds(waits.idle),
            "total_ms": parse_milliseconds(waits.total),
        },
        "credential": _credential(part.credential, issuer),
        "tls": None if part.tls is None else tls_terms(part.tls),
        "forwarding": forwarding.terms_of(part.forwarding),
    }


def _credential(part: MintPart | NoCredentialPart | logins.AnyLoginPart, issuer: str | None) -> dict[str, Any]:
    if isinstance(part, NoCredentialPart):
        return {"kind": _NONE}
    if not isinstance(part, MintPart):
        return logins.terms_of(part, issuer)
    return {
        "kind": "mint",
        "issuer": part.issuer or issuer,
        "audience": part.audience,
        "algorithm": part.algorithm,
        "life_seconds": parse_seconds(part.life),
        "claims": dict(part.claims),
    }


def _route(part: RoutePart) -> Terms:
    return {
        "backend": part.backend,
        "hosts": None if part.hosts is None else sorted(check_hosts(part.hosts)),
        "method": part.method,
        "path": part.path,
        "backend_method": part.backend_method or part.method,
        "backend_path": part.backend_path or part.path,
        "environments": sorted(set(part.environments)),
        "scopes": sorted(set(part.scopes)),
        "max_request_bytes": part.max_request_bytes,
        "max_response_bytes": part.max_response_bytes,
        "query": part.query if part.query == "all" else sorted(set(part.query)),
        "request_headers": sorted(check_headers(part.request_headers)),
        "response_headers": sorted(check_headers(part.response_headers)),
        "upgrades": sorted(set(part.upgrades)),
        "idempotency_key": part.idempotency_key,
        "timeouts": None if part.timeouts is None else _route_timeouts(part.timeouts),
        "tags": sorted(set(part.tags)),
        "passthrough": bool(part.passthrough),
        "contract": part.contract,
    }


def _contract(part: ContractPart) -> Terms:
    """`published`: the newest version says what the draft says, which is what a file wants."""
    return {
        "api": part.api,
        "schema": part.schema_,
        "mappings": dict(part.mappings),
        "routes": dict(part.routes),
        "published": True,
    }


def _route_timeouts(part: RouteTimeoutsPart) -> dict[str, int | None] | None:
    waits = {"first_byte_ms": part.first_byte, "idle_ms": part.idle, "total_ms": part.total}
    return {
        name: None if text == NO_TOTAL else parse_milliseconds(text) for name, text in waits.items() if text is not None
    } or None


def _plan(part: PlanPart) -> Terms:
    throttles = [
        {"name": one.name, "quota": one.quota, "window_seconds": one.window_seconds, "burst": one.burst}
        for one in part.throttles()
    ]
    return {
        "apis": sorted(set(part.apis)),
        "scopes": None if part.scopes is None else sorted(set(part.scopes)),
        "throttles": sorted(throttles, key=lambda one: str(one["name"])),
        "rotation": None if part.rotation is None else part.rotation.policy().document(),
        "contracts": dict(part.contracts),
    }


def _application(part: ApplicationPart) -> Terms:
    return {
        "environment": part.environment,
        "plan": part.plan,
        "status": part.status,
        "metadata": dict(part.metadata),
        "contracts": dict(part.contracts),
    }


# ------------------------------------------------------------------------------------------------------ the way back


def document_of(name: str, world: World) -> dict[str, Any]:
    """Write what there is as a document, defaults left out. A route or application must not lack its API or partner."""
    document: dict[str, Any] = {"portazgo": FORMAT, "name": name}
    for ref in _in_order(world):
        body = _WRITTEN[ref.kind](world[ref])
        if ref.kind in NESTED:
            parent, section = NESTED[ref.kind]
            inside = document[_SECTIONS[parent]][ref.parent].setdefault(section, {})
            inside[ref.name.partition("/")[2]] = body
        else:
            document.setdefault(_SECTIONS[ref.kind], {})[ref.name] = body
    return document


def _in_order(world: World) -> Iterable[Ref]:
    return sorted(world, key=lambda ref: (KINDS.index(ref.kind), ref.name))


def _written_issuer(terms: Terms) -> dict[str, Any]:
    every = terms["rotate_every_seconds"]
    return {
        "url": terms["url"],
        **({} if terms["algorithm"] == DEFAULT_ALGORITHM else {"algorithm": terms["algorithm"]}),
        **({} if every is None else {"rotate_every": format_seconds(every)}),
    }


def _written_backend(terms: Terms) -> dict[str, Any]:
    return {
        "environments": {
            name: {
                "targets": list(one["targets"]),
                **_unless_empty("timeouts", _written_timeouts(one["timeouts"])),
                "credential": _written_credential(one["credential"]),
                **written_tls(one["tls"]),
                **_unless_empty("forwarding", forwarding.written(one["forwarding"])),
            }
            for name, one in sorted(terms["environments"].items())
        }
    }


def _written_timeouts(timeouts: Mapping[str, int]) -> dict[str, str]:
    usual = Timeouts()
    return {
        name.removesuffix("_ms"): format_milliseconds(value)
        for name, value in timeouts.items()
        if value != getattr(usual, name)
    }


def _written_credential(credential: Mapping[str, Any]) -> dict[str, Any]:
    if credential["kind"] == _NONE:
        return {"kind": _NONE}
    if is_login(credential):
        return logins.written(credential)
    return {
        "kind": "mint",
        "issuer": credential["issuer"],
        "audience": credential["audience"],
        **_unless_none("algorithm", credential["algorithm"]),
        "life": format_seconds(credential["life_seconds"]),
        **_unless_empty("claims", dict(credential["claims"])),
    }


def _written_route(terms: Terms) -> dict[str, Any]:
    usual = {
        "hosts": None,
        "backend_method": terms["method"],
        "backend_path": terms["path"],
        "environments": ENVIRONMENTS,
        "scopes": [],
        "max_request_bytes": DEFAULT_MAX_REQUEST_BYTES,
        "max_response_bytes": None,
        "query": "all",
        "request_headers": [],
        "response_headers": [],
        "upgrades": [],
        "idempotency_key": False,
        "timeouts": None,
        "tags": [],
        "contract": None,
    }
    body = {name: value for name, value in terms.items() if name not in usual or value != usual[name]}
    if "timeouts" in body:
        body["timeouts"] = {
            name.removesuffix("_ms"): NO_TOTAL if value is None else format_milliseconds(value)
            for name, value in body["timeouts"].items()
        }
    passthrough = body.pop("passthrough")
    return body if "contract" in body else {**body, "passthrough": passthrough}


def _written_contract(terms: Terms) -> dict[str, Any]:
    return {
        "api": terms["api"],
        "schema": terms["schema"],
        **_unless_empty("mappings", dict(terms["mappings"])),
        "routes": dict(terms["routes"]),
    }


def _written_plan(terms: Terms) -> dict[str, Any]:
    policy = RotationPolicy.stored(terms["rotation"])
    return {
        **_unless_empty("apis", list(terms["apis"])),
        **({} if terms["scopes"] is None else {"scopes": list(terms["scopes"])}),
        **_unless_empty("rates", [_written_rate(one) for one in terms["throttles"]]),
        **({} if policy is None else {"rotation": policy.words()}),
        **_unless_empty("contracts", dict(terms["contracts"])),
    }


def _written_rate(one: Mapping[str, Any]) -> str | dict[str, Any]:
    rate = format_rate(one["quota"], one["window_seconds"])
    named = one["name"] != parse_rate(rate).name
    if not named and one["burst"] is None:
        return rate
    return {
        "rate": rate,
        **({"name": one["name"]} if named else {}),
        **({} if one["burst"] is None else {"burst": one["burst"]}),
    }


def _written_standing(terms: Terms) -> dict[str, Any]:
    status = {} if terms["status"] == "active" else {"status": terms["status"]}
    return {
        **status,
        **_unless_empty("metadata", dict(terms["metadata"])),
        **_unless_empty("contracts", dict(terms["contracts"])),
    }


def _written_application(terms: Terms) -> dict[str, Any]:
    plan = {} if terms["plan"] is None else {"plan": terms["plan"]}
    return {"environment": terms["environment"], **plan, **_written_standing(terms)}


def _unless_none(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None else {name: value}


def _unless_empty(name: str, value: Any) -> dict[str, Any]:
    return {name: value} if value else {}


_WRITTEN: dict[Kind, Callable[[Terms], dict[str, Any]]] = {
    "issuer": _written_issuer,
    "backend": _written_backend,
    "api": dict,
    "schema": dict,
    "route": _written_route,
    "contract": _written_contract,
    "plan": _written_plan,
    "partner": _written_standing,
    "application": _written_application,
}
