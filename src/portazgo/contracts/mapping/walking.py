"""From a plan and the schema to views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from portazgo.contracts.language.operators import MapValue
from portazgo.contracts.language.paths import format_path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.mapping.actions import pairs_of
from portazgo.contracts.mapping.components import Components
from portazgo.contracts.mapping.layout import Layout
from portazgo.contracts.mapping.places import Places
from portazgo.contracts.mapping.spots import Plan, Spot, child_of
from portazgo.contracts.mapping.views import Alternative, View
from portazgo.contracts.schema.shapes import FREE, SCALARS, Shape, Variant
from portazgo.contracts.schema.values import same

Context = Mapping[str, tuple[Spot, Any]]
"""Of which components something is said around a place: the spot, and the context that it had itself."""


class Walker:
    """Walks one body."""

    def __init__(
        self, places: Places, plan: Plan, components: Components, problems: Problems, missing: Literal["fail", "omit"]
    ) -> None:
        self.places = places
        self.plan = plan
        self.problems = problems
        self.missing = missing
        self._components = components
        self._known: dict[Any, View] = {}

    def view(self) -> View:
        """Return the view of the whole body."""
        return self.walk(self.plan.root.shape, self.plan.root, {})

    def walk(self, shape: Shape, spot: Spot, context: Context) -> View:
        """Return the view of one place. A place that was seen before has one view, so that recursion ends."""
        spot, context = self.enter(shape, spot, context)
        key = self._key(shape, spot, context)
        if key is not None and key in self._known:
            return self._known[key]
        one = self.places.united(shape)
        view = View(shape=one, null="null" in one.types)
        if key is not None:
            self._known[key] = view
        # Single values have no component: what is said of them is short, and often differs.
        if shape.ref is not None and one.types & {"object", "array"}:
            view.component = self._components.name(shape.ref, self._named(key), self.places.direction)
        self._fill(view, shape, spot, context)
        return view

    def enter(self, shape: Shape, spot: Spot, context: Context) -> tuple[Spot, Context]:
        """Return what counts in a place: what was said of a component counts for it again further down, if nothing else is."""
        if shape.ref is None:
            return spot, context
        if spot.bare:
            if shape.ref not in context:
                return spot, context
            spot, context = context[shape.ref]
            self._check_repeated(spot)
        return spot, {**context, shape.ref: (spot, context)}

    def _check_repeated(self, spot: Spot) -> None:
        """Note a member that leaves a component which holds itself: further down it could not leave as far."""
        leaving = spot.leaving(len(spot.path))
        if leaving is not None:
            self.problems.add(
                leaving.pointer(self.plan.at),
                f"{format_path(leaving.path)} can't leave {format_path(spot.path)}, which holds others of its kind: "
                "what is said of it counts for those too",
            )

    def _fill(self, view: View, shape: Shape, spot: Spot, context: Context) -> None:
        one = view.shape
        if one.free:
            view.free = True
            return
        resolved = self.places.schema.resolve(shape)
        if resolved.variants and self.places.direction == "request":
            self._alternatives(view, resolved, spot, context)
            return
        view.scalars = frozenset(kind for kind in one.types if kind in SCALARS) if spot.whole else frozenset()
        view.action = spot.action if view.scalars else None
        if "array" in one.types:
            view.is_list = True
            view.items = self.walk(one.items or FREE, spot, context)
        if "object" in one.types:
            view.object = Layout(self, spot, context).of(one)
        if resolved.variants:
            self._alternatives(view, resolved, spot, context)

    def _alternatives(self, view: View, resolved: Shape, spot: Spot, context: Context) -> None:
        told = self._discriminator(resolved, spot)
        view.discriminator = None if told is None else told[0]
        # What the whole leaves out, no variant has: a map's values stay out where one of the variants hides a member.
        mapped = view.object is not None and view.object.others is not None
        whole = view.shape if mapped else replace(view.shape, others=None)
        view.alternatives = tuple(
            Alternative(self._variant(variant.shape, whole, spot, context), self._value(variant, told))
            for variant in resolved.variants
            if not self._never_passes(variant, told)
        )

    def _variant(self, shape: Shape, whole: Shape, spot: Spot, context: Context) -> View:
        """Return the view of one variant; of answers, with the members as the whole has them, which is what comes out."""
        if self.places.direction == "request":
            return self.walk(shape, spot, context)
        key = self._key(shape, spot, context)
        one = as_part_of(self.places.united(shape), whole)
        known = (key, "as part of", repr(one)) if key is not None else None
        if known is not None and known in self._known:
            return self._known[known]
        view = View(shape=one, null="null" in one.types)
        if known is not None and shape.ref is not None:
            self._known[known] = view
            if one.types & {"object", "array"} and not one.free:
                view.component = self._components.name(shape.ref, known, self.places.direction)
        self._fill(view, one, spot, context)
        return view

    def _discriminator(self, resolved: Shape, spot: Spot) -> tuple[str, Spot, Shape] | None:
        name = resolved.discriminator
        if name is None or any(variant.value is None for variant in resolved.variants):
            return None
        child, shape = child_of(spot, name), self.places.child(resolved, name)
        if child is None or shape is None or child.dissolved or child.wrap or child.target is not None:
            return None
        return self.plan.partner_name(name, child), child, shape

    def _value(self, variant: Variant, told: tuple[str, Spot, Shape] | None) -> Any:
        if told is None:
            return None
        mapped = self._mapped(variant, told)
        if mapped is not None:
            return mapped[1]
        action = told[1].action
        # What is not mapped has no word of the partner's, and the backend's is none of theirs.
        return variant.value if not isinstance(action, MapValue) or action.otherwise == "copy" else None

    def _never_passes(self, variant: Variant, told: tuple[str, Spot, Shape] | None) -> bool:
        """Tell whether a variant is refused, as it comes or as partners would send it, whatever else it says."""
        action = None if told is None else told[1].action
        if not isinstance(action, MapValue) or action.otherwise == "copy":
            return False
        refuses = action.otherwise == "fail" or self.places.direction == "request"
        return refuses and self._mapped(variant, told) is None

    @staticmethod
    def _mapped(variant: Variant, told: tuple[str, Spot, Shape] | None) -> tuple[Any, Any] | None:
        """Return the pair that the contract has for the variant's value; None: it has none."""
        if told is None or not isinstance(told[1].action, MapValue):
            return None
        pairs = pairs_of(told[1].action, {"string"}, told[2])
        return next((pair for pair in pairs if same(pair[0], variant.value)), None)

    def _key(self, shape: Shape, spot: Spot, context: Context) -> Any:
        bare = shape if shape.ref is not None else None
        names: list[str] = []
        if bare is not None and bare.ref is not None:
            names = [bare.ref]
        elif shape.variants and all(variant.shape.ref is not None for variant in shape.variants):
            names = [variant.shape.ref for variant in shape.variants if variant.shape.ref is not None]
        if not names:
            return None
        reached = frozenset[str]().union(*(self.places.reach(name) for name in names))
        around = tuple((name, entry[0].signature) for name, entry in sorted(context.items()) if name in reached)
        return (
            shape.ref is None,
            tuple(sorted(names)),
            shape.nullable,
            spot.signature,
            around,
            self.plan.style,
            self.plan.drop_null,
            self.plan.unknown,
            self.missing,
        )

    @staticmethod
    def _named(key: Any) -> Any:
        """Return what makes a component another than its like: all but whether null may stand there."""
        return (*key[:2], *key[3:])


def as_part_of(one: Shape, whole: Shape) -> Shape:
    """Return a variant with its members as all the variants together have them: they are mapped without being told apart."""
    properties = {
        name: replace(member, shape=whole.properties[name].shape) if name in whole.properties else member
        for name, member in one.properties.items()
    }
    return replace(
        one,
        properties=properties,
        items=whole.items if one.items is not None else None,
        others=whole.others if one.others is not None else None,
    )
