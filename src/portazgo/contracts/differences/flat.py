"""Shapes of a backend's schema, flat: what a value may have, whichever of its variants it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portazgo.contracts.mapping.bodies import json_content
from portazgo.contracts.schema.shapes import FREE, TYPES, Body, Schema, SchemaOperation, Shape
from portazgo.contracts.schema.values import distinct


def json_shape(body: Body) -> Shape | None:
    """The shape of a body's JSON; of several media types the first counts. None: the document has none."""
    content = json_content(body)
    return None if content is None else content.shape


def shape_of_answer(operation: SchemaOperation, status: str) -> Shape | None:
    """What the schema says of an operation's JSON answer of this status: the exact one, its range, or the default."""
    for key in (status, f"{status[0]}XX", "default"):
        if key in operation.answers:
            shape = json_shape(operation.answers[key])
            return FREE if shape is None and operation.answers[key].contents else shape
    return None


class FlatShape:
    """A shape without references and variants at its top: what a value of it may have, whichever variant it is."""

    def __init__(self, shape: Shape, schema: Schema) -> None:
        self.types: set[str] = set()
        self.members: dict[str, Shape] = {}
        self.required: dict[str, bool] = {}
        self.items: Shape | None = None
        self.others: Shape | None = None
        self.enum: list[Any] | None = []
        variants = list(_variants(shape, schema))
        for variant in variants:
            self._add(variant)
        for name in self.required:
            self.required[name] &= all(name in variant.properties for variant in variants if "object" in variant.types)

    def _add(self, variant: Shape) -> None:
        self.types |= set(TYPES) if variant.free else set(variant.types)
        for name, member in variant.properties.items():
            self.members.setdefault(name, member.shape)
            self.required[name] = self.required.get(name, True) and member.required
        self.items = self.items or variant.items
        self.others = self.others or variant.others
        if variant.enum is None:
            # Null beside a list is no value of another kind: it is told by the types.
            self.enum = self.enum if variant.types == {"null"} else None
        elif self.enum is not None:
            self.enum = distinct([*self.enum, *(value for value in variant.enum if value is not None)])

    @property
    def said(self) -> str:
        """The types for a person."""
        kinds = [kind for kind in TYPES if kind in self.types]
        return "anything" if len(kinds) == len(TYPES) else " or ".join(kinds) or "nothing"


def _variants(shape: Shape, schema: Schema, seen: set[str] | None = None) -> Iterator[Shape]:
    """Give each variant once, by however many ways of variants in variants it is reached."""
    seen = set() if seen is None else seen
    if shape.ref is not None:
        if shape.ref in seen:
            return
        seen.add(shape.ref)
    flat = schema.resolve(shape) if shape.ref is not None else shape
    if not flat.variants:
        yield flat
        return
    for variant in flat.variants:
        yield from _variants(variant.shape, schema, seen)
    if flat.nullable:
        yield Shape(types=frozenset({"null"}))
