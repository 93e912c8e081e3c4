"""Where an object's members come from and where they go, those of objects that are taken apart among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from portazgo.contracts.language.operators import MapValue, RewriteUrl
from portazgo.contracts.language.paths import ANY, Path, format_path
from portazgo.contracts.mapping.actions import left_out
from portazgo.contracts.mapping.filling import filled_type
from portazgo.contracts.mapping.spots import BARE, Spot, child_of
from portazgo.contracts.mapping.views import FillView, Inner, Leaf, ObjectView, View
from portazgo.contracts.schema.shapes import Property, Shape

if TYPE_CHECKING:
    from portazgo.contracts.mapping.walking import Walker


class Layout:
    """Lays one object out."""

    def __init__(self, walker: Walker, spot: Spot, context: Any) -> None:
        self._walker = walker
        self._places = walker.places
        self._plan = walker.plan
        self._spot = spot
        self._context = context
        self._prefixes: dict[int, Path] = {}
        self._spots: dict[Path, Spot] = {}
        self._inner: dict[Path, Inner] = {}
        self._consts: list[tuple[Path, Any]] = []
        self._fills: list[FillView] = []

    def of(self, one: Shape) -> ObjectView:
        """Return the object's view; names that meet are noted."""
        while True:
            self._prefixes, self._inner, self._spots, self._consts, self._fills = {}, {}, {}, [], []
            leaves: list[Leaf] = []
            self._collect(one, self._spot, self._context, _Above(), leaves)
            meeting = self._meeting(leaves)
            if meeting is None:
                break
            # Another member moves into this object: both are laid out together.
            meeting.dissolved = True
        computed = sorted(self._spot.computed, key=lambda one: one.path)
        view = ObjectView(leaves, self._inner, consts=self._consts, computed=computed, fills=self._fills)
        self._check_inputs(view)
        view.others = self._others(one)
        self._check_names(view)
        if self._places.direction == "request":
            self._check_required(one)
        return view

    def _collect(self, one: Shape, spot: Spot, context: Any, above: _Above, leaves: list[Leaf]) -> None:
        self._prefixes[id(spot)] = above.partner
        self._consts += [(above.partner + path, value) for path, value in spot.consts]
        for path, value, shape in spot.fills:
            self._fills.append(FillView(above.backend + path, value, filled_type(self._places, shape)))
        for step, member in self._places.properties(one).items():
            child = child_of(spot, step)
            if child is None or self._is_skipped(member.shape, child):
                continue
            backend = (*above.backend, step)
            name = self._plan.partner_name(step, child)
            partner = above.partner if child.unwrap else (*above.partner, *child.wrap, name)
            if child.target is not None:
                holder, path = child.target
                partner = self._prefixes.get(id(holder), ()) + path
            self._spots[backend] = child
            inside = self._places.united(member.shape)
            if child.dissolved:
                request = self._places.direction == "request"
                required = member.required and (request or self._walker.missing == "fail")
                # Of requests, partners can't say null for what they send in pieces.
                null = "null" in inside.types and not request
                self._inner[backend] = Inner(required and not null, null)
                entered, around = self._walker.enter(member.shape, child, context)
                below = _Above(backend, partner, certain=above.certain and required and not null)
                self._collect(inside, entered, around, below, leaves)
                self._refuse_computed(child)
                if request:
                    self._check_apart(inside, child, member)
            else:
                view = self._walker.walk(member.shape, child, context)
                leaves.append(self._leaf(member, child, view, above, backend, partner))

    def _refuse_computed(self, apart: Spot) -> None:
        for one in apart.computed:
            self._walker.problems.add(
                one.at, f"{format_path(apart.path)} is taken apart: say in what its members go into what is computed"
            )

    def _leaf(self, member: Property, child: Spot, view: View, above: _Above, backend: Path, partner: Path) -> Leaf:
        request = self._places.direction == "request"
        may_go = self._otherwise(child) == "omit"
        # A null that an action makes is what the contract says the partner reads, and stays.
        drop_null = child.drop_null or (self._plan.drop_null and view.null)
        required = member.required and (request or self._walker.missing == "fail") and not child.has_default
        if request:
            # An optional object that is taken apart is sent when one of its members is.
            required = required and above.certain
            if required and child.drop_null:
                path = format_path(child.path)
                self._walker.problems.add(
                    child.at["drop_null"], f"the backend requires {path}: a null can't be left out without a default"
                )
            drop_null = drop_null and not required
            if may_go and member.required:
                self._walker.problems.add(child.at["map_value"], left_out(format_path(child.path), "omit"), "fail")
        if drop_null and not request and view.null:
            required = False
        return Leaf(
            backend=backend,
            partner=partner,
            view=view,
            required=required,
            certain=above.certain and (required or child.has_default) and not may_go,
            default=child.default,
            has_default=child.has_default,
            drop_null=drop_null,
            may_go=may_go,
            described=child.described,
            at=child.pointer(self._plan.at),
        )

    def _otherwise(self, child: Spot) -> str | None:
        action = child.action
        if isinstance(action, MapValue):
            return action.otherwise
        return url_otherwise(action, self._places.united(child.shape)) if isinstance(action, RewriteUrl) else None

    def _is_skipped(self, shape: Shape, child: Spot) -> bool:
        """Tell whether a member of a whole object stays out: what is free-form passes only where somebody asked for it."""
        return not child.free and ANY not in child.children and self._places.is_free(shape)

    def _others(self, one: Shape) -> View | None:
        if one.others is None:
            return None
        child = self._spot.children.get(ANY)
        asked = (child is not None and child.reaches) or self._spot.free
        hidden = self._hidden(one)
        if hidden is not None:
            # What is copied whatever its name would let this one through too.
            if asked:
                where, name = format_path(self._spot.path), format_path((*self._spot.path, hidden))
                self._walker.problems.add(
                    child.pointer(self._plan.at) if child is not None else self._spot.pointer(self._plan.at),
                    f"{where} is a map beside named members, and {name} would pass with it: select all of them, "
                    "or leave the map out",
                )
            return None
        if child is not None and child.reaches:
            return self._walker.walk(one.others, child, self._context)
        if self._places.is_free(one.others):
            return self._walker.walk(one.others, self._spot, self._context) if self._spot.free else None
        return self._walker.walk(one.others, BARE, self._context) if self._spot.whole else None

    def _hidden(self, one: Shape) -> str | None:
        """Return a member that the schema names and that does not pass, of either direction; None: there is none."""
        filled = {fill.backend[0] for fill in self._fills}
        return next((step for step in one.properties if (step,) not in self._spots and step not in filled), None)

    def _meeting(self, leaves: list[Leaf]) -> Spot | None:
        """Return the spot of a whole object into whose place something else goes."""
        if self._spot.free:
            return None
        around = {place for leaf in leaves for place in _around(leaf.partner)}
        for leaf in leaves:
            if leaf.partner in around and leaf.view.object is not None:
                spot = self._spots[leaf.backend]
                if spot is not BARE and not self._is_stuck(spot, leaf):
                    return spot
        return None

    def _is_stuck(self, spot: Spot, leaf: Leaf) -> bool:
        one = leaf.view
        return bool(
            spot.dissolved or one.is_list or one.scalars or one.alternatives or one.object is None or one.object.others
        )

    def _check_names(self, view: ObjectView) -> None:
        taken = _Taken()
        # Of two that meet, the one that got its name or place here is to blame.
        for leaf in sorted(view.leaves, key=lambda leaf: leaf.backend != leaf.partner):
            self._take(taken, leaf.partner, format_path((*self._spot.path, *leaf.backend)), leaf.at)
        for path, _ in view.consts:
            self._take(taken, path, "a constant", self._spot.at.get("const", self._plan.at))
        for one in view.computed:
            self._take(taken, one.path, "a computed member", one.at)
        if view.others is None:
            return
        moved = [leaf for leaf in view.leaves if leaf.backend != leaf.partner]
        if moved or view.consts or view.computed:
            added = self._spot.at.get("const", self._spot.at.get("compute", self._plan.at))
            at = moved[0].at if moved else added
            where = format_path(self._spot.path)
            self._walker.problems.add(
                at, f"{where} lets members of any name pass, so that none of its own can have a new name or place"
            )

    def _check_inputs(self, view: ObjectView) -> None:
        """Note what an expression reads and partners read otherwise: it would be kept as the one or as the other."""
        changed = {leaf.backend[0] for leaf in view.leaves if not _is_as_received(leaf)}
        for one in view.computed:
            for name in one.checked.inputs:
                if name in changed:
                    self._walker.problems.add(
                        f"{one.at}/expr",
                        f"{format_path((*self._spot.path, name))} is changed for partners, or passes in part: an expression "
                        "reads what is hidden, and single values and lists of them that pass as they are",
                    )

    def _take(self, taken: _Taken, path: Path, what: str, at: str) -> None:
        meeting = taken.meeting(path)
        if meeting is None:
            taken.put(path, what)
            return
        other, name = meeting
        if path == other:
            why = f"two members are called {format_path(path)!r} for the partner: {name} and {what}"
        else:
            why = f"{what} would stand at {format_path(path)!r}, and {name} at {format_path(other)!r}"
        self._walker.problems.add(at, why)

    def _check_required(self, one: Shape) -> None:
        """Note what the backend requires and would never get."""
        filled = {fill.backend for fill in self._fills}
        self._require(one, (), filled)

    def _require(self, one: Shape, above: Path, filled: set[Path]) -> None:
        for step, member in self._places.properties(one).items():
            path = (*above, step)
            if path in filled or path in self._spots:
                continue
            if any(_is_within(other, path) for other in filled):
                self._require_made(self._places.united(member.shape), path, filled)
            elif member.required:
                self._lack(path)
        for step in {
            path[len(above)] for path in self._inner if path[: len(above)] == above and len(path) == len(above) + 1
        }:
            child = self._places.child(one, step)
            if child is not None:
                self._require(self._places.united(child), (*above, step), filled)

    def _require_made(self, one: Shape, above: Path, filled: set[Path]) -> None:
        for step, member in self._places.properties(one).items():
            path = (*above, step)
            if path in filled:
                continue
            if any(_is_within(other, path) for other in filled):
                self._require_made(self._places.united(member.shape), path, filled)
            elif member.required:
                self._lack(path)

    def _lack(self, path: Path) -> None:
        shown = format_path((*self._spot.path, *path))
        self._walker.problems.add(self._plan.at, f"the backend requires `{shown}`; fill it or select it")

    def _check_apart(self, inside: Shape, child: Spot, member: Property) -> None:
        """Refuse to take apart what would come out in part: optional as a whole, with members that it must have."""
        members = self._places.properties(inside)
        needed = [step for step, inner in members.items() if inner.required]
        sent = [step for step in members if child_of(child, step) is not None]
        if not member.required and needed and (len(sent) > 1 or child.fills):
            self._walker.problems.add(
                child.pointer(self._plan.at),
                f"{format_path(child.path)} can't be taken apart in requests: it is optional and requires `{needed[0]}`",
            )


class _Above:
    """Where the members stand that are being collected."""

    __slots__ = ("backend", "certain", "partner")

    def __init__(self, backend: Path = (), partner: Path = (), *, certain: bool = True) -> None:
        self.backend = backend
        self.partner = partner
        self.certain = certain


class _Taken:
    """The partner's places that something has, and what it is."""

    def __init__(self) -> None:
        self._names: dict[Path, str] = {}
        self._within: dict[Path, Path] = {}
        """By each place around one that is taken, the first such."""

    def put(self, path: Path, what: str) -> None:
        self._names[path] = what
        for place in _around(path):
            self._within.setdefault(place, path)

    def meeting(self, path: Path) -> tuple[Path, str] | None:
        """Return what has the place, or one around it, or one in it; None: nothing has."""
        found = next((place for place in (path, *_around(path)) if place in self._names), self._within.get(path))
        return None if found is None else (found, self._names[found])


def _around(path: Path) -> Iterator[Path]:
    return (path[:length] for length in range(1, len(path)))


def url_otherwise(action: RewriteUrl, shape: Shape) -> str:
    """Return what becomes of a URL that is none of the partner's: null where the schema has null, else it is left out."""
    return action.otherwise or ("null" if "null" in shape.types else "omit")


def _is_as_received(leaf: Leaf) -> bool:
    view, seen = leaf.view, set[int]()
    # A list may be one of such lists, without end.
    while view.is_list and view.items is not None and not view.scalars and id(view) not in seen:
        seen.add(id(view))
        view = view.items
    plain = bool(view.scalars) and not (view.is_list or view.object or view.alternatives or view.free or view.action)
    return plain and len(leaf.backend) == 1


def _is_within(path: Path, other: Path) -> bool:
    return len(path) > len(other) and path[: len(other)] == other
