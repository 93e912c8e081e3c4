"""Whether a value may stand in a place."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from portazgo.contracts.schema.merging import in_order
from portazgo.contracts.schema.normalising import type_of
from portazgo.contracts.schema.patterns import is_found
from portazgo.contracts.schema.shapes import Schema, Shape, Type
from portazgo.contracts.schema.values import key_of


def unfit(schema: Schema, shape: Shape, value: Any) -> str | None:
    """Say why the value may not stand there; None: it may. `format` is not looked at."""
    return _Fitting(schema).unfit(shape, value)


class _Fitting:
    """Holds one value against a shape. A component is held against each part of it once, by however many ways it is reached."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._known: dict[tuple[str, int], str | None] = {}
        self._lists: dict[int, frozenset[Hashable]] = {}

    def unfit(self, shape: Shape, value: Any) -> str | None:
        """Say why the value may not stand there; None: it may."""
        if shape.free or (value is None and shape.nullable):
            return None
        if shape.ref is not None:
            key = shape.ref, id(value)
            if key not in self._known:
                self._known[key] = "the schema says it by itself alone"  # until more is known
                self._known[key] = self.unfit(self._schema.components[shape.ref], value)
            return self._known[key]
        if shape.variants:
            reasons = [self.unfit(variant.shape, value) for variant in shape.variants]
            return None if None in reasons else reasons[0]
        return self._unfit_type(shape, value) or self._unfit_rules(shape, value)

    def _unfit_type(self, shape: Shape, value: Any) -> str | None:
        kind = type_of(value)
        able: set[Type] = {kind}
        if kind == "integer" or (isinstance(value, float) and value.is_integer()):
            able |= {"integer", "number"}
        if not able & shape.types:
            names = " or ".join(in_order(shape.types)) or "nothing"
            return f"it is of type {kind}, and the schema has {names} here"
        if shape.enum is not None and key_of(value) not in self._listed(shape.enum):
            return "it is none of the values that the schema lists"
        return None

    def _listed(self, enum: tuple[Any, ...]) -> frozenset[Hashable]:
        # The schema outlives this: no other list gets the identity.
        if id(enum) not in self._lists:
            self._lists[id(enum)] = frozenset(key_of(one) for one in enum)
        return self._lists[id(enum)]

    def _unfit_rules(self, shape: Shape, value: Any) -> str | None:
        if isinstance(value, str):
            return _unfit_text(shape, value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _unfit_number(shape, value)
        if isinstance(value, list):
            return self._unfit_list(shape, value)
        return self._unfit_object(shape, value) if isinstance(value, dict) else None

    def _unfit_list(self, shape: Shape, value: list[Any]) -> str | None:
        if len(value) < (shape.min_items or 0) or (shape.max_items is not None and len(value) > shape.max_items):
            return "it has too few or too many items"
        for item in value:
            why = self.unfit(shape.items, item) if shape.items is not None else None
            if why is not None:
                return f"an item: {why}"
        return None

    def _unfit_object(self, shape: Shape, value: dict[str, Any]) -> str | None:
        for name, member in shape.properties.items():
            if name in value:
                why = self.unfit(member.shape, value[name])
                if why is not None:
                    return f"its member {name}: {why}"
            elif member.required:
                return f"it lacks the member {name}"
        for name in value.keys() - shape.properties.keys():
            if shape.others is None and shape.closed:
                return f"the schema knows no member {name}"
            why = self.unfit(shape.others, value[name]) if shape.others is not None else None
            if why is not None:
                return f"its member {name}: {why}"
        return None


def _unfit_text(shape: Shape, value: str) -> str | None:
    if not (shape.min_length or 0) <= len(value) <= (len(value) if shape.max_length is None else shape.max_length):
        return "it is too short or too long"
    for pattern in (shape.pattern, *shape.more_patterns):
        # One that nodes can't search (look-ahead) is the backend's matter.
        if pattern is not None and is_found(pattern, value) is False:
            return f"it does not fit the pattern {pattern}"
    return None


def _unfit_number(shape: Shape, value: float) -> str | None:
    inside = (
        (shape.minimum is None or value >= shape.minimum)
        and (shape.maximum is None or value <= shape.maximum)
        and (shape.above is None or value > shape.above)
        and (shape.below is None or value < shape.below)
    )
    return None if inside else "it is outside the range that the schema allows"
