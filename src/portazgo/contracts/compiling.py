"""Compiling a contract: from what its author wrote and the backend's schema to what nodes run and partners read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from portazgo._native import check_program
from portazgo.contracts.language.paths import format_path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.refused import ContractRefused, Problem
from portazgo.contracts.language.routes import RouteReader, RouteTerms
from portazgo.contracts.mapping.defaults import with_requests_default
from portazgo.contracts.mapping.json_schema import write_schema
from portazgo.contracts.mapping.parameters import Sent
from portazgo.contracts.mapping.partner import Partner
from portazgo.contracts.mapping.route import Compiled, RouteCompiler
from portazgo.contracts.schema.shapes import Schema, Shape
from portazgo.kit.names import is_storable
from portazgo.routes.openapi.places import escape

__all__ = [
    "CompiledContract",
    "CompiledParameter",
    "CompiledRoute",
    "ContractRefused",
    "ContractTerms",
    "FieldPair",
    "Problem",
    "RouteFacts",
    "compile_contract",
]

JsonSchema = dict[str, Any]
_TOO_DEEP = "the schema's objects lie too deep in each other: select what partners need of them"


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """A contract as its author wrote it (docs/contracts.md), without the members that name its API and its schema."""

    routes: Mapping[str, Any]
    """By the route's name: `operation`, `path`, `query`, `headers`, `request`, `answers` and the rest."""
    mappings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """What the compiler must know of a route of the API."""

    method: str
    path: str
    """The partner's: `/v1/badges/{id}`."""
    backend_method: str
    backend_path: str
    targets: tuple[str, ...] = ()
    """Where the backend is called, in every environment: `https://backend.example:8000`. Such URLs are its own."""
    claims: frozenset[str] | None = None
    """Of the token that its calls carry, in every environment; None: nobody knows yet."""


@dataclass(frozen=True, slots=True)
class CompiledParameter:
    """A parameter as partners see it."""

    name: str
    place: Literal["path", "query", "header"]
    required: bool
    many: bool
    schema: JsonSchema
    description: str | None = None


@dataclass(frozen=True, slots=True)
class FieldPair:
    """A field that passes. Arrays are transparent in both paths, `*` is a map's values, `**` a free-form value."""

    partner: str
    backend: str


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """A route of the contract, compiled. Schemas are JSON Schema 2020-12, with `#/components/schemas/NAME` for components."""

    operation: str
    """The backend's: its operationId, or `GET /api/badges/{id}/`."""
    wire: dict[str, Any]
    """ROUTE of docs/programs.md."""
    parameters: tuple[CompiledParameter, ...]
    request_schema: JsonSchema | None
    """Of a JSON body; None: there is none, or it passes as it is (`wire` says which)."""
    answer_schemas: Mapping[str, JsonSchema]
    """By status as the contract has it: of the answers that are projected JSON."""
    fields: Mapping[str, tuple[FieldPair, ...]]
    """By status: what partners receive, the leaves only."""
    request_shape: Shape | None = None
    answer_shapes: Mapping[str, Shape] = field(default_factory=dict)
    """What the schemas were written from: the types of a later GraphQL schema."""
    summary: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    """`summary` and `description` in the author's words, in place of the backend's."""


@dataclass(frozen=True, slots=True)
class CompiledContract:
    """A contract, compiled."""

    routes: Mapping[str, CompiledRoute]
    components: Mapping[str, JsonSchema]
    """What the routes' schemas name."""
    component_shapes: Mapping[str, Shape]


def compile_contract(terms: ContractTerms, schema: Schema, routes: Mapping[str, RouteFacts]) -> CompiledContract:
    """Compile a contract over the routes of its API. Raises ContractRefused with all that is wrong."""
    try:
        return _compiled(terms, schema, routes)
    except RecursionError:
        raise ContractRefused([Problem("/routes", _TOO_DEEP)]) from None


def _compiled(terms: ContractTerms, schema: Schema, routes: Mapping[str, RouteFacts]) -> CompiledContract:
    problems = Problems()
    for at, written in (("/mappings", terms.mappings), ("/routes", terms.routes)):
        _check_texts(written, at, problems)
    problems.check()
    read = _read(terms, routes, problems)
    # Links lead to what this contract has, and only where a value of the path is the backend's own.
    linked = {
        name: routes[name] for name, told in read.items() if all(one.action is None for one in told.path.values())
    }
    compiler = RouteCompiler(schema, linked, problems)
    compiled: dict[str, Compiled] = {}
    for name, told in read.items():
        found = compiler.compile(told, routes[name])
        if found is not None:
            compiled[name] = found
    for name, found in compiled.items() if not problems else ():
        _check_programs(name, found, problems)
    problems.check()
    return CompiledContract(
        routes={name: replace(_route(found), words=read[name].words) for name, found in compiled.items()},
        components={name: write_schema(shape) for name, shape in sorted(compiler.components.items())},
        component_shapes=compiler.components,
    )


def _check_texts(told: object, at: str, problems: Problems) -> None:
    """Note texts that can be written as JSON and not be kept."""
    waiting = [(told, at)]
    while waiting:
        value, pointer = waiting.pop()
        if isinstance(value, str) and not is_storable(value):
            problems.add(pointer, "the text holds NUL, or half of a surrogate pair: no database keeps it")
        elif isinstance(value, list):
            waiting += [(item, f"{pointer}/{index}") for index, item in enumerate(value)]
        elif isinstance(value, Mapping):
            if not all(is_storable(str(name)) for name in value):
                problems.add(pointer, "a name holds NUL, or half of a surrogate pair: no database keeps it")
                continue
            # Of an expression its own reader says where in it.
            members = ((str(name), item) for name, item in value.items() if name != "expr")
            waiting += [(item, f"{pointer}/{escape(name)}") for name, item in members]


def _read(terms: ContractTerms, routes: Mapping[str, RouteFacts], problems: Problems) -> dict[str, RouteTerms]:
    reader = RouteReader(problems.mapping(terms.mappings, "/mappings"), problems)
    if not terms.routes:
        problems.add("/routes", "the contract has no routes")
    read: dict[str, RouteTerms] = {}
    for name, told in problems.mapping(terms.routes, "/routes").items():
        at = f"/routes/{escape(name)}"
        found = reader.read(told, at)
        if name in routes:
            read[name] = found
        else:
            problems.unknown(at, "the API has no route", name, routes)
    return read


def _check_programs(name: str, compiled: Compiled, problems: Problems) -> None:
    """Note what the data plane would not run: better now than when a node is given it."""
    for kind, program in (("request", compiled.wire["request"]["program"]), ("answer", compiled.wire["program"])):
        try:
            check_program(kind, json.dumps(program).encode())
        except ValueError as error:
            problems.add(f"/routes/{escape(name)}", f"the data plane can't run the {kind}s of this: {error}")


def _route(compiled: Compiled) -> CompiledRoute:
    operation, parameters = compiled.operation, compiled.parameters
    return CompiledRoute(
        operation=operation.title,
        wire=compiled.wire,
        parameters=tuple(_parameter(sent) for sent in parameters.sent) if parameters is not None else (),
        request_schema=None if compiled.request is None else write_schema(compiled.request),
        answer_schemas={status: write_schema(shape) for status, shape in compiled.answers.items()},
        fields={
            status: tuple(FieldPair(format_path(partner), format_path(backend)) for partner, backend in pairs)
            for status, pairs in compiled.fields.items()
        },
        request_shape=compiled.request,
        answer_shapes=compiled.answers,
        summary=operation.summary,
        description=operation.description,
        tags=operation.tags,
    )


def _parameter(sent: Sent) -> CompiledParameter:
    shape = replace(Partner("request", {}).shape(sent.view), description=None)
    if sent.many:
        schema = {"type": "array", "items": write_schema(shape)}
        # A list of defaults stands for the list, as it is: values of its own have no words of the partner's.
        if sent.has_default and sent.view.action is None:
            schema["default"] = sent.default if isinstance(sent.default, list) else [sent.default]
    else:
        schema = write_schema(with_requests_default(shape, sent.view, sent.default) if sent.has_default else shape)
    return CompiledParameter(
        name=sent.name,
        place=sent.place,
        required=sent.required,
        many=sent.many,
        schema=schema,
        description=sent.description,
    )
