"""An answer, mapped by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from portazgo.contracts.language.operators import Compute, Const, RewriteUrl
from portazgo.contracts.language.paths import ANY, Path
from portazgo.contracts.reference.documents import Number, Violation, own, parse, type_of
from portazgo.contracts.reference.masks import ALL, Wanted, read_mask
from portazgo.contracts.reference.sayings import Place, Sayings
from portazgo.contracts.reference.values import OMIT, to_partner
from portazgo.contracts.schema.shapes import FREE, Shape

Rewrite = Callable[[str], str | None]
Evaluate = Callable[[Compute, dict[str, Any]], Any]
"""What a computed member comes to, by the backend's object. Raises Violation."""


def _nothing_computed(_: Compute, __: dict[str, Any]) -> Any:
    raise NotImplementedError("the operators compute a member: give map_answer what evaluates expressions")


def map_answer(
    said: Sayings,
    shape: Shape,
    body: bytes,
    *,
    missing: str = "fail",
    rewrite: Rewrite = lambda _: None,
    compute: Evaluate = _nothing_computed,
    fields: tuple[str, Path] | None = None,
) -> Any:
    """Return what the partner receives for an answer by what is said of answers, as a document. Raises Violation.

    With `fields`, a text as `?fields=` has it and a path of the backend's: below that path the members that it names.
    """
    wanted = ALL if fields is None else Wanted(read_mask(fields[0]), said.partner(fields[1]))
    return _Answer(said, missing, rewrite, compute).value(parse(body), Place((shape,), (), {}), wanted)


class _Answer:
    def __init__(self, said: Sayings, missing: str, rewrite: Rewrite, compute: Evaluate) -> None:
        self._said = said
        self._missing = missing
        self._rewrite = rewrite
        self._compute = compute

    def value(self, value: Any, place: Place, wanted: Wanted) -> Any:
        place = self._said.enter(place)
        shapes = self._said.concrete(place.shapes)
        if any(one.free for one in shapes):
            return value
        kind = type_of(value)
        able = [one for one in shapes if kind in one.types or (kind == "integer" and "number" in one.types)]
        if not able:
            raise Violation("type", "/".join(place.path))
        if kind == "null":
            return None
        if isinstance(value, list):
            items: list[Shape] = []
            for one in able:
                if (one.items or FREE) not in items:
                    items.append(one.items or FREE)
            made = [self.value(item, Place(tuple(items), place.path, place.around), wanted) for item in value]
            return [item for item in made if item is not OMIT]
        if isinstance(value, dict):
            return self._object(value, place, wanted)
        if not self._said.is_whole(place.path):
            raise Violation("type", "/".join(place.path))
        return self._scalar(value, place)

    def _scalar(self, value: Any, place: Place) -> Any:
        action = self._said.action(place.path)
        if not isinstance(action, RewriteUrl):
            return to_partner(action, value)
        rewritten = self._rewrite(value)
        if rewritten is not None:
            return rewritten
        null = any("null" in one.types for one in self._said.concrete(place.shapes))
        otherwise = action.otherwise or ("null" if null else "omit")
        if otherwise == "fail":
            raise Violation("value")
        return None if otherwise == "null" else OMIT

    def _object(self, value: dict[str, Any], place: Place, wanted: Wanted) -> dict[str, Any]:
        frame = _Frame(wanted)
        base = self._said.partner(place.path)
        self._members(frame, value, place, base)
        known = self._said.members(place.shapes)
        self._others(frame, {name: inner for name, inner in value.items() if name not in known}, place)
        for op in self._said.computes:
            if self._holds(place, op):
                frame.put(self._target(op)[len(base) :], partial(self._computed, op, value))
        return frame.made

    def _computed(self, op: Compute, value: dict[str, Any], wanted: Wanted) -> Any:
        return wanted.of(self._compute(op, value))

    def _target(self, op: Const | Compute) -> Path:
        return self._said.partner(op.scope) + op.target

    def _holds(self, place: Place, op: Const | Compute) -> bool:
        """Tell whether what is added belongs to this object: it lies on the way to the target, and none further down does.

        Where an object's members are put in the place of others, partners find both at one path, and what is added to the
        one is not said of the other.
        """
        path, scope, target = place.path, op.scope, self._target(op)
        base = self._said.partner(path)
        if path[: len(scope)] != scope or target[: len(base)] != base or len(target) == len(base):
            return False
        if any(self._said.is_apart(path[:length]) for length in range(len(scope) + 1, len(path) + 1)):
            return False
        return not self._goes_down(place, target)

    def _goes_down(self, place: Place, target: Path) -> bool:
        for step, (shapes, _) in self._said.members(place.shapes).items():
            path = (*place.path, step)
            there = self._said.partner(path)
            if self._said.is_apart(path) or not self._said.passes(path, shapes):
                continue
            if len(target) > len(there) and target[: len(there)] == there and self._has_objects(shapes):
                return True
        return False

    def _has_objects(self, shapes: tuple[Shape, ...]) -> bool:
        for one in self._said.concrete(shapes):
            if "object" in one.types or ("array" in one.types and one.items and self._has_objects((one.items,))):
                return True
        return False

    def _members(self, frame: _Frame, value: dict[str, Any] | None, place: Place, base: Path) -> None:
        """Put an object's members where the partner finds them; None: the object is not there."""
        for step, (shapes, required) in self._said.members(place.shapes).items():
            path = (*place.path, step)
            if not self._said.passes(path, shapes):
                continue
            inner = Place(shapes, path, place.around)
            found = OMIT if value is None else value.get(step, OMIT)
            needed = required and value is not None and self._missing == "fail"
            if self._said.is_apart(path):
                self._apart(frame, found, self._said.enter(inner), base, needed=needed)
                continue
            self._member(frame, found, inner, self._said.partner(path)[len(base) :], needed=needed)
        for const in self._said.consts:
            if self._holds(place, const):
                frame.put(self._target(const)[len(base) :], partial(_constant, const.value))

    def _apart(self, frame: _Frame, found: Any, inner: Place, base: Path, *, needed: bool) -> None:
        null = any("null" in one.types for one in self._said.concrete(inner.shapes))
        if found is OMIT and needed and not null:
            raise Violation("missing", "/".join(inner.path))
        if found is not OMIT and not isinstance(found, dict) and not (found is None and null):
            raise Violation("type", "/".join(inner.path))
        self._members(frame, found if isinstance(found, dict) else None, inner, base)

    def _member(self, frame: _Frame, found: Any, inner: Place, target: Path, *, needed: bool) -> None:
        if frame.wanted.below(target) is None:
            return
        default = self._said.default(inner.path)
        drops = self._said.drops_null(inner.path)
        nullable = any("null" in one.types for one in self._said.concrete(inner.shapes))
        if found is None and drops:
            found = OMIT
            needed = False
        if found is OMIT:
            if default is not None:
                frame.put(target, partial(_constant, default.value))
            elif needed and not (drops and nullable):
                raise Violation("missing", "/".join(inner.path))
            return
        frame.put(target, partial(self.value, found, inner))

    def _others(self, frame: _Frame, others: dict[str, Any], place: Place) -> None:
        objects = [one for one in self._said.concrete(place.shapes) if "object" in one.types]
        shapes = tuple(one.others for one in objects if one.others is not None)
        if not shapes or len(shapes) < len(objects):
            return
        path = (*place.path, ANY)
        named = [one.properties for one in self._said.concrete(place.shapes) if "object" in one.types]
        known = self._said.members(place.shapes)
        if any(
            step not in known or not self._said.passes((*place.path, step), known[step][0])
            for one in named
            for step in one
        ):
            return  # a map beside a hidden member would let it through
        if any(select[: len(path)] == path for select in self._said.selects):
            inner = Place(shapes, path, place.around)
        elif self._said.is_free(shapes):
            if not self._said.is_freed(place.path):
                return
            inner = Place((FREE,), path, place.around)
        elif self._said.is_whole(place.path):
            inner = Place(shapes, path, place.around)
        else:
            return
        for name, value in others.items():
            frame.put((name,), partial(self.value, value, inner))


def _constant(value: Any, wanted: Wanted) -> Any:
    return wanted.of(own(value))


class _Frame:
    """An object of the partner's, as it is filled, and what is wanted of it."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.made: dict[str, Any] = {}

    def put(self, path: Path, value: Callable[[Wanted], Any]) -> None:
        """Put at a path what the value comes to, where anything of it is wanted."""
        wanted = self.wanted.below(path)
        written = OMIT if wanted is None else value(wanted)
        if written is OMIT:
            return
        inner = self.made
        for step in path[:-1]:
            inner = inner.setdefault(step, {})
        inner[path[-1]] = written


__all__ = ["Number", "Violation", "map_answer"]
