"""What a list of operators says of a path: looked up in the list, operator by operator, once for each path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from portazgo.contracts.language.operators import (
    Action,
    Case,
    Coerce,
    CoerceMoment,
    Compute,
    Const,
    Default,
    DropNull,
    Fill,
    MapValue,
    Move,
    Operator,
    Rename,
    RewriteUrl,
    Select,
    Unknown,
    Unwrap,
    Wrap,
)
from portazgo.contracts.language.paths import ANY, FREELY, Path
from portazgo.contracts.schema.shapes import SCALARS, Schema, Shape

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document: what may stand there by the schema, and the path by which operators speak of it."""

    shapes: tuple[Shape, ...]
    path: Path
    around: Mapping[str, tuple[Path, Any]]
    """By component: the path of the place around it that is one, and what was around that."""

    @property
    def ref(self) -> str | None:
        """The component that the place is, if it is one."""
        return self.shapes[0].ref if len(self.shapes) == 1 else None


def _remembered(ask: Callable[[Sayings, Path], Answer]) -> Callable[[Sayings, Path], Answer]:
    """Answer a question about a path once: many documents are mapped by one list."""

    @wraps(ask)
    def asked(said: Sayings, path: Path) -> Answer:
        key = (ask.__name__, path)
        if key not in said.remembered:
            said.remembered[key] = ask(said, path)
        answer: Answer = said.remembered[key]
        return answer

    return asked


class Sayings:
    """What operators say."""

    def __init__(self, schema: Schema, operators: Sequence[Operator], direction: str) -> None:
        self.schema = schema
        self.operators = operators
        self.direction = direction
        self.selects = [op.path for op in operators if isinstance(op, Select)]
        self.fills = [op for op in operators if isinstance(op, Fill)]
        self.consts = [op for op in operators if isinstance(op, Const)]
        self.computes = [op for op in operators if isinstance(op, Compute)]
        self.style = next((op.style for op in operators if isinstance(op, Case)), "none")
        self.remembered: dict[tuple[str, Path], Any] = {}
        self.unknown = next((op.policy for op in operators if isinstance(op, Unknown)), "refuse")

    def enter(self, place: Place) -> Place:
        """Return the place as which this one counts: what was said of a component counts for it again further down."""
        ref = place.ref
        if ref is None:
            return place
        if self.is_bare(place.path):
            if ref not in place.around:
                return place
            path, around = place.around[ref]
            return Place(place.shapes, path, {**around, ref: (path, around)})
        return Place(place.shapes, place.path, {**place.around, ref: (place.path, place.around)})

    @_remembered
    def is_bare(self, path: Path) -> bool:
        """Tell whether nothing is said of what stands there but that it passes."""
        if not self.is_whole(path) or self.action(path) is not None or self.is_apart(path):
            return False
        below = [*self._paths(), *(op.scope for op in self.operators if isinstance(op, Move | Const | Compute))]
        if any(len(other) > len(path) and other[: len(path)] == path for other in below):
            return False
        place = self.partner(path)
        added: list[Const | Compute] = [*self.consts, *self.computes]
        return not any(
            (target := self.partner(op.scope) + op.target)[: len(place)] == place and len(target) > len(place)
            for op in added
        )

    def _paths(self) -> list[Path]:
        found: list[Path] = []
        for op in self.operators:
            if isinstance(op, Wrap):
                found += op.fields
            elif not isinstance(op, Const | Compute | Case | Unknown) and op.path is not None:
                found.append(op.path)
        return found

    @_remembered
    def is_whole(self, path: Path) -> bool:
        """Tell whether it, or something around it, is selected as a whole, and nothing fills it."""
        if any(path[: len(fill.path)] == fill.path for fill in self.fills):
            return False
        return any(path[: len(select)] == select for select in self.selects if select[-1:] != (FREELY,))

    def is_freed(self, path: Path) -> bool:
        """Tell whether free-form content passes there."""
        return (*path, FREELY) in self.selects

    def passes(self, path: Path, shapes: tuple[Shape, ...]) -> bool:
        """Tell whether a member passes."""
        if any(fill.path == path for fill in self.fills):
            return False
        if any(len(select) > len(path) and select[: len(path)] == path for select in self.selects):
            return True
        return self.is_whole(path) and not self.is_free(shapes)

    @_remembered
    def action(self, path: Path) -> Action | None:
        """Return what is done with single values there."""
        kinds = (MapValue, Coerce, CoerceMoment, RewriteUrl)
        return next((op for op in self.operators if isinstance(op, kinds) and op.path == path), None)

    @_remembered
    def default(self, path: Path) -> Default | None:
        """Return the default of a member."""
        return next((op for op in self.operators if isinstance(op, Default) and op.path == path), None)

    def drops_null(self, path: Path) -> bool:
        """Tell whether a member is left out when it is null."""
        return any(isinstance(op, DropNull) and op.path in (None, path) for op in self.operators)

    @_remembered
    def partner(self, path: Path) -> Path:
        """Return where the partner finds it."""
        if not path:
            return ()
        for op in self.operators:
            if isinstance(op, Move) and op.path == path:
                return self.partner(op.scope) + op.target
        above, step = self.partner(path[:-1]), path[-1]
        if any(isinstance(op, Unwrap) and op.path == path for op in self.operators):
            return above
        if step == ANY:
            return (*above, step)
        name = next((op.name for op in self.operators if isinstance(op, Rename) and op.path == path), None)
        wrapper = next((op.into for op in self.operators if isinstance(op, Wrap) and path in op.fields), ())
        return (*above, *wrapper, name if name is not None else self._cased(step))

    @_remembered
    def is_apart(self, path: Path) -> bool:
        """Tell whether an object is taken apart: a member leaves it, or one comes into it, or it is unwrapped."""
        if any(isinstance(op, Unwrap) and op.path == path for op in self.operators):
            return True
        if not path:
            return False
        place = self.partner(path)
        moved = [op.path for op in self.operators if isinstance(op, Move)]
        moved += [field for op in self.operators if isinstance(op, Wrap) for field in op.fields]
        for source in moved:
            inside = len(source) > len(path) and source[: len(path)] == path
            target = self.partner(source)
            arrives = len(target) > len(place) and target[: len(place)] == place
            if inside != arrives and path[: len(source)] != source:
                return True
        return False

    def _cased(self, name: str) -> str:
        if self.style == "camel":
            head, *rest = [name] if name.startswith("_") else name.split("_")
            return head + "".join(part[:1].upper() + part[1:] for part in rest)
        if self.style == "snake":
            return "".join(
                f"_{letter.lower()}"
                if letter.isupper() and index and (name[index - 1].islower() or name[index - 1].isdigit())
                else letter
                for index, letter in enumerate(name)
            )
        return name

    # What the schema knows of a place.

    def concrete(self, shapes: tuple[Shape, ...]) -> list[Shape]:
        """Return the shapes without references and variants."""
        found: list[Shape] = []
        seen: set[str] = set()
        waiting = list(shapes)
        while waiting:
            shape = waiting.pop(0)
            if shape.nullable and (shape.ref is not None or shape.variants):
                found.append(Shape(types=frozenset({"null"})))
            if shape.ref is not None:
                if shape.ref not in seen:
                    seen.add(shape.ref)
                    waiting.append(self.schema.components[shape.ref])
            elif shape.variants:
                waiting += [variant.shape for variant in shape.variants]
            else:
                found.append(shape)
        return found

    def members(self, shapes: tuple[Shape, ...]) -> dict[str, tuple[tuple[Shape, ...], bool]]:
        """Return an object's members: what each may be, and whether it must be there."""
        objects = [one for one in self.concrete(shapes) if "object" in one.types]
        found: dict[str, tuple[tuple[Shape, ...], bool]] = {}
        for name in dict.fromkeys(name for one in objects for name in one.properties):
            told = [one.properties[name] for one in objects if name in one.properties]
            hidden = [member.write_only if self.direction == "answer" else member.read_only for member in told]
            if all(hidden):
                continue
            distinct = [
                member.shape for index, member in enumerate(told) if member.shape not in [m.shape for m in told[:index]]
            ]
            found[name] = (tuple(distinct), len(told) == len(objects) and all(member.required for member in told))
        return found

    def is_free(self, shapes: tuple[Shape, ...], depth: int = 0) -> bool:
        """Tell whether something may stand there of which the schema says nothing."""
        if depth > len(self.schema.components) + 8:
            return False  # an array of itself
        for one in self.concrete(shapes):
            items = "array" in one.types and (one.items is None or self.is_free((one.items,), depth + 1))
            named = "object" in one.types and not one.properties and one.others is not None
            if one.free or items or (named and one.others is not None and self.is_free((one.others,), depth + 1)):
                return True
        return False

    def scalar_type(self, shapes: tuple[Shape, ...]) -> str:
        """Return the type of single values there, where there is one."""
        kinds = [kind for one in self.concrete(shapes) for kind in SCALARS if kind in one.types]
        return kinds[0] if kinds else "string"
