"""From views to what partners see: shapes in their names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from portazgo.contracts.language.operators import Coerce, CoerceMoment, MapValue, Result, RewriteUrl
from portazgo.contracts.language.paths import Path, format_path
from portazgo.contracts.language.reading import Direction
from portazgo.contracts.mapping.actions import (
    INTEGER_PATTERN,
    NUMBER_PATTERN,
    coerced_type,
    pairs_of,
)
from portazgo.contracts.mapping.defaults import with_default, with_requests_default
from portazgo.contracts.mapping.layout import url_otherwise
from portazgo.contracts.mapping.views import Leaf, ObjectView, View
from portazgo.contracts.schema.fitting import unfit
from portazgo.contracts.schema.merging import annotated
from portazgo.contracts.schema.normalising import type_of
from portazgo.contracts.schema.shapes import FREE, Property, Schema, Shape, Type, Variant
from portazgo.contracts.schema.values import distinct, key_of

_NULL = frozenset[Type]({"null"})
# The years 1 to 9999, which is what a date can say.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_NO_RULES: dict[str, Any] = dict.fromkeys(
    ("enum", "format", "pattern", "min_length", "max_length", "minimum", "maximum", "above", "below", "multiple_of")
) | {"more_patterns": ()}


class Partner:
    """Writes partners' shapes, components by name."""

    def __init__(self, direction: Direction, components: dict[str, Shape], *, closed: bool = False) -> None:
        self._direction = direction
        self._components = components
        self._closed = closed
        self.misfits: list[tuple[str, str]] = []
        """Defaults that an answer would break its own schema by: where they stand, and why."""

    def shape(self, view: View, *, null: bool | None = None) -> Shape:
        """Return what the partner may read there, or send."""
        nullable = view.null if null is None else null
        if view.component is None:
            return self._inside(view, null=nullable)
        if view.component not in self._components:
            # Something has to stand there before the members are written, which may lead back here.
            self._components[view.component] = FREE
            self._components[view.component] = self._inside(view, null=False)
        return Shape(ref=view.component, types=_NULL if nullable else frozenset())

    def _inside(self, view: View, *, null: bool) -> Shape:
        words = Shape(title=view.shape.title, description=view.shape.description, deprecated=view.shape.deprecated)
        if view.free:
            return annotated(FREE, words)
        if view.alternatives:
            return annotated(self._variants(view, null=null), words)
        parts = self.scalars(view)
        if view.is_list:
            parts.append(self._list(view))
        if view.object is not None:
            parts.append(self._object(view, view.object))
        shape = _together(parts)
        return annotated(shape.or_null() if null else shape, words)

    def _variants(self, view: View, *, null: bool) -> Shape:
        variants: list[Variant] = []
        for alternative in view.alternatives:
            told = alternative.value if isinstance(alternative.value, str) else None
            found = self.shape(alternative.view)
            variant = Variant(found, told if view.discriminator is not None else None)
            # A variant may have become the same as another: what told them apart is hidden.
            if variant not in variants:
                variants.append(variant)
        if len(variants) == 1:
            return variants[0].shape.or_null() if null else variants[0].shape
        return Shape(types=_NULL if null else frozenset(), variants=tuple(variants), discriminator=view.discriminator)

    def scalars(self, view: View) -> list[Shape]:
        """Return what single values the partner reads there, or sends."""
        if not view.scalars:
            return []
        one, action = view.shape, view.action
        plain = replace(
            one,
            types=view.scalars,
            enum=_scalar_enum(one, view.scalars),
            items=None,
            properties={},
            others=None,
            closed=False,
        )
        if action is None:
            return [plain]
        bare = replace(plain, **_NO_RULES, example=None, has_example=False)
        if isinstance(action, MapValue):
            return self._mapped(view, action, plain, bare)
        if isinstance(action, RewriteUrl):
            shape = replace(bare, types=frozenset({"string"}), format="uri")
            return [shape.or_null() if url_otherwise(action, one) == "null" else shape]
        kind = coerced_type(action)
        return [_coerced(action, plain, replace(bare, types=frozenset({kind})), kind)]

    def _mapped(self, view: View, action: MapValue, plain: Shape, bare: Shape) -> list[Shape]:
        pairs = pairs_of(action, view.scalars, view.shape)
        values = distinct(partner for _, partner in pairs)
        if action.otherwise == "null" and self._direction == "answer" and None not in values:
            values.append(None)
        open_ended = action.otherwise == "copy" or (
            action.otherwise in ("null", "omit") and self._direction == "request"
        )
        if not open_ended:
            return [replace(bare, types=frozenset(type_of(value) for value in values), enum=tuple(values))]
        if action.otherwise == "copy" and plain.enum is not None:
            mapped = {key_of(backend) for backend, _ in pairs}
            rest = [value for value in plain.enum if value is not None and key_of(value) not in mapped]
            values = distinct([*values, *rest])
            return [replace(bare, types=frozenset(type_of(value) for value in values), enum=tuple(values))]
        types = view.scalars | {type_of(value) for value in values}
        return [replace(bare, types=frozenset(types - {"integer"} if "number" in types else types))]

    def _list(self, view: View) -> Shape:
        one = view.shape
        items = view.items
        # What is hidden may be what told two items apart.
        unique = one.unique and items is not None and items.object is None and items.action is None
        return Shape(
            types=frozenset({"array"}),
            items=FREE if items is None else self.shape(items),
            min_items=None if items is not None and self._may_go(items) else one.min_items,
            max_items=one.max_items,
            unique=unique and items is not None and not items.is_list and not items.alternatives,
        )

    def _object(self, view: View, laid: ObjectView) -> Shape:
        root = _Tree()
        for leaf in laid.leaves:
            null = leaf.view.null and not (leaf.drop_null and self._direction == "answer")
            shape = self.shape(leaf.view, null=null or (leaf.drop_null and self._direction == "request"))
            if leaf.described is not None:
                shape = replace(shape, told=leaf.described)
            required = leaf.certain if self._direction == "answer" else leaf.required
            if leaf.has_default and self._direction == "answer":
                self._check_default(leaf, shape)
                shape = with_default(shape, leaf.default)
            elif leaf.has_default:
                shape = with_requests_default(shape, leaf.view, leaf.default)
            root.put(leaf.partner, Property(shape, required))
        for path, value in laid.consts:
            root.put(path, Property(_constant(value), required=True))
        for one in laid.computed:
            root.put(one.path, Property(_declared(one.result), required=True))
        others = None if laid.others is None else self.shape(laid.others)
        map_only = not laid.leaves and others is not None
        closed = others is None and (self._closed or (view.shape.closed and not view.shape.properties))
        shape = root.shape(closed=closed)
        return replace(
            shape,
            others=others,
            min_members=view.shape.min_members if map_only and not self._may_go(laid.others) else None,
            max_members=view.shape.max_members if map_only else None,
        )

    def _may_go(self, view: View | None) -> bool:
        """Tell whether an action may leave a list's item, or a map's value, out."""
        action = None if view is None or self._direction == "request" else view.action
        return view is not None and isinstance(action, RewriteUrl) and url_otherwise(action, view.shape) == "omit"

    def _check_default(self, leaf: Leaf, shape: Shape) -> None:
        """Note a default that is none of what partners are told of: they read it as it is written."""
        why = unfit(Schema("", "", (), self._components), shape, leaf.default)
        if why is not None:
            self.misfits.append(
                (leaf.at, f"the default does not fit {format_path(leaf.partner)} as partners read it: {why}")
            )


@dataclass(slots=True)
class _Tree:
    """An object of the partner's, and the objects in it that something was laid out into."""

    members: dict[str, Property | _Tree] = field(default_factory=dict)

    def put(self, path: Path, member: Property) -> None:
        if len(path) == 1:
            self.members[path[0]] = member
            return
        inner = self.members.setdefault(path[0], _Tree())
        if isinstance(inner, _Tree):
            inner.put(path[1:], member)

    def shape(self, *, closed: bool) -> Shape:
        properties = {}
        for name, member in self.members.items():
            if isinstance(member, _Tree):
                shape = member.shape(closed=closed)
                # An object that would be empty is not written.
                member = Property(shape, any(inner.required for inner in shape.properties.values()))  # noqa: PLW2901
            properties[name] = member
        return Shape(types=frozenset({"object"}), properties=properties, closed=closed)


def _coerced(action: Coerce | CoerceMoment, plain: Shape, bare: Shape, kind: Type) -> Shape:
    if isinstance(action, CoerceMoment):
        if kind == "string":
            return replace(bare, format=action.partner)
        scale = 1 if action.partner == "unix" else 1000
        return replace(bare, minimum=_FIRST_SECOND * scale, maximum=(_LAST_SECOND + 1) * scale - 1)
    [backend] = plain.types
    if backend == kind:
        return plain
    return _as_text(plain, bare, backend) if kind == "string" else bare


def _as_text(plain: Shape, bare: Shape, backend: Type) -> Shape:
    if backend == "boolean":
        return replace(bare, enum=("true", "false"))
    if plain.enum is not None and backend == "integer":
        return replace(bare, enum=tuple(json.dumps(value) for value in plain.enum))
    return replace(bare, pattern=INTEGER_PATTERN if backend == "integer" else NUMBER_PATTERN)


def _together(parts: Sequence[Shape]) -> Shape:
    """Return one shape for what may stand in one place: rules of different types don't meet."""
    if not parts:
        return Shape()
    shape = parts[0]
    for part in parts[1:]:
        enum = None  # a list of values would forbid the objects beside them
        shape = replace(
            shape,
            types=shape.types | part.types,
            enum=enum,
            items=shape.items or part.items,
            min_items=part.min_items if part.min_items is not None else shape.min_items,
            max_items=part.max_items if part.max_items is not None else shape.max_items,
            unique=shape.unique or part.unique,
            properties={**shape.properties, **part.properties},
            others=shape.others or part.others,
            closed=shape.closed or part.closed,
            min_members=part.min_members if part.min_members is not None else shape.min_members,
            max_members=part.max_members if part.max_members is not None else shape.max_members,
        )
    return shape


def _scalar_enum(shape: Shape, scalars: frozenset[Type]) -> tuple[Any, ...] | None:
    if shape.enum is None or shape.types - scalars - {"null"}:
        return None
    return tuple(value for value in shape.enum if value is not None and not isinstance(value, list | dict))


def _declared(result: Result) -> Shape:
    shape = Shape(types=frozenset[Type]({result.type}))
    if result.is_list:
        shape = Shape(types=frozenset[Type]({"array"}), items=shape)
    shape = replace(shape, told=result.description)
    return shape.or_null() if result.null else shape


def _constant(value: Any) -> Shape:
    kind = type_of(value)
    if isinstance(value, list):
        return Shape(types=frozenset({kind}), enum=(value,), items=FREE)
    return Shape(types=frozenset({kind}), enum=(value,))
