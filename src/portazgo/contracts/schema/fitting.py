"""Whether a value may stand in a place."""

from __future__ import annotations

import re
from typing import Any

from portazgo.contracts.schema.merging import in_order, same
from portazgo.contracts.schema.normalising import type_of
from portazgo.contracts.schema.shapes import Schema, Shape, Type


def unfit(schema: Schema, shape: Shape, value: Any) -> str | None:
    """Say why the value may not stand there; None: it may. `format` is not looked at."""
    if shape.free or (value is None and shape.nullable):
        return None
    if shape.ref is not None:
        return unfit(schema, schema.components[shape.ref], value)
    if shape.variants:
        reasons = [unfit(schema, variant.shape, value) for variant in shape.variants]
        return None if None in reasons else reasons[0]
    return _unfit_type(shape, value) or _unfit_rules(schema, shape, value)


def _unfit_type(shape: Shape, value: Any) -> str | None:
    kind = type_of(value)
    able: set[Type] = {kind}
    if kind == "integer" or (isinstance(value, float) and value.is_integer()):
        able |= {"integer", "number"}
    if not able & shape.types:
        names = " or ".join(in_order(shape.types)) or "nothing"
        return f"it is of type {kind}, and the schema has {names} here"
    if shape.enum is not None and not any(same(value, known) for known in shape.enum):
        return "it is none of the values that the schema lists"
    return None


def _unfit_rules(schema: Schema, shape: Shape, value: Any) -> str | None:
    if isinstance(value, str):
        return _unfit_text(shape, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _unfit_number(shape, value)
    if isinstance(value, list):
        return _unfit_list(schema, shape, value)
    return _unfit_object(schema, shape, value) if isinstance(value, dict) else None


def _unfit_text(shape: Shape, value: str) -> str | None:
    if not (shape.min_length or 0) <= len(value) <= (len(value) if shape.max_length is None else shape.max_length):
        return "it is too short or too long"
    for pattern in (shape.pattern, *shape.more_patterns):
        try:
            fits = pattern is None or re.search(pattern, value) is not None
        except re.error:
            continue  # a pattern of another dialect: the data plane's matter
        if not fits:
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


def _unfit_list(schema: Schema, shape: Shape, value: list[Any]) -> str | None:
    if len(value) < (shape.min_items or 0) or (shape.max_items is not None and len(value) > shape.max_items):
        return "it has too few or too many items"
    for item in value:
        why = unfit(schema, shape.items, item) if shape.items is not None else None
        if why is not None:
            return f"an item: {why}"
    return None


def _unfit_object(schema: Schema, shape: Shape, value: dict[str, Any]) -> str | None:
    for name, member in shape.properties.items():
        if name in value:
            why = unfit(schema, member.shape, value[name])
            if why is not None:
                return f"its member {name}: {why}"
        elif member.required:
            return f"it lacks the member {name}"
    for name in value.keys() - shape.properties.keys():
        if shape.others is None and shape.closed:
            return f"the schema knows no member {name}"
        why = unfit(schema, shape.others, value[name]) if shape.others is not None else None
        if why is not None:
            return f"its member {name}: {why}"
    return None
