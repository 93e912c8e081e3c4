"""Registry: each noun says how one of its resources is read and compiled. Filled in the nouns' `apps.ready()`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING

from portazgo.snapshot.wire import Kind, Resource, ResourceRef

if TYPE_CHECKING:
    from django.db.models import Model

READ_AT_ONCE = 500
"""Rows that one query names: SQLite may be built for 999 variables at the most."""

CompileOne = Callable[[str], Resource | None]
CompileMany = Callable[[Sequence[str]], Iterable[Resource]]
EveryId = Callable[[], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Compiler:
    """How resources of one kind come to be.

    `one(id)` reads the rows again and compiles them; None when there is nothing (any more), which nodes are told as a
    deletion. `every()` gives the ids of all there are, for rebuilding and for verifying. `many(ids)` does what `one` does
    in a few reads, for a noun of which many change in one transaction; what is no more is left out.
    """

    one: CompileOne
    every: EveryId
    many: CompileMany | None = None

    def compile(self, ids: Sequence[str]) -> Iterable[Resource]:
        """Read and compile those that there are."""
        if self.many is not None and len(ids) > 1:
            return self.many(ids)
        return (resource for identifier in ids if (resource := self.one(identifier)) is not None)


class NoCompiler(LookupError):
    """No noun registered a compiler for this kind."""


_compilers: dict[Kind, Compiler] = {}


def register_compiler(kind: Kind, one: CompileOne, *, every: EveryId, many: CompileMany | None = None) -> None:
    """Say how resources of a kind are compiled. Called once per kind, at start."""
    _compilers[kind] = Compiler(one, every, many)


def every_id(model: type[Model]) -> EveryId:
    """Give the ids of all rows of a table whose rows are resources one by one."""
    return lambda: (str(identifier) for identifier in model._default_manager.values_list("pk", flat=True))  # noqa: SLF001 - Django's own name for it


def compile_resource(ref: ResourceRef) -> Resource | None:
    """Read and compile one resource as the database has it now. Raises NoCompiler."""
    return _compiler(ref.kind).one(ref.id)


def compile_resources(refs: Iterable[ResourceRef]) -> Iterator[tuple[ResourceRef, Resource | None]]:
    """Read and compile resources as the database has them now, neighbours of one kind together. Raises NoCompiler."""
    for kind, neighbours in groupby(refs, key=lambda ref: ref.kind):
        while some := list(islice(neighbours, READ_AT_ONCE)):
            compiled = {one.ref: one for one in _compiler(kind).compile([ref.id for ref in some])}
            yield from ((ref, compiled.get(ref)) for ref in some)


def every_resource(kind: Kind | None = None) -> Iterable[ResourceRef]:
    """Name all that there is to compile, or all of a kind."""
    for known in _compilers if kind is None else [kind]:
        for identifier in _compiler(known).every():
            yield ResourceRef(known, identifier)


def _compiler(kind: Kind) -> Compiler:
    compiler = _compilers.get(kind)
    if compiler is None:
        raise NoCompiler(kind)
    return compiler
