"""A request, checked and mapped by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from portazgo.contracts.language.operators import Coerce, CoerceMoment, MapValue, Value
from portazgo.contracts.language.paths import ANY, Path
from portazgo.contracts.reference.documents import Number, Violation, own, parse, type_of
from portazgo.contracts.reference.sayings import Place, Sayings
from portazgo.contracts.reference.values import OMIT, to_backend
from portazgo.contracts.schema.shapes import FREE, SCALARS, Shape

Fill = Callable[[Value, str], Any]
"""What fills a member: the value as it is written, and the type that it is to have."""


class Refused(Exception):
    """The partner may not send this."""


def map_request(said: Sayings, shape: Shape, body: bytes, *, fill: Fill) -> Any:
    """Return what the backend receives for a request by what is said of requests, as a document.

    Raises Refused, or Violation for what is no JSON.
    """
    return _Request(said, fill, shape).value(parse(body), Place((shape,), (), {}))


class _Request:
    def __init__(self, said: Sayings, fill: Fill, root: Shape) -> None:
        self._said = said
        self._fill = fill
        self._root = root

    def value(self, value: Any, place: Place) -> Any:
        place = self._said.enter(place)
        [shape] = place.shapes
        return self._value(value, shape, place)

    def _value(self, value: Any, shape: Shape, place: Place) -> Any:
        if value is None and shape.nullable:
            return None
        if shape.ref is not None:
            return self._value(value, self._said.schema.components[shape.ref], place)
        if shape.variants:
            return self._variant(value, shape, place)
        if shape.free:
            return value
        by_type: dict[type, Callable[[Any, Shape, Place], Any]] = {list: self._list, dict: self._object}
        return by_type.get(type(value), self._scalar)(value, shape, place)

    def _variant(self, value: Any, shape: Shape, place: Place) -> Any:
        variants = shape.variants
        name = self._discriminator(shape, place)
        if name is not None and not shape.nullable:
            told = value.get(name) if isinstance(value, dict) else None
            variants = tuple(one for one in variants if self._word(one.value, shape, place) == told)
        for variant in variants:
            try:
                return self.value(value, Place((variant.shape,), place.path, place.around))
            except Refused:
                if name is not None and not shape.nullable:
                    raise
        raise Refused

    def _discriminator(self, shape: Shape, place: Place) -> str | None:
        name = shape.discriminator
        if name is None or any(variant.value is None for variant in shape.variants):
            return None
        path = (*place.path, name)
        members = self._said.members((shape,))
        if name not in members or not self._said.passes(path, members[name][0]):
            return None
        base, there = self._said.partner(place.path), self._said.partner(path)
        return there[-1] if len(there) == len(base) + 1 else None

    def _word(self, value: str | None, shape: Shape, place: Place) -> Any:
        action = self._said.action((*place.path, shape.discriminator or ""))
        if isinstance(action, MapValue):
            return next((partner for backend, partner in action.pairs if backend == value), value)
        return value

    def _list(self, value: list[Any], shape: Shape, place: Place) -> list[Any]:
        if "array" not in shape.types:
            raise Refused
        if len(value) < (shape.min_items or 0) or (shape.max_items is not None and len(value) > shape.max_items):
            raise Refused
        if shape.unique and any(item in value[:index] for index, item in enumerate(value)):
            raise Refused
        return [self.value(item, Place((shape.items or FREE,), place.path, place.around)) for item in value]

    def _scalar(self, value: Any, shape: Shape, place: Place) -> Any:
        if not self._said.is_whole(place.path):
            raise Refused
        action = self._said.action(place.path)
        kinds = [kind for kind in SCALARS if kind in shape.types]
        if isinstance(action, Coerce):
            return self._coerced(value, action, kinds[0], shape)
        if isinstance(action, MapValue | CoerceMoment):
            try:
                return to_backend(action, value, kinds[0], shape.enum)
            except Violation:
                raise Refused from None
        check(value, shape)
        return value

    def _coerced(self, value: Any, action: Coerce, kind: str, shape: Shape) -> Any:
        if kind == action.to:
            check(value, shape)
            return value
        if type_of(value) != action.to and not (type_of(value) == "integer" and action.to == "number"):
            raise Refused
        try:
            return to_backend(action, value, kind, shape.enum)
        except Violation:
            raise Refused from None

    def _object(self, value: dict[str, Any], shape: Shape, place: Place) -> dict[str, Any]:
        if "object" not in shape.types:
            raise Refused
        frame = _Frame(value)
        base = self._said.partner(place.path)
        made = self._made(frame, shape, place, base)
        self._others(frame, made, shape, place)
        return made

    def _others(self, frame: _Frame, made: dict[str, Any], shape: Shape, place: Place) -> None:
        rest = frame.unread()
        path = (*place.path, ANY)
        selected = any(select[: len(path)] == path for select in self._said.selects)
        freed = shape.others is not None and self._said.is_free((shape.others,))
        hidden = any(
            member.read_only or not self._said.passes((*place.path, step), (member.shape,))
            for step, member in shape.properties.items()
            if not any(fill.path == (*place.path, step) for fill in self._said.fills)
        )
        if (
            not hidden
            and shape.others is not None
            and (selected or (self._said.is_freed(place.path) if freed else self._said.is_whole(place.path)))
        ):
            inner = shape.others if selected or not freed else FREE
            for name, value in rest.items():
                made[name] = self.value(value, Place((inner,), path, place.around))
            if not shape.properties and len(rest) < (shape.min_members or 0):
                raise Refused
            if not shape.properties and shape.max_members is not None and len(rest) > shape.max_members:
                raise Refused
        elif frame.has_unread and self._said.unknown == "refuse":
            raise Refused

    def _made(self, frame: _Frame, shape: Shape, place: Place, base: Path, *, certain: bool = True) -> dict[str, Any]:
        """Make the backend's object of what the partner has in the frame; `certain`: it has to be there."""
        made: dict[str, Any] = {}
        for step, member in shape.properties.items():
            path = (*place.path, step)
            if member.read_only or not self._said.passes(path, (member.shape,)):
                continue
            needed = certain and member.required
            if self._said.is_apart(path):
                inner = self._said.enter(Place((member.shape,), path, place.around))
                [inside] = [one for one in self._said.concrete((member.shape,)) if "object" in one.types]
                below = self._made(frame, inside, inner, base, certain=needed)
                if below or member.required:
                    made[step] = below
                continue
            self._member(made, step, frame, Place((member.shape,), path, place.around), base, needed=needed)
        self._filled(made, place)
        return made

    def _member(
        self, made: dict[str, Any], step: str, frame: _Frame, place: Place, base: Path, *, needed: bool
    ) -> None:
        found = frame.read(self._said.partner(place.path)[len(base) :])
        default = self._said.default(place.path)
        dropped = self._said.drops_null(place.path) and self._is_dropped(place)
        if found is None and dropped and not (needed and default is None):
            found = OMIT
        if found is OMIT:
            if default is not None:
                made[step] = own(default.value)
            elif needed:
                raise Refused
            return
        written = self.value(found, place)
        if written is not OMIT:
            made[step] = written

    def _is_dropped(self, place: Place) -> bool:
        """Tell whether null is dropped there: by name, or because the backend has null and all of them are."""
        named = any(
            getattr(op, "path", ()) == place.path for op in self._said.operators if type(op).__name__ == "DropNull"
        )
        return named or any("null" in one.types for one in self._said.concrete(place.shapes))

    def _filled(self, made: dict[str, Any], place: Place) -> None:
        for fill in self._said.fills:
            if len(fill.path) <= len(place.path) or fill.path[: len(place.path)] != place.path:
                continue
            rest = fill.path[len(place.path) :]
            between = [(*place.path, *rest[:count]) for count in range(1, len(rest))]
            # An object between that partners send makes its own.
            if any(self._said.passes(path, (Shape(),)) for path in between):
                continue
            inner = made
            for step in rest[:-1]:
                inner = inner.setdefault(step, {})
            inner[rest[-1]] = self._fill(fill.value, self._said.scalar_type(self._shapes_at(fill.path)))

    def _shapes_at(self, path: Path) -> tuple[Shape, ...]:
        shapes: tuple[Shape, ...] = (self._root,)
        for step in path:
            below: list[Shape] = []
            for one in self._without_lists(shapes):
                if step == ANY:
                    below += [one.others] if one.others is not None else []
                elif step in one.properties:
                    below.append(one.properties[step].shape)
            shapes = tuple(below)
        return shapes

    def _without_lists(self, shapes: tuple[Shape, ...]) -> list[Shape]:
        found = self._said.concrete(shapes)
        return [
            inner
            for one in found
            for inner in (
                self._without_lists((one.items,)) if one.items is not None and "array" in one.types else [one]
            )
        ]


class _Frame:
    """An object of the partner's, and what of it was read."""

    def __init__(self, value: dict[str, Any]) -> None:
        self._value = value
        self._read: dict[str, _Frame | None] = {}

    def read(self, path: Path) -> Any:
        """Return what stands at a path; OMIT: nothing. What is on the way has to be an object."""
        step, rest = path[0], path[1:]
        if step not in self._value:
            return OMIT
        value = self._value[step]
        if not rest:
            self._read[step] = None
            return value
        if not isinstance(value, dict):
            raise Refused
        inner = self._read.setdefault(step, _Frame(value))
        return OMIT if inner is None else inner.read(rest)

    def unread(self) -> dict[str, Any]:
        """Return the members that nothing asked for."""
        return {name: value for name, value in self._value.items() if name not in self._read}

    @property
    def has_unread(self) -> bool:
        """Whether there are such, here or in an object that was looked into."""
        return bool(self.unread()) or any(inner is not None and inner.has_unread for inner in self._read.values())


def check(value: Any, shape: Shape) -> None:
    """Hold a single value against the rules of its shape. Raises Refused."""
    kind = type_of(value)
    if kind not in shape.types and not (kind == "integer" and "number" in shape.types):
        raise Refused
    if shape.enum is not None and not any(_same(value, known) for known in shape.enum):
        raise Refused
    if isinstance(value, str):
        long = shape.max_length is not None and len(value) > shape.max_length
        if long or len(value) < (shape.min_length or 0):
            raise Refused
        patterns = [pattern for pattern in (shape.pattern, *shape.more_patterns) if pattern is not None]
        if not all(re.search(pattern, value, re.ASCII) for pattern in patterns):
            raise Refused
    if isinstance(value, Number):
        _check_number(Decimal(value.lexeme), shape)


def _check_number(number: Decimal, shape: Shape) -> None:
    bounds = (
        shape.minimum is None or number >= Decimal(repr(shape.minimum)),
        shape.maximum is None or number <= Decimal(repr(shape.maximum)),
        shape.above is None or number > Decimal(repr(shape.above)),
        shape.below is None or number < Decimal(repr(shape.below)),
        shape.multiple_of is None or number % Decimal(repr(shape.multiple_of)) == 0,
    )
    if not all(bounds):
        raise Refused


def _same(value: Any, known: Any) -> bool:
    if isinstance(value, Number):
        return (
            isinstance(known, int | float)
            and not isinstance(known, bool)
            and Decimal(value.lexeme) == Decimal(repr(known))
        )
    return type(value) is type(known) and value == known
