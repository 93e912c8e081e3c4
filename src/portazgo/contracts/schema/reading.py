"""From the text of a document to its operations and shapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from portazgo.contracts.schema.normalising import Normaliser
from portazgo.contracts.schema.shapes import FREE, Body, Parameter, Schema, SchemaOperation, Shape
from portazgo.routes.openapi.operations import Operation, operations
from portazgo.routes.openapi.places import escape, follow
from portazgo.routes.openapi.reading import read_text
from portazgo.routes.openapi.references import ReferenceProblem, resolve
from portazgo.routes.openapi.refused import DocumentRefused, too_deep


def read_schema(text: str) -> Schema:
    """Read an OpenAPI document, 3.0 or 3.1, JSON or YAML. Raises DocumentRefused with the place."""
    tree = read_text(text)
    reader = _Reader(tree)
    info = tree.get("info") if isinstance(tree.get("info"), dict) else {}
    try:
        found = tuple(reader.operation(operation) for operation in operations(tree))
        components = reader.components()
    except RecursionError:
        raise too_deep("") from None
    return Schema(
        title=str((info or {}).get("title", "")),
        version=str((info or {}).get("version", "")),
        operations=found,
        components=components,
    )


class _Reader:
    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree
        self._shapes = Normaliser(tree)

    def components(self) -> dict[str, Shape]:
        return self._shapes.components()

    def operation(self, found: Operation) -> SchemaOperation:
        item_pointer, _, name = found.pointer.rpartition("/")
        item = self._resolved(follow(self._tree, item_pointer), item_pointer)
        node = self._resolved(item[name], found.pointer)
        parameters: dict[tuple[str, str], Parameter] = {}
        for holder, pointer in ((item, item_pointer), (node, found.pointer)):
            for parameter in self._parameters(holder, pointer):
                parameters[parameter.place, parameter.name] = parameter
        return SchemaOperation(
            method=found.method,
            path=found.path,
            operation_id=found.operation_id,
            parameters=tuple(parameters.values()),
            request=self._request(node, found.pointer),
            answers=self._answers(node, found.pointer),
            summary=_text(node, "summary") or _text(item, "summary"),
            description=_text(node, "description"),
            tags=found.tags,
        )

    def _parameters(self, holder: dict[str, Any], pointer: str) -> Iterator[Parameter]:
        for index, entry in enumerate(holder.get("parameters", [])):
            place = f"{pointer}/parameters/{index}"
            node = self._resolved(entry, place)
            where, name = node.get("in"), node.get("name")
            if where in ("path", "query", "header") and isinstance(name, str):
                yield from self._parameter(node, where, name, place)

    def _parameter(self, node: dict[str, Any], where: Any, name: str, pointer: str) -> Iterator[Parameter]:
        shape = self._shapes.shape(node["schema"], f"{pointer}/schema") if "schema" in node else FREE
        resolved = self._shapes.resolve(shape)
        exploded = where == "query" and node.get("style", "form") == "form" and node.get("explode", True) is True
        description = _text(node, "description") or shape.description
        if exploded and resolved.types == {"object"} and resolved.properties:
            # An exploded object is its members, each a parameter (springdoc writes Pageable so).
            for member, property_ in resolved.properties.items():
                yield _of_query(member, property_.shape, self._shapes.resolve(property_.shape), required=False)
            return
        plain = Parameter(
            name=name.lower() if where == "header" else name,
            place=where,
            shape=shape,
            required=node.get("required") is True or where == "path",
            description=description,
        )
        if exploded:
            of_query = _of_query(name, shape, resolved, required=plain.required)
            yield replace(of_query, description=description)
        elif resolved.types & {"array", "object"}:
            # Joined by commas, or in brackets: a text, as far as rules go.
            yield replace(plain, shape=Shape(types=frozenset({"string"})))
        else:
            yield plain

    def _request(self, node: dict[str, Any], pointer: str) -> Body | None:
        if "requestBody" not in node:
            return None
        body = self._resolved(node["requestBody"], f"{pointer}/requestBody")
        return Body(
            contents=self._contents(body, f"{pointer}/requestBody"),
            required=body.get("required") is True,
            description=_text(body, "description"),
        )

    def _answers(self, node: dict[str, Any], pointer: str) -> dict[str, Body]:
        declared = node.get("responses", {})
        if not isinstance(declared, dict):
            raise DocumentRefused("responses is not an object", pointer=f"{pointer}/responses")
        answers = {}
        for status, entry in declared.items():
            if str(status).startswith("x-"):
                continue
            place = f"{pointer}/responses/{escape(str(status))}"
            answer = self._resolved(entry, place)
            name = str(status)
            answers[name if name == "default" else name.upper()] = Body(
                contents=self._contents(answer, place), description=_text(answer, "description")
            )
        return answers

    def _contents(self, holder: dict[str, Any], pointer: str) -> dict[str, Shape | None]:
        declared = holder.get("content", {})
        if not isinstance(declared, dict):
            raise DocumentRefused("content is not an object", pointer=f"{pointer}/content")
        contents: dict[str, Shape | None] = {}
        for media_type, entry in declared.items():
            place = f"{pointer}/content/{escape(str(media_type))}"
            content = self._resolved(entry, place)
            bare = str(media_type).partition(";")[0].strip().lower()
            contents[bare] = self._shapes.shape(content["schema"], f"{place}/schema") if "schema" in content else None
        return contents

    def _resolved(self, node: object, pointer: str) -> dict[str, Any]:
        try:
            resolved = resolve(self._tree, node, pointer)
        except ReferenceProblem as problem:
            raise DocumentRefused(problem.why, pointer=problem.pointer) from None
        if not isinstance(resolved, dict):
            raise DocumentRefused("an object is expected here", pointer=pointer)
        return resolved


def _of_query(name: str, shape: Shape, resolved: Shape, *, required: bool) -> Parameter:
    many = "array" in resolved.types
    return Parameter(
        name=name,
        place="query",
        shape=(resolved.items or FREE) if many else shape,
        required=required,
        many=many,
        description=shape.description,
    )


def _text(node: dict[str, Any], name: str) -> str | None:
    value = node.get(name)
    return value if isinstance(value, str) else None
