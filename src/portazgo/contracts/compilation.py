"""Compiles what is in the database: a contract's terms over a schema, for the routes of an API."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from portazgo.backends.claims import readable_claims
from portazgo.contracts.addresses import addresses
from portazgo.contracts.compiling import (
    CompiledContract,
    CompiledParameter,
    CompiledRoute,
    ContractRefused,
    ContractTerms,
    FieldPair,
    Problem,
    RouteFacts,
    compile_contract,
)
from portazgo.contracts.schema_versions import schema_of, version_of
from portazgo.kit.errors import FieldError, Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from portazgo.apis.models import Api
    from portazgo.contracts.models import BackendSchema, SchemaVersion
    from portazgo.contracts.schema import Schema
    from portazgo.routes.models import Route

Terms = dict[str, Any]
"""A contract in the author's form: `mappings` and `routes`."""
Kept = dict[str, Any]
"""What a version keeps of a compilation."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """A contract that compiles, and what it was compiled from."""

    contract: CompiledContract
    schema_version: SchemaVersion
    schema: Schema
    routes: Mapping[str, Route]

    @property
    def facts(self) -> dict[str, RouteFacts]:
        """What the compiler knew of the contract's routes."""
        return {name: facts_of(route) for name, route in self.routes.items()}


def compile_terms(api: Api, schema: BackendSchema, terms: Terms) -> Compilation:
    """Compile over the newest version of the schema.

    Raises ContractRefused with every problem; its pointers are those of the author's form. Raises Invalid (`document_invalid`).
    """
    version = version_of(schema)
    read = schema_of(version)
    compiled, routes = compile_over(api, schema.backend_id, read, terms)
    return Compilation(compiled, version, read, routes)


def compile_over(api: Api, backend: UUID, schema: Schema, terms: Terms) -> tuple[CompiledContract, dict[str, Route]]:
    """Compile over a document that describes this backend. Returns the routes too. Raises ContractRefused."""
    routes = {route.name: route for route in api.routes.select_related("backend").order_by("name")}
    written = terms.get("routes", {})
    strangers = [
        Problem(
            f"/routes/{name}", f"the route {name!r} leads to another backend than the one that the schema describes"
        )
        for name in written
        if name in routes and routes[name].backend_id != backend
    ]
    if strangers:
        raise ContractRefused(strangers)
    facts = {name: facts_of(route) for name, route in routes.items() if route.backend_id == backend}
    compiled = compile_contract(ContractTerms(routes=written, mappings=terms.get("mappings", {})), schema, facts)
    return compiled, {name: routes[name] for name in compiled.routes}


def checked(api: Api, schema: BackendSchema, terms: Terms) -> Compilation:
    """Compile. Raises Invalid (`contract_refused`) with a pointer for each problem."""
    try:
        return compile_terms(api, schema, terms)
    except ContractRefused as refused:
        errors = [FieldError(pointer=problem.pointer, message=problem.sentence) for problem in refused.problems]
        raise Invalid("the contract can't be compiled", errors, code="contract_refused") from None


def facts_of(route: Route) -> RouteFacts:
    """Give what the compiler must know of a route."""
    environments = route.backend.environments
    claims = [readable_claims(one["credential"]) for one in environments.values()]
    return RouteFacts(
        method=route.method,
        path=route.path,
        backend_method=route.backend_method,
        backend_path=route.backend_path,
        targets=addresses(environments),
        claims=frozenset.intersection(*claims) if claims else frozenset(),
    )


def stored(compilation: Compilation) -> Kept:
    """Give what a version keeps: programs, partners' schemas and fields, by the routes' ids.

    The shapes are left out: terms and schema are kept, and give them again.
    """
    contract = compilation.contract
    document = {
        "components": dict(contract.components),
        "routes": {
            str(compilation.routes[name].id): {
                "name": name,
                "method": compilation.routes[name].method,
                "path": compilation.routes[name].path,
                **{member: getattr(route, member) for member in _AS_THEY_ARE},
                **({"words": dict(route.words)} if route.words else {}),
                "parameters": [asdict(parameter) for parameter in route.parameters],
                "fields": {status: [asdict(pair) for pair in pairs] for status, pairs in route.fields.items()},
            }
            for name, route in contract.routes.items()
        },
    }
    # As it will be read again, so that the two can be compared.
    kept: Kept = json.loads(json.dumps(document))
    return kept


def restored(kept: Mapping[str, Any]) -> CompiledContract:
    """Give the compiled contract of what a version keeps, without shapes."""
    return CompiledContract(
        routes={
            route["name"]: CompiledRoute(
                **{member: route[member] for member in _AS_THEY_ARE if member != "tags"},
                tags=tuple(route["tags"]),
                words=route.get("words", {}),
                parameters=tuple(CompiledParameter(**parameter) for parameter in route["parameters"]),
                fields={
                    status: tuple(FieldPair(**pair) for pair in pairs) for status, pairs in route["fields"].items()
                },
            )
            for route in kept["routes"].values()
        },
        components=kept["components"],
        component_shapes={},
    )


_AS_THEY_ARE = (
    "operation",
    "wire",
    "request_schema",
    "answer_schemas",
    "summary",
    "description",
    "tags",
)
