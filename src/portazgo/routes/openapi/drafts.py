"""From the operations that were picked to drafts of routes: how a backend's operation will look to partners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count

from portazgo.kit.names import SLUG_LENGTH, TAGS_AT_MOST, is_tag, slug
from portazgo.routes.domain import (
    check_backend_path,
    check_headers,
    check_partner_path,
    is_own_header,
    map_prefix,
    shape,
)
from portazgo.routes.openapi.operations import Operation

PASSTHROUGH_WARNING = (
    "bodies and queries pass unprojected until the route has a contract: partners see whatever the backend answers"
)


@dataclass(frozen=True, slots=True)
class Pick:
    """Which operations to take: those that any of the lists names; all of them when every list is empty."""

    tags: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    """Patterns over the backend's path, `*` standing for any text: `/api/badges/*`."""
    operations: frozenset[str] = frozenset()

    def takes(self, operation: Operation) -> bool:
        """Tell whether the operation is picked."""
        if not (self.tags or self.paths or self.operations):
            return True
        return (
            not self.tags.isdisjoint(operation.tags)
            or operation.operation_id in self.operations
            or any(fnmatchcase(operation.path, _without_classes(pattern)) for pattern in self.paths)
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """A route as the document has it. What an operator adds (scopes, limits, hosts) is not its matter."""

    name: str
    method: str
    path: str
    backend_path: str
    request_headers: tuple[str, ...]
    tags: tuple[str, ...]
    """The operation's, as far as routes can bear them."""
    operation_id: str | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operation that does not become a route."""

    method: str
    path: str
    operation_id: str | None
    reason: str


@dataclass(slots=True)
class Drafts:
    """What came of the operations."""

    drafts: list[Draft] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def draft_routes(found: Iterable[Operation], pick: Pick, prefixes: Mapping[str, str]) -> Drafts:
    """Draft a route for every picked operation; the others are neither drafted nor reported."""
    result = Drafts()
    names = _Names()
    shapes: dict[tuple[str, str], str] = {}
    for operation in found:
        if not pick.takes(operation):
            continue
        drafted = _draft(operation, prefixes, names)
        if isinstance(drafted, Draft):
            address = (drafted.method, shape(drafted.path))
            if address in shapes:
                drafted = _skip(
                    operation, f"{drafted.method} {drafted.path} can't be told apart from the route {shapes[address]}"
                )
            else:
                shapes[address] = drafted.name
        if isinstance(drafted, Draft):
            names.take(drafted.name)
            result.drafts.append(drafted)
        else:
            result.skipped.append(drafted)
    return result


def _draft(operation: Operation, prefixes: Mapping[str, str], names: _Names) -> Draft | Skipped:
    path = map_prefix(operation.path, prefixes)
    try:
        check_partner_path(path)
        check_backend_path(operation.path, path)
        headers = check_headers([name for name in operation.headers if not is_own_header(name)])
    except ValueError as problem:
        return _skip(operation, str(problem))
    return Draft(
        name=names.free(_name(operation, path)),
        method=operation.method,
        path=path,
        backend_path=operation.path,
        request_headers=tuple(headers),
        tags=tuple(tag for tag in dict.fromkeys(operation.tags) if is_tag(tag))[:TAGS_AT_MOST],
        operation_id=operation.operation_id,
    )


def _skip(operation: Operation, reason: str) -> Skipped:
    return Skipped(operation.method, operation.path, operation.operation_id, reason)


def _name(operation: Operation, path: str) -> str:
    return slug(operation.operation_id or "") or slug(f"{operation.method} {path}") or "route"


class _Names:
    """Numbers names that other operations of the document have taken (`badges_list` and `badges-list` are one slug)."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[tuple[str, int], int] = {}
        """By what stands before a number of so many digits: all below it are taken. Looking from the first one each time
        would keep everybody waiting for hours over a document whose operations have one id."""

    def free(self, name: str) -> str:
        """Give the name, or the first number of it that is free."""
        if name not in self._taken:
            return name
        return next(found for digits in count(1) if (found := self._numbered(name, digits)))

    def take(self, name: str) -> None:
        """See that nobody else gets it."""
        self._taken.add(name)

    def _numbered(self, name: str, digits: int) -> str | None:
        stem = f"{name[: SLUG_LENGTH - digits - 1]}-"
        number, beyond = self._next.get((stem, digits), max(2, 10 ** (digits - 1))), 10**digits
        while number < beyond and f"{stem}{number}" in self._taken:
            number += 1
        self._next[stem, digits] = number
        return f"{stem}{number}" if number < beyond else None


def _without_classes(pattern: str) -> str:
    """Take `[` literally: only `*` and `?` are promised."""
    return pattern.replace("[", "[[]")
