"""A JSON schema (2020-12), taken apart by the types that its values may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

JsonSchema = Mapping[str, Any]
AnySchema = JsonSchema | bool
"""true: anything fits; false: nothing does."""
Components = Mapping[str, JsonSchema]

FREE: JsonSchema = {}
"""Anything fits."""
COMPONENT = "#/components/schemas/"
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_TYPE_OF = {type(None): "null", bool: "boolean", int: "integer", str: "string", list: "array"}
_DEEPEST_REFERENCES = 64


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which a value of a type may look: a schema without references or unions at its top."""

    schema: JsonSchema
    key: str
    """What it is recognised by beside others of the same type: its component's name, or what tells it apart."""


def forms(schema: AnySchema, components: Components) -> dict[str, list[Form]]:
    """The forms that a value may have, by type. A `number` counts as an `integer` too: every integer is a number."""
    by_type: dict[str, list[Form]] = {}
    for form in _alternatives(schema, components, set()):
        for kind in _types(form.schema):
            by_type.setdefault(kind, []).append(form)
    return by_type


def properties(schema: JsonSchema) -> Mapping[str, JsonSchema]:
    """The members that an object is known to have."""
    found: Mapping[str, JsonSchema] = schema.get("properties", {})
    return found


def required(schema: JsonSchema) -> frozenset[str]:
    """The members that it must have."""
    return frozenset(schema.get("required", ()))


def others(schema: JsonSchema) -> JsonSchema | None:
    """What members without a name may be; None: there are none.

    Where an object has names and says nothing of others, there are none: gateways pass only what a contract names.
    """
    rule = schema.get("additionalProperties", "properties" not in schema)
    if rule is False:
        return None
    return FREE if rule is True else rule


def _alternatives(schema: AnySchema, components: Components, seen: set[str]) -> Iterator[Form]:
    """Open unions; what several of them refer to is one of them, once."""
    if isinstance(schema, bool):
        if schema:
            yield Form({}, "")
        return
    flat, key = _flat(schema, components, "", 0)
    for word in ("oneOf", "anyOf"):
        if word in flat:
            beside = {name: rule for name, rule in flat.items() if name not in {word, "discriminator"}}
            for variant in flat[word]:
                reference = variant.get("$ref") if isinstance(variant, Mapping) else None
                if reference in seen:
                    continue
                if reference is not None:
                    seen.add(reference)
                for form in _alternatives(variant, components, seen):
                    yield Form(_both(beside, form.schema), form.key)
            return
    yield Form(flat, key or _told_apart_by(flat))


def _flat(schema: JsonSchema, components: Components, key: str, depth: int) -> tuple[JsonSchema, str]:
    """Without `$ref` and `allOf` at the top. Raises RecursionError for references that never arrive."""
    if depth > _DEEPEST_REFERENCES:
        raise RecursionError("references that arrive nowhere")
    flat: JsonSchema = {name: rule for name, rule in schema.items() if name not in {"$ref", "allOf"}}
    parts: list[JsonSchema] = list(schema.get("allOf", ()))
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(COMPONENT)
        parts.append(components[name])
        key = key or name
    for part in parts:
        inner, key = _flat(part, components, key, depth + 1)
        flat = _both(flat, inner)
    return flat, key


def _both(one: JsonSchema, two: JsonSchema) -> JsonSchema:
    """What fits two schemas, as far as they speak of different things; where they speak of the same, the first counts."""
    merged = {**two, **one}
    if "properties" in one and "properties" in two:
        merged["properties"] = {**two["properties"], **one["properties"]}
    if "required" in one and "required" in two:
        merged["required"] = sorted({*one["required"], *two["required"]})
    if "enum" in one and "enum" in two:
        merged["enum"] = [value for value in one["enum"] if value in two["enum"]]
    if "type" in one and "type" in two:
        merged["type"] = [kind for kind in TYPES if kind in _named(one) and kind in _named(two)]
    return merged


def _types(schema: JsonSchema) -> list[str]:
    allowed = _named(schema)
    values = allowed_values(schema)
    if values is not None:
        allowed &= {type_of(value) for value in values} | (
            {"number"} if any(type_of(value) == "integer" for value in values) and "type" in schema else set()
        )
    return [kind for kind in TYPES if kind in allowed]


def _named(schema: JsonSchema) -> set[str]:
    said = schema.get("type", TYPES)
    named = {said} if isinstance(said, str) else set(said)
    return named | {"integer"} if "number" in named else named


def allowed_values(schema: JsonSchema) -> list[Any] | None:
    """The list of values that fit; None: there is no list."""
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def type_of(value: object) -> str:
    """The JSON type of a value."""
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    return _TYPE_OF.get(type(value), "object")


def _told_apart_by(schema: JsonSchema) -> str:
    """The member with a constant value that names a variant, or its title, or its members' names."""
    constants = [
        f"{name}={member['const']}" for name, member in sorted(properties(schema).items()) if "const" in member
    ]
    return ", ".join(constants) or str(schema.get("title", "")) or ", ".join(sorted(properties(schema)))
