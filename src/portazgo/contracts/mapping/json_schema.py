"""From shapes to JSON Schema 2020-12, as OpenAPI 3.1 has it."""

from __future__ import annotations

from typing import Any

from portazgo.contracts.schema.merging import in_order
from portazgo.contracts.schema.shapes import Shape

PREFIX = "#/components/schemas/"
TOLD = "x-portazgo-told"
"""The author's words, apart from the backend's, which partners don't read."""
_RULES = (
    ("format", "format"),
    ("pattern", "pattern"),
    ("minLength", "min_length"),
    ("maxLength", "max_length"),
    ("minimum", "minimum"),
    ("maximum", "maximum"),
    ("exclusiveMinimum", "above"),
    ("exclusiveMaximum", "below"),
    ("multipleOf", "multiple_of"),
    ("minItems", "min_items"),
    ("maxItems", "max_items"),
    ("minProperties", "min_members"),
    ("maxProperties", "max_members"),
)


def write_schema(shape: Shape) -> dict[str, Any]:
    """Write a shape. Components are named, not written out."""
    written = _words(shape)
    if shape.ref is not None:
        reference = {"$ref": PREFIX + shape.ref}
        return {**written, "anyOf": [reference, {"type": "null"}]} if shape.nullable else {**reference, **written}
    if shape.variants:
        return {**written, **_variants(shape)}
    if shape.free:
        return written
    if not shape.types:
        return {**written, "not": {}}
    written |= _rules(shape)
    if shape.items is not None:
        written["items"] = write_schema(shape.items)
    if shape.has_example:
        written["examples"] = [shape.example]
    if "object" in shape.types:
        written |= _members(shape)
    return written


def _words(shape: Shape) -> dict[str, Any]:
    words: dict[str, Any] = {"title": shape.title, "description": shape.description, TOLD: shape.told}
    if shape.deprecated:
        words["deprecated"] = True
    said = {name: value for name, value in words.items() if value is not None}
    return said | {"default": shape.default} if shape.has_default else said


def _rules(shape: Shape) -> dict[str, Any]:
    types = in_order(shape.types)
    rules: dict[str, Any] = {"type": types[0] if len(types) == 1 else list(types)}
    if shape.enum is not None and len(shape.enum) == 1:
        rules["const"] = shape.enum[0]
    elif shape.enum is not None:
        rules["enum"] = list(shape.enum)
    rules |= {name: getattr(shape, attribute) for name, attribute in _RULES if getattr(shape, attribute) is not None}
    if shape.more_patterns:
        rules["allOf"] = [{"pattern": pattern} for pattern in shape.more_patterns]
    if shape.unique:
        rules["uniqueItems"] = True
    return rules


def _members(shape: Shape) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if shape.properties:
        written["properties"] = {name: write_schema(member.shape) for name, member in shape.properties.items()}
    required = [name for name, member in shape.properties.items() if member.required]
    if required:
        written["required"] = required
    if shape.others is not None:
        written["additionalProperties"] = True if shape.others.free else write_schema(shape.others)
    elif shape.closed:
        written["additionalProperties"] = False
    return written


def _variants(shape: Shape) -> dict[str, Any]:
    # anyOf, whatever the backend says: of what is left of them, several variants may fit one value.
    distinct: list[Shape] = []
    for variant in shape.variants:
        if variant.shape not in distinct:
            distinct.append(variant.shape)
    written: dict[str, Any] = {"anyOf": [write_schema(one) for one in distinct]}
    if shape.nullable:
        written["anyOf"].append({"type": "null"})
    mapping = {
        variant.value: PREFIX + variant.shape.ref for variant in shape.variants if variant.value and variant.shape.ref
    }
    if shape.discriminator is not None and len(mapping) == len(shape.variants):
        written["discriminator"] = {"propertyName": shape.discriminator, "mapping": mapping}
    return written
