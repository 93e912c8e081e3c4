"""What the schema knows of places: members, map values, and what is free-form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from portazgo.contracts.language.paths import ANY, Path
from portazgo.contracts.language.reading import Direction
from portazgo.contracts.language.refused import nearest
from portazgo.contracts.schema.merging import united
from portazgo.contracts.schema.shapes import SCALARS, Property, Schema, Shape, Type, Variant


class Places:
    """Looks into shapes, for requests or for answers."""

    def __init__(self, schema: Schema, direction: Direction) -> None:
        self.schema = schema
        self.direction = direction
        self._reach: dict[str, frozenset[str]] = {}

    def united(self, shape: Shape) -> Shape:
        """Return the one shape that takes all that the variants take."""
        resolved = self.schema.resolve(shape)
        return united(shape, self.schema.resolve) if resolved.variants else resolved

    def properties(self, shape: Shape) -> Mapping[str, Property]:
        """Return the members that requests, or answers, may have."""
        return {name: member for name, member in shape.properties.items() if not self._hides(member)}

    def _hides(self, member: Property) -> bool:
        return member.read_only if self.direction == "request" else member.write_only

    def below(self, shape: Shape) -> list[Shape]:
        """Return the shape without its arrays: what stands in them, however deep, and beside them."""
        return list(self._below(shape, set()))

    def _below(self, shape: Shape, seen: set[str]) -> Iterator[Shape]:
        if shape.ref is not None:
            if shape.ref in seen:
                return
            seen = seen | {shape.ref}
        one = self.united(shape)
        if "array" not in one.types:
            yield one
            return
        if one.types - {"array", "null"}:
            yield one
        if one.items is not None:
            yield from self._below(one.items, seen)

    def child(self, shape: Shape, step: str) -> Shape | None:
        """Return what a member may be, or a map's values (`*`); None: the schema knows no such member."""
        found: list[Shape] = []
        for one in self.below(shape):
            if step == ANY:
                found += [one.others] if one.others is not None else []
            elif (member := one.properties.get(step)) is not None and not self._hides(member):
                found.append(member.shape)
        distinct = [one for index, one in enumerate(found) if one not in found[:index]]
        if not distinct:
            return None
        return distinct[0] if len(distinct) == 1 else Shape(variants=tuple(Variant(one) for one in distinct))

    def is_hidden(self, shape: Shape, step: str) -> bool:
        """Tell whether the schema knows a member that is none of this direction: it is read only, or write only."""
        around = [one.properties[step] for one in self.below(shape) if step in one.properties]
        return any(self._hides(member) for member in around)

    def names(self, shape: Shape) -> list[str]:
        """Return the names of the members that the schema knows there."""
        return [name for one in self.below(shape) for name in self.properties(one)]

    def lost(self, shape: Shape, path: Path) -> tuple[Path, Path | None] | None:
        """Say how far a path leads, with the first name that the schema lacks, and which path was meant; None: it leads on.

        What was meant ends where the rest of the path is found under no name that is like it.
        """
        for index, step in enumerate(path):
            inner = self.child(shape, step)
            if inner is None:
                meant = self._meant(shape, step, path[index + 1 :])
                return path[: index + 1], None if meant is None else (*path[:index], *meant)
            shape = inner
        return None

    def _leads_on(self, shape: Shape, path: Path) -> bool:
        # Not by `lost`: to look there for what was meant, too, would try all names for each step that is left.
        for step in path:
            inner = self.child(shape, step)
            if inner is None:
                return False
            shape = inner
        return True

    def _meant(self, shape: Shape, step: str, rest: Path) -> Path | None:
        names = self.names(shape)
        if not rest:
            found = nearest(step, names)
            return None if found is None else (found,)
        leading = [name for name in names if (inner := self.child(shape, name)) and self._leads_on(inner, rest)]
        found = nearest(step, leading)
        if found is not None:
            return (found, *rest)
        found = nearest(step, names)
        return None if found is None else (found,)

    def scalars(self, shape: Shape) -> frozenset[Type]:
        """Return the types of single values that may stand there, or in arrays there."""
        return frozenset(kind for one in self.below(shape) for kind in one.types if kind in SCALARS)

    def is_object(self, shape: Shape) -> bool:
        """Tell whether the place holds one object (or null) and nothing else."""
        one = self.united(shape)
        return not one.free and one.types - {"null"} == {"object"}

    def is_list(self, shape: Shape) -> bool:
        """Tell whether the place may hold an array."""
        return "array" in self.united(shape).types

    def is_free(self, shape: Shape) -> bool:
        """Tell whether something may stand there about which the schema says nothing."""
        return self._is_free(shape, set())

    def _is_free(self, shape: Shape, seen: set[str]) -> bool:
        if shape.ref is not None:
            # What was looked at was not free, or nobody would ask on.
            if shape.ref in seen:
                return False
            seen.add(shape.ref)
        one = self.united(shape)
        if one.free:
            return True
        if "array" in one.types and (one.items is None or self._is_free(one.items, seen)):
            return True
        return (
            "object" in one.types and not one.properties and one.others is not None and self._is_free(one.others, seen)
        )

    def reach(self, component: str) -> frozenset[str]:
        """Return the components that a component leads to, itself among them."""
        if component not in self._reach:
            found: set[str] = set()
            waiting = [component]
            while waiting:
                name = waiting.pop()
                if name not in found:
                    found.add(name)
                    waiting += _references(self.schema.components[name])
            self._reach[component] = frozenset(found)
        return self._reach[component]


def _references(shape: Shape) -> list[str]:
    found: list[str] = []
    waiting = [shape]
    while waiting:
        one = waiting.pop()
        if one.ref is not None:
            found.append(one.ref)
        waiting += one.inner
    return found
