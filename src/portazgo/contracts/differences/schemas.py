"""What became of a backend's schema between two imports: fields that are new, gone or of another type, by operation.

Whose they are is not asked here: `effects` says what each means for a contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from portazgo.contracts.differences.forms import TYPES
from portazgo.contracts.language.paths import ANY, Path, format_path
from portazgo.contracts.schema.shapes import FREE, Body, Schema, SchemaOperation, Shape

CHANGES_AT_MOST = 2_000
"""More of them are not read by anybody: an import of another backend's document is one long list."""


class Kind(StrEnum):
    """What became of something."""

    NEW = "new"
    NEW_REQUIRED = "new_required"
    """In requests: the backend wants it from now on."""
    GONE = "gone"
    RETYPED = "retyped"
    OPTIONAL = "optional"
    """It was always there, and may be absent."""
    REQUIRED = "required"
    VALUES_NEW = "values_new"
    """The list of its values has new ones, or is gone."""
    VALUES_GONE = "values_gone"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One thing that became of an operation, in the backend's names.

    `place` is "", which is the operation itself, `request`, `answer 200`, or `query page`; `path` lies below it.
    """

    operation: str
    place: str
    path: str
    kind: Kind
    detail: str = ""
    """From what to what."""

    @property
    def sentence(self) -> str:
        """The change for a person to read."""
        where = " ".join(part for part in (self.place, self.path) if part)
        said = self.kind.value.replace("_", " ")
        return f"{self.operation}{': ' if where else ''}{where}: {said}{f' ({self.detail})' if self.detail else ''}"


def schema_changes(old: Schema, new: Schema) -> list[SchemaChange]:
    """What became of the operations, in the new document's order; those that are gone come last. At most CHANGES_AT_MOST.

    An operation is the same by its operationId, or else by method and path.
    """
    found: list[SchemaChange] = []
    before = {operation.title: operation for operation in old.operations}
    by_place = {(operation.method, operation.path): operation for operation in old.operations}
    met: set[str] = set()
    for operation in new.operations:
        was = before.get(operation.title) or by_place.get((operation.method, operation.path))
        if was is None:
            found.append(SchemaChange(operation.title, "", "", Kind.NEW, f"{operation.method} {operation.path}"))
            continue
        met.add(was.title)
        found.extend(_of_operation(was, operation, _Two(old, new, was.title)))
    found.extend(
        SchemaChange(operation.title, "", "", Kind.GONE, f"{operation.method} {operation.path}")
        for operation in old.operations
        if operation.title not in met
    )
    return list(dict.fromkeys(found))[:CHANGES_AT_MOST]


@dataclass(frozen=True, slots=True)
class _Two:
    """Both documents, and how the operation was called that a contract may name."""

    old: Schema
    new: Schema
    operation: str


def _of_operation(was: SchemaOperation, now: SchemaOperation, two: _Two) -> Iterator[SchemaChange]:
    if (was.method, was.path) != (now.method, now.path):
        detail = f"{was.method} {was.path} became {now.method} {now.path}"
        yield SchemaChange(two.operation, "", "", Kind.RETYPED, detail)
    yield from _parameters(was, now, two)
    yield from _request(was.request, now.request, two)
    for status, body in was.answers.items():
        if status not in now.answers:
            yield SchemaChange(two.operation, f"answer {status}", "", Kind.GONE)
        else:
            yield from _bodies(f"answer {status}", body, now.answers[status], two)
    for status in now.answers:
        if status not in was.answers:
            yield SchemaChange(two.operation, f"answer {status}", "", Kind.NEW)


def _parameters(was: SchemaOperation, now: SchemaOperation, two: _Two) -> Iterator[SchemaChange]:
    before = {(parameter.place, parameter.name): parameter for parameter in was.parameters}
    after = {(parameter.place, parameter.name): parameter for parameter in now.parameters}
    for (place, name), parameter in after.items():
        at = f"{place} {name}"
        if (place, name) not in before:
            yield SchemaChange(two.operation, at, "", Kind.NEW_REQUIRED if parameter.required else Kind.NEW)
            continue
        old = before[place, name]
        if old.required != parameter.required:
            yield SchemaChange(two.operation, at, "", Kind.REQUIRED if parameter.required else Kind.OPTIONAL)
        yield from _Walk(at, two).values(old.shape, parameter.shape, ())
    for place, name in before:
        if (place, name) not in after:
            yield SchemaChange(two.operation, f"{place} {name}", "", Kind.GONE)


def _request(was: Body | None, now: Body | None, two: _Two) -> Iterator[SchemaChange]:
    if was is None and now is not None:
        yield SchemaChange(two.operation, "request", "", Kind.NEW_REQUIRED if now.required else Kind.NEW)
    elif was is not None and now is None:
        yield SchemaChange(two.operation, "request", "", Kind.GONE)
    elif was is not None and now is not None:
        if was.required != now.required:
            yield SchemaChange(two.operation, "request", "", Kind.REQUIRED if now.required else Kind.OPTIONAL)
        yield from _bodies("request", was, now, two)


def _bodies(place: str, was: Body, now: Body, two: _Two) -> Iterator[SchemaChange]:
    before, after = sorted(was.contents), sorted(now.contents)
    if before != after:
        detail = f"{', '.join(before) or 'no body'} became {', '.join(after) or 'no body'}"
        yield SchemaChange(two.operation, place, "", Kind.RETYPED, detail)
    # Of several media types the first JSON one counts: a contract maps one form of a body.
    shapes = _json(was.contents), _json(now.contents)
    if shapes[0] is not None and shapes[1] is not None:
        yield from _Walk(place, two).values(shapes[0], shapes[1], ())


def _json(contents: Mapping[str, Shape | None]) -> Shape | None:
    return next(
        (shape for kind, shape in contents.items() if kind == "application/json" or kind.endswith("+json")), None
    )


class _Walk:
    """Walks through two shapes at once.

    Recursive shapes end where a pair was met before. Both documents live on, so that no other shape gets an id of theirs.
    """

    def __init__(self, place: str, two: _Two) -> None:
        self._place = place
        self._two = two
        self._met: set[tuple[str | int, str | int]] = set()

    def values(self, was: Shape, now: Shape, path: Path) -> Iterator[SchemaChange]:
        pair = (was.ref or id(was), now.ref or id(now))
        if pair in self._met:
            return
        self._met.add(pair)
        before, after = _Flat(was, self._two.old), _Flat(now, self._two.new)
        if before.types != after.types:
            yield self._change(path, Kind.RETYPED, f"{before.said} became {after.said}")
        else:
            yield from self._lists(before, after, path)
        yield from self._members(before, after, path)
        if before.items is not None and after.items is not None:
            yield from self.values(before.items, after.items, path)
        if before.others is not None and after.others is not None:
            yield from self.values(before.others, after.others, (*path, ANY))

    def _members(self, before: _Flat, after: _Flat, path: Path) -> Iterator[SchemaChange]:
        for name, member in after.members.items():
            if name not in before.members:
                wanted = self._place == "request" and after.required[name]
                yield self._change((*path, name), Kind.NEW_REQUIRED if wanted else Kind.NEW)
                continue
            if before.required[name] != after.required[name]:
                yield self._change((*path, name), Kind.REQUIRED if after.required[name] else Kind.OPTIONAL)
            yield from self.values(before.members[name], member, (*path, name))
        for name in before.members:
            if name not in after.members:
                yield self._change((*path, name), Kind.GONE)

    def _lists(self, before: _Flat, after: _Flat, path: Path) -> Iterator[SchemaChange]:
        if before.enum is None:
            if after.enum is not None:
                yield self._change(path, Kind.VALUES_GONE, "only values of a list are left")
        elif after.enum is None:
            yield self._change(path, Kind.VALUES_NEW, "any value may come")
        else:
            if come := [value for value in after.enum if value not in before.enum]:
                yield self._change(path, Kind.VALUES_NEW, ", ".join(map(str, come)))
            if gone := [value for value in before.enum if value not in after.enum]:
                yield self._change(path, Kind.VALUES_GONE, ", ".join(map(str, gone)))

    def _change(self, path: Path, kind: Kind, detail: str = "") -> SchemaChange:
        return SchemaChange(self._two.operation, self._place, format_path(path) if path else "", kind, detail)


class _Flat:
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
            self.enum += [value for value in variant.enum if value is not None and value not in self.enum]

    @property
    def said(self) -> str:
        """The types for a person."""
        kinds = [kind for kind in TYPES if kind in self.types]
        return "anything" if len(kinds) == len(TYPES) else " or ".join(kinds) or "nothing"


def _variants(shape: Shape, schema: Schema, seen: frozenset[str] = frozenset()) -> Iterator[Shape]:
    if shape.ref is not None:
        if shape.ref in seen:
            return
        seen |= {shape.ref}
    flat = schema.resolve(shape) if shape.ref is not None else shape
    if not flat.variants:
        yield flat
        return
    for variant in flat.variants:
        yield from _variants(variant.shape, schema, seen)
    if flat.nullable:
        yield Shape(types=frozenset({"null"}))


def shape_of_answer(operation: SchemaOperation, status: str) -> Shape | None:
    """What the schema says of an operation's JSON answer of this status: the exact one, its range, or the default."""
    for key in (status, f"{status[0]}XX", "default"):
        if key in operation.answers:
            shape = _json(operation.answers[key].contents)
            return FREE if shape is None and operation.answers[key].contents else shape
    return None
