"""What became of a backend's schema between two imports: fields that are new, gone or of another type, by operation.

Whose they are is not asked here: `effects` says what each means for a contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from portazgo.contracts.differences.flat import FlatShape, json_shape
from portazgo.contracts.language.paths import ANY, Path, format_path
from portazgo.contracts.schema.shapes import Body, Schema, SchemaOperation, Shape

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
    shapes = json_shape(was), json_shape(now)
    if shapes[0] is not None and shapes[1] is not None:
        yield from _Walk(place, two).values(shapes[0], shapes[1], ())


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
        before, after = FlatShape(was, self._two.old), FlatShape(now, self._two.new)
        if before.types != after.types:
            yield self._change(path, Kind.RETYPED, f"{before.said} became {after.said}")
        else:
            yield from self._lists(before, after, path)
        yield from self._members(before, after, path)
        if before.items is not None and after.items is not None:
            yield from self.values(before.items, after.items, path)
        if before.others is not None and after.others is not None:
            yield from self.values(before.others, after.others, (*path, ANY))

    def _members(self, before: FlatShape, after: FlatShape, path: Path) -> Iterator[SchemaChange]:
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

    def _lists(self, before: FlatShape, after: FlatShape, path: Path) -> Iterator[SchemaChange]:
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
