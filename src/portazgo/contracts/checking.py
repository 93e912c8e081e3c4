"""Looks at contracts without keeping anything: what is wrong with one, what it lets pass, how one may begin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portazgo.contracts.compilation import Terms, compile_terms, facts_of
from portazgo.contracts.compiling import ContractRefused, Problem
from portazgo.contracts.drafting import draft
from portazgo.contracts.language.refused import nearest
from portazgo.contracts.schema_versions import schema_of, version_of
from portazgo.kit.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portazgo.apis.models import Api
    from portazgo.contracts.models import BackendSchema


@dataclass(frozen=True, slots=True)
class Passing:
    """How many fields pass on a route, by the answer's status."""

    route: str
    operation: str
    fields: dict[str, int]


@dataclass(frozen=True, slots=True)
class Check:
    """What is wrong with a contract; when nothing is, what it would let pass."""

    problems: list[Problem] = field(default_factory=list)
    routes: list[Passing] = field(default_factory=list)


def check(api: Api, schema: BackendSchema, terms: Terms) -> Check:
    """Compile a contract and keep nothing of it."""
    try:
        compilation = compile_terms(api, schema, terms)
    except ContractRefused as refused:
        return Check(problems=refused.problems)
    return Check(
        routes=[
            Passing(name, route.operation, {status: len(pairs) for status, pairs in route.fields.items()})
            for name, route in compilation.contract.routes.items()
        ]
    )


def drafted(api: Api, schema: BackendSchema, names: Sequence[str]) -> dict[str, Any]:
    """Write a contract of these routes, or of all that the schema describes. Raises Invalid (`route_unknown`)."""
    rows = api.routes.filter(backend=schema.backend_id).select_related("backend").order_by("name")
    facts = {route.name: facts_of(route) for route in rows}
    unknown = [name for name in names if name not in facts]
    if unknown:
        message = f"the API has no route {unknown[0]!r} that leads to the schema's backend"
        found = Problem("/routes", message, nearest(unknown[0], facts))
        raise Invalid.at(found.pointer, found.sentence, code="route_unknown")
    wanted = {name: one for name, one in facts.items() if not names or name in names}
    written = draft(schema_of(version_of(schema)), wanted)
    left_out = [name for name in names if name not in written["routes"]]
    if left_out:
        raise Invalid.at("/routes", f"the schema has no operation for the route {left_out[0]!r}", code="route_unknown")
    return written
