"""Documents of contracts that are compiled over what frameworks write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from portazgo.contracts.compiling import CompiledContract, ContractRefused, ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.differences.contracts import changes
from portazgo.contracts.differences.flat import FlatShape, json_shape
from portazgo.contracts.document.building import VersionFacts, partner_document, render
from portazgo.contracts.schema import Schema, read_schema
from portazgo.contracts.schema.shapes import SchemaOperation, Shape

CASES = Path(__file__).parents[2] / "cases" / "openapi"
TARGET = "https://inside.backend.test:8443"


def object_of(shape: Shape, schema: Schema) -> tuple[tuple[str, ...], FlatShape] | None:
    """The first object that an answer has, below arrays and one level of pages, with the path to it."""
    flat = FlatShape(shape, schema)
    if flat.items is not None and "array" in flat.types:
        return object_of(flat.items, schema)
    if "results" in flat.members:
        below = object_of(flat.members["results"], schema)
        return None if below is None else (("results", *below[0]), below[1])
    return ((), flat) if flat.members else None


def half_of(operation: SchemaOperation, schema: Schema, every: int) -> dict[str, Any] | None:
    """A route that selects one in `every` of the scalar fields of the first success that has an object."""
    for status, body in operation.answers.items():
        shape = json_shape(body)
        found = object_of(shape, schema) if status.startswith("2") and shape is not None else None
        if found is None:
            continue
        path, flat = found
        names = [name for name, member in flat.members.items() if not FlatShape(member, schema).members]
        selected = [".".join((*path, name)) for name in names[::every] if "." not in name]
        return {"operation": operation.title, "answers": {status: [{"select": selected}]}} if selected else None
    return None


def of_reading(schema: Schema, every: int) -> tuple[CompiledContract, dict[str, RouteFacts]]:
    """Compile routes over all readings; what the compiler does not take (free-form, for writing only) is left out."""
    routes: dict[str, dict[str, Any]] = {}
    facts: dict[str, RouteFacts] = {}
    for number, operation in enumerate(schema.operations):
        written = half_of(operation, schema, every) if operation.method == "GET" else None
        if written is not None:
            routes[f"route-{number}"] = written
            path = f"/gate{number}/" + "/".join(re.findall(r"\{[^}]+\}", operation.path))
            facts[f"route-{number}"] = RouteFacts("GET", path, "GET", operation.path, (TARGET,))
    try:
        compile_contract(ContractTerms(routes), schema, facts)
    except ContractRefused as refused:
        for pointer in sorted((problem.pointer for problem in refused.problems), reverse=True):
            step = pointer.split("/")
            if len(step) > 4:
                del routes[step[2]]["answers"][step[4]][0]["select"][int(step[7])]
            else:
                del routes[step[2]], facts[step[2]]
    return compile_contract(ContractTerms(routes), schema, facts), facts


def bare(compiled: CompiledContract) -> CompiledContract:
    """The same routes, of which nothing is said."""
    routes = {
        name: replace(
            route,
            parameters=(),
            answer_schemas={status: {} for status in route.answer_schemas},
            summary=None,
            description=None,
            tags=("x",),
        )
        for name, route in compiled.routes.items()
    }
    return replace(compiled, routes=routes, components={})


def words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Za-z0-9_$-]+", text)}


def members_of(shape: Shape) -> Iterator[str]:
    """The names in a shape. Shapes name each other by their components' names, so that none contains itself."""
    yield from shape.properties
    inner = [*(member.shape for member in shape.properties.values()), *(variant.shape for variant in shape.variants)]
    for part in [*inner, *(part for part in (shape.items, shape.others) if part is not None)]:
        yield from members_of(part)


def backend_names(schema: Schema) -> Iterator[str]:
    for shape in schema.components.values():
        yield from members_of(shape)
    for operation in schema.operations:
        for parameter in operation.parameters:
            yield parameter.name
            yield from members_of(parameter.shape)
        for body in [*operation.answers.values(), *([operation.request] if operation.request else [])]:
            for content in body.contents.values():
                yield from members_of(content) if content is not None else ()


def named_in(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        yield from schema.get("properties", {})
    parts = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list | tuple) else ()
    for part in parts:
        yield from named_in(part)


def partner_names(compiled: CompiledContract) -> Iterator[str]:
    yield from named_in(list(compiled.components.values()))
    for route in compiled.routes.values():
        schemas = [*route.answer_schemas.values(), route.request_schema]
        yield from named_in([*schemas, *(parameter.schema for parameter in route.parameters)])
        yield from (parameter.name for parameter in route.parameters)
        yield from (header["out"] for answer in route.wire["answers"] for header in answer.get("headers", ()))


@pytest.mark.parametrize("name", ["drf-spectacular.yaml", "fastapi.json"])
def test_half_of_what_a_framework_wrote_is_described_and_the_rest_is_not_named(name: str) -> None:
    schema = read_schema((CASES / name).read_text("utf-8"))
    compiled, facts = of_reading(schema, 2)
    assert compiled.routes
    document = partner_document(VersionFacts("half", "2026-11-26"), facts, compiled)
    OpenAPIV31SpecValidator(document).validate()
    for component in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(component)
    text = render(document)
    # What every document says, whatever the backend has: the gateway's own words.
    own = render(partner_document(VersionFacts("half", "2026-11-26"), facts, bare(compiled)))
    hidden = {one.lower() for one in backend_names(schema)} - {one.lower() for one in partner_names(compiled)}
    assert hidden
    assert (hidden & words(text)) - words(own) == set()
    assert TARGET not in text
    partners_paths = {route.path for route in facts.values()}
    paths = {operation.path for operation in schema.operations} | {route.backend_path for route in facts.values()}
    # Of the path "/{id}" nothing is left that would mean anything.
    begins = {path.split("{", 1)[0] for path in paths - partners_paths} - {"/"}
    assert [path for path in begins if path in text and path not in partners_paths] == []


@pytest.mark.parametrize("name", ["drf-spectacular.yaml", "fastapi.json"])
def test_selecting_more_exposes_and_selecting_less_breaks(name: str) -> None:
    schema = read_schema((CASES / name).read_text("utf-8"))
    few, many = (of_reading(schema, every)[0] for every in (2, 1))
    assert changes(few, few) == []
    assert {change.rule for change in changes(few, many)} == {"answer-field-added"}
    assert {change.rule for change in changes(many, few)} == {"answer-field-removed"}
