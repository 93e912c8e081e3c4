"""Compiling a contract: from what its author wrote and the backend's schema to what nodes run and partners read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from portazgo.contracts.language.refused import ContractRefused, Problem
from portazgo.contracts.schema.shapes import Schema, Shape

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


@dataclass(frozen=True, slots=True)
class CompiledContract:
    """A contract, compiled."""

    routes: Mapping[str, CompiledRoute]
    components: Mapping[str, JsonSchema]
    """What the routes' schemas name."""
    component_shapes: Mapping[str, Shape]


def compile_contract(terms: ContractTerms, schema: Schema, routes: Mapping[str, RouteFacts]) -> CompiledContract:
    """Compile a contract over the routes of its API. Raises ContractRefused with all that is wrong."""
    raise NotImplementedError
