"""Whether an action fits the place that it is for, and what comes out of it."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portazgo.contracts.language.operators import Action, Coerce, CoerceMoment, MapValue, Moment, Otherwise, RewriteUrl
from portazgo.contracts.schema.normalising import type_of
from portazgo.contracts.schema.shapes import Shape, Type
from portazgo.contracts.schema.values import key_of

# What the data plane can make of what (docs/programs.md, ACTION).
COERCIONS: dict[Type, frozenset[str]] = {
    "string": frozenset({"number", "integer", "boolean", "string"}),
    "integer": frozenset({"string", "boolean", "integer"}),
    "number": frozenset({"string", "number"}),
    "boolean": frozenset({"string", "boolean"}),
}
NUMBER_PATTERN = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
INTEGER_PATTERN = r"^-?(0|[1-9][0-9]*)$"
MOMENT_TYPES: dict[Moment, Type] = {"date": "string", "date-time": "string", "unix": "integer", "unix-ms": "integer"}


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an action does not fit."""

    why: str
    near: str | None = None


def misfit(action: Action, scalars: frozenset[Type], shape: Shape, *, request: bool) -> Misfit | None:
    """Say why the action does not fit values of these types; None: it fits."""
    if not scalars:
        return Misfit("it changes single values, and here stands an object or a list of objects")
    if isinstance(action, RewriteUrl):
        return None if scalars == {"string"} else Misfit(f"a URL is a text, and the schema has {_listed(scalars)} here")
    if isinstance(action, MapValue):
        return _misfit_of_map(action, scalars, shape, request=request)
    if isinstance(action, CoerceMoment):
        return _misfit_of_moment(action, scalars)
    if len(scalars) > 1:
        return Misfit(f"the schema has {_listed(scalars)} here: what is coerced has one type")
    [backend] = scalars
    able = action.to in COERCIONS[backend] and (not request or backend in COERCIONS[action.to])
    return None if able else Misfit(f"the schema has {backend} here, which can't be turned into {action.to}")


def left_out(name: str, otherwise: Otherwise) -> str:
    """Say what is wrong with an action that leaves out what the backend requires."""
    return f"otherwise: {otherwise} would leave out {name}, which the backend requires"


def _misfit_of_moment(action: CoerceMoment, scalars: frozenset[Type]) -> Misfit | None:
    kind = MOMENT_TYPES[action.backend]
    if scalars == {kind} or (scalars == {"number"} and kind == "integer"):
        return None
    near = "date-time" if "string" in scalars else "unix" if scalars & {"integer", "number"} else None
    return Misfit(f"{action.backend} is of type {kind}, and the schema has {_listed(scalars)} here", near)


def _misfit_of_map(action: MapValue, scalars: frozenset[Type], shape: Shape, *, request: bool) -> Misfit | None:
    for _, partner in action.pairs:
        if isinstance(partner, list | dict) or (request and partner is None):
            return Misfit(
                "a value is mapped to a single value" + (", and partners send no null for one" if request else "")
            )
    seen: set[Hashable] = set()
    listed = None if shape.enum is None else {key_of(value) for value in shape.enum}
    for backend, _ in pairs_of(action, scalars, shape):
        if backend is _NONE:
            return Misfit(f"one of the backend's values is of another type than {_listed(scalars)}")
        if key_of(backend) in seen:
            return Misfit(f"the backend's value {json.dumps(backend)} stands here twice")
        seen.add(key_of(backend))
        if listed is not None and key_of(backend) not in listed:
            words = [value for value in shape.enum or () if isinstance(value, str)]
            from portazgo.contracts.language.refused import nearest  # noqa: PLC0415 - only for the sentence

            near = nearest(backend, words) if isinstance(backend, str) else None
            return Misfit(f"the backend knows no value {json.dumps(backend)} here", near)
    if request and action.otherwise == "null" and not shape.nullable:
        return Misfit("otherwise: null, and the backend takes no null here", "fail")
    return None


_NONE = object()


def pairs_of(action: MapValue, scalars: Iterable[Type], shape: Shape) -> list[tuple[Any, Any]]:
    """Return the pairs, backend's value first, the backend's in the type that the schema has."""
    kinds = set(scalars)
    if not action.by_text:
        return [(backend if _is_of(backend, kinds) else _NONE, partner) for backend, partner in action.pairs]
    listed: dict[str, Any] = {}
    for value in shape.enum or ():
        listed.setdefault(value if isinstance(value, str) else json.dumps(value), value)
    return [(_typed(str(text), kinds, listed), partner) for text, partner in action.pairs]


def _typed(text: str, kinds: set[Type], listed: Mapping[str, Any]) -> Any:
    if text in listed:
        return listed[text]
    if "string" in kinds:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return _NONE
    return value if _is_of(value, kinds) else _NONE


def _is_of(value: object, kinds: set[Type]) -> bool:
    kind = type_of(value)
    return kind in kinds or (kind == "integer" and "number" in kinds)


def _listed(kinds: Iterable[str]) -> str:
    return " or ".join(sorted(kinds))


def request_pairs(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return partner's and backend's values. Where several of the backend's have one word, the first is written."""
    turned: dict[Hashable, tuple[Any, Any]] = {}
    for backend, partner in pairs:
        turned.setdefault(key_of(partner), (partner, backend))
    return list(turned.values())


def coerced_type(action: Coerce | CoerceMoment) -> Type:
    """Return the type that the partner sees."""
    return action.to if isinstance(action, Coerce) else MOMENT_TYPES[action.partner]
