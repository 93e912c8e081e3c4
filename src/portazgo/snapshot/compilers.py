"""Registry: each noun says how one of its resources is read and compiled. Filled in the nouns' `apps.ready()`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.snapshot.wire import Kind, Resource, ResourceRef

if TYPE_CHECKING:
    from django.db.models import Model

CompileOne = Callable[[str], Resource | None]
EveryId = Callable[[], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Compiler:
    """How resources of one kind come to be.

    `one(id)` reads the rows again and compiles them; None when there is nothing (any more), which nodes are told as a
    deletion. `every()` gives the ids of all there are, for rebuilding and for verifying.
    """

    one: CompileOne
    every: EveryId


class NoCompiler(LookupError):
    """No noun registered a compiler for this kind."""


_compilers: dict[Kind, Compiler] = {}


def register_compiler(kind: Kind, one: CompileOne, *, every: EveryId) -> None:
    """Say how resources of a kind are compiled. Called once per kind, at start."""
    _compilers[kind] = Compiler(one, every)


def every_id(model: type[Model]) -> EveryId:
    """Give the ids of all rows of a table whose rows are resources one by one."""
    return lambda: (str(identifier) for identifier in model._default_manager.values_list("pk", flat=True))  # noqa: SLF001 - Django's own name for it


def compile_resource(ref: ResourceRef) -> Resource | None:
    """Read and compile one resource as the database has it now. Raises NoCompiler."""
    compiler = _compilers.get(ref.kind)
    if compiler is None:
        raise NoCompiler(ref.kind)
    return compiler.one(ref.id)


def every_resource() -> Iterable[ResourceRef]:
    """Name all that there is to compile."""
    for kind, compiler in _compilers.items():
        for identifier in compiler.every():
            yield ResourceRef(kind, identifier)
