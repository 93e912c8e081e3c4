"""From a list of operators to a plan: each operator finds its place in the schema, or says why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatchmethod

from portazgo.contracts.language.operators import (
    Case,
    Coerce,
    CoerceMoment,
    Compute,
    Const,
    Default,
    Describe,
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
from portazgo.contracts.language.paths import ANY, FREELY, Path, format_path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.mapping.actions import misfit
from portazgo.contracts.mapping.computing import place_compute
from portazgo.contracts.mapping.filling import misfit_of_value
from portazgo.contracts.mapping.places import Places
from portazgo.contracts.mapping.spots import Plan, Spot, child_of
from portazgo.contracts.mapping.targets import place_const, place_move
from portazgo.contracts.schema.fitting import unfit
from portazgo.contracts.schema.shapes import Shape

# Operators that say in two ways where a member is found, or what its value is.
_OF_PLACE = ("rename", "move", "unwrap")
_OF_VALUE = ("map_value", "coerce", "rewrite_url")
# Whatever order the author writes. A default comes last: whether it fits depends on what is done with values.
_ORDER: tuple[tuple[type[Operator], ...], ...] = (
    (Select,),
    (Fill,),
    (Case, Describe, Unknown, DropNull, Rename, Wrap, Unwrap),
    (Move,),
    (Const, Compute),
    (MapValue, Coerce, CoerceMoment, RewriteUrl),
    (Default,),
)


class Planner:
    """Plans one body."""

    def __init__(self, places: Places, problems: Problems) -> None:
        self._places = places
        self._problems = problems
        self._plan = Plan("", Spot())
        self._unknown: str | None = None

    def plan(self, shape: Shape, operators: Sequence[Operator], at: str) -> Plan:
        """Plan what the operators say of a body of this shape; what can't be done is noted."""
        self._plan, self._unknown = Plan(at, Spot(shape=shape)), None
        # An operator that could not be read may have been the one, or a mapping that is used here.
        unread = self._problems.within(at) or self._problems.within("/mappings")
        if not unread and not any(isinstance(operator, Select) for operator in operators):
            self._problems.add(at, "nothing is selected: name what may pass, such as {select: [id, name]}")
        # What passes has to be known before anything can be said of it, and every name before a target is looked up.
        # Of moves the outer come first: where the inner go depends on them.
        operators = sorted(operators, key=lambda operator: len(operator.path) if isinstance(operator, Move) else 0)
        for kinds in _ORDER:
            for operator in operators:
                if isinstance(operator, kinds):
                    self._apply(operator)
            if Fill in kinds:
                self._plan.root.spread()
        self._plan.root.spread()
        self._plan.root.sign()
        return self._plan

    @singledispatchmethod
    def _apply(self, operator: Operator) -> None:
        raise TypeError(operator)

    @_apply.register
    def _(self, operator: Select) -> None:
        path = operator.path
        freely = path[-1:] == (FREELY,)
        spot = self._find(path[:-1] if freely else path, operator.at)
        if spot is None:
            return
        spot.at.setdefault("select", operator.at)
        free = self._places.is_free(spot.shape)
        if freely:
            if free or any(one.others is not None and one.others.free for one in self._places.below(spot.shape)):
                spot.free = True
            else:
                self._problems.add(
                    operator.at,
                    f"{format_path(spot.path)} is not free-form: the schema says what it holds",
                    format_path(spot.path),
                )
        elif free:
            freed = format_path((*path, FREELY))
            self._problems.add(
                operator.at,
                f"{format_path(path)} is free-form: the schema does not say what it holds. To let it pass as it is, say so",
                freed,
            )
        else:
            spot.whole = True

    @_apply.register
    def _(self, operator: Fill) -> None:
        spot = self._find(operator.path, operator.at)
        if spot is None:
            return
        if spot.reaches or spot.filled or not operator.path or ANY in operator.path[-1:]:
            why = "it is selected too" if spot.reaches else "it is filled already" if spot.filled else "it is no member"
            self._problems.add(operator.at, f"{format_path(operator.path)} can't be filled: {why}")
            return
        other = spot.filled_around() or spot.filled_below()
        if other is not None:
            what = f"{format_path(other.path)} is filled too, and one lies in the other"
            self._problems.add(operator.at, f"{format_path(operator.path)} can't be filled: {what}")
            return
        self._check_value(spot, operator)
        spot.filled = True
        spot.at["fill"] = operator.at
        self._attach(spot, operator)

    def _check_value(self, spot: Spot, operator: Fill) -> None:
        why = misfit_of_value(self._places, operator.value, spot.shape)
        if why is not None:
            self._problems.add(operator.at, f"what fills {format_path(operator.path)} does not fit: {why}")

    def _attach(self, spot: Spot, operator: Fill) -> None:
        """Note the fill at the deepest object around it that partners send."""
        holder, rest = spot.parent, _only(spot.step)
        while holder is not None and holder.parent is not None and not (holder.reaches or _inherits(holder)):
            if not self._places.is_object(holder.shape) or holder.step == ANY:
                self._problems.add(operator.at, f"{format_path(holder.path)} is no object that could be made up")
                return
            holder, rest = holder.parent, (holder.step, *rest)
        if holder is None:
            return
        missing = self._may_be_missing(holder)
        if missing is None:
            holder.fills.append((rest, operator.value, spot.shape))
        else:
            what = format_path(missing.path) if missing.parent is not None else "the body"
            self._problems.add(
                operator.at,
                f"{format_path(operator.path)} can't be filled: {what} is optional or may be null, and a partner that "
                "leaves it out would leave the fill out too",
            )

    def _may_be_missing(self, holder: Spot) -> Spot | None:
        """Return what partners may leave out, or send as null, on the way to an object; in a list each item is filled."""
        spot: Spot | None = holder
        while spot is not None and not self._places.is_list(spot.shape) and spot.step != ANY:
            if "null" in self._places.united(spot.shape).types or (
                spot.parent is not None and not self._is_required(spot)
            ):
                return spot
            spot = spot.parent
        return None

    def _is_required(self, spot: Spot) -> bool:
        if spot.parent is None:
            return True
        around = [one for one in self._places.below(spot.parent.shape) if spot.step in one.properties]
        return all(one.properties[spot.step].required for one in around)

    @_apply.register
    def _(self, operator: Case) -> None:
        if self._plan.style not in ("none", operator.style):
            self._problems.add(operator.at, f"names are written as {self._plan.style} already")
        self._plan.style = operator.style

    @_apply.register
    def _(self, operator: Unknown) -> None:
        if self._unknown not in (None, operator.policy):
            self._problems.add(operator.at, f"unknown members are to be handled by {self._unknown} already")
        self._plan.unknown = self._unknown = operator.policy

    @_apply.register
    def _(self, operator: DropNull) -> None:
        if operator.path is None:
            self._plan.drop_null = True
            return
        spot = self._passing(operator.path, operator.at, "drop_null", ("drop_null",))
        if spot is not None and self._is_member(spot, operator.at):
            spot.drop_null = True

    @_apply.register
    def _(self, operator: Describe) -> None:
        spot = self._passing(operator.path, operator.at, "describe", ("describe",))
        if spot is not None and self._is_member(spot, operator.at):
            spot.described = operator.text

    @_apply.register
    def _(self, operator: Rename) -> None:
        spot = self._passing(operator.path, operator.at, "rename", _OF_PLACE)
        if spot is not None and self._is_member(spot, operator.at):
            spot.name = operator.name

    @_apply.register
    def _(self, operator: Wrap) -> None:
        for path in operator.fields:
            spot = self._passing(path, operator.at, "wrap", ("wrap", "move", "unwrap"))
            if spot is not None and self._is_member(spot, operator.at):
                spot.wrap = operator.into

    @_apply.register
    def _(self, operator: Unwrap) -> None:
        spot = self._passing(operator.path, operator.at, "unwrap", (*_OF_PLACE, "wrap"))
        if spot is None or not self._is_member(spot, operator.at):
            return
        if self._can_dissolve(spot, operator.at, "unwrapped"):
            spot.unwrap = spot.dissolved = True

    @_apply.register
    def _(self, operator: Move) -> None:
        spot = self._passing(operator.path, operator.at, "move", (*_OF_PLACE, "wrap"))
        if spot is not None and self._is_member(spot, operator.at):
            scope = self._find(operator.scope, operator.at)
            if scope is not None:
                place_move(self._plan, spot, scope, operator.target, self._can_dissolve, self._problems)

    @_apply.register
    def _(self, operator: Const) -> None:
        scope = self._find(operator.scope, operator.at)
        if scope is not None:
            place_const(self._plan, self._places, scope, operator, self._problems)

    @_apply.register
    def _(self, operator: Compute) -> None:
        scope = self._find(operator.scope, operator.at)
        if scope is not None:
            place_compute(self._plan, self._places, scope, operator, self._problems)

    @_apply.register
    def _(self, operator: Default) -> None:
        spot = self._passing(operator.path, operator.at, "default", ("default",))
        if spot is None or not self._is_member(spot, operator.at):
            return
        spot.default, spot.has_default = operator.value, True
        # Of answers, the partner reads it: what values and objects become is checked where that is known (Partner).
        changes = spot.action is not None or any("object" in one.types for one in self._places.below(spot.shape))
        if self._places.direction == "answer" and changes:
            return
        why = unfit(self._places.schema, spot.shape, operator.value)
        if why is not None:
            self._problems.add(operator.at, f"the default does not fit {format_path(operator.path)}: {why}")

    @_apply.register(MapValue)
    @_apply.register(Coerce)
    @_apply.register(CoerceMoment)
    @_apply.register(RewriteUrl)
    def _(self, operator: MapValue | Coerce | CoerceMoment | RewriteUrl) -> None:
        name = {MapValue: "map_value", RewriteUrl: "rewrite_url"}.get(type(operator), "coerce")
        spot = self._passing(operator.path, operator.at, name, _OF_VALUE)
        if spot is None:
            return
        scalars, shape = self._places.scalars(spot.shape), self._scalar_shape(spot.shape)
        why = misfit(operator, scalars, shape, request=self._places.direction == "request")
        if why is not None:
            self._problems.add(operator.at, f"{name} does not fit {format_path(operator.path)}: {why.why}", why.near)
            return
        otherwise = getattr(operator, "otherwise", None)
        if otherwise == "omit" and (self._places.is_list(spot.shape) or spot.step in ("", ANY)):
            self._problems.add(
                operator.at, f"otherwise: omit leaves a member out, and {format_path(spot.path)} is none"
            )
        spot.action = operator

    def _scalar_shape(self, shape: Shape) -> Shape:
        return next(
            (one for one in self._places.below(shape) if one.types & {"string", "integer", "number", "boolean"}), shape
        )

    def _find(self, path: Path, at: str) -> Spot | None:
        """Return the spot of a path that the schema has, made if need be; the first name that it lacks is noted."""
        spot = self._plan.root
        for index, step in enumerate(path):
            shape = self._places.child(spot.shape, step)
            if shape is None:
                self._lost(spot, path, index, at)
                return None
            if step not in spot.children:
                spot.children[step] = Spot(step=step, parent=spot, shape=shape)
            spot = spot.children[step]
        return spot

    def _lost(self, spot: Spot, path: Path, index: int, at: str) -> None:
        """Note that a path leads no further. A mapping may serve both directions: what is none of this one stays out."""
        before, step = path[:index], path[index]
        if self._places.is_hidden(spot.shape, step):
            word = "read only" if self._places.direction == "request" else "write only"
            if not at.startswith("/mappings/"):
                self._problems.add(
                    at, f"{format_path(path[: index + 1])} is {word}: it is no part of {self._plan_name()}"
                )
            return
        if step == ANY:
            self._problems.add(at, f"{format_path(before)} is no map: the schema names its members")
            return
        _, meant = self._places.lost(spot.shape, path[index:]) or (path, None)
        where = f"{format_path(before)} of {self._plan_name()}" if before else self._plan_name()
        self._problems.add(
            at,
            f"the schema has no {format_path(path[: index + 1])}: it knows no member {step!r} in {where}",
            format_path((*before, *meant)) if meant else None,
        )

    def _plan_name(self) -> str:
        return "the request" if self._places.direction == "request" else "the answer"

    def _passing(self, path: Path, at: str, name: str, excluding: Sequence[str]) -> Spot | None:
        """Return the spot of a path that is selected, and of which no operator says the contrary."""
        spot = self._find(path, at)
        if spot is None:
            return None
        spot.whole = spot.whole or (_inherits(spot) and not spot.filled)
        if not spot.reaches or spot.filled:
            self._problems.add(at, f"{format_path(path)} is not selected, so {name} does nothing there")
            return None
        taken = next((other for other in excluding if other in spot.at), None)
        if taken is not None:
            again = "twice" if taken == name else f"by {taken} and {name}, which contradict"
            self._problems.add(at, f"{format_path(path)} is changed {again}")
            return None
        spot.at[name] = at
        return spot

    def _is_member(self, spot: Spot, at: str) -> bool:
        if spot.parent is not None and spot.step != ANY:
            return True
        self._problems.add(at, f"{format_path(spot.path)} is no member of an object with a name of its own")
        return False

    def _can_dissolve(self, spot: Spot, at: str, word: str) -> bool:
        """Tell whether an object's members can be laid out elsewhere."""
        if not self._places.is_object(spot.shape):
            what = "a list" if self._places.is_list(spot.shape) else "not an object"
            self._problems.add(at, f"{format_path(spot.path)} can't be {word}: it is {what}")
            return False
        one = self._places.united(spot.shape)
        passing = spot.free or (child_of(spot, ANY) is not None and one.others is not None and not one.others.free)
        if passing and one.others is not None:
            self._problems.add(at, f"{format_path(spot.path)} can't be {word}: it is a map, whose names may be any")
            return False
        if self._places.direction == "request" and self._places.schema.resolve(spot.shape).variants:
            self._problems.add(at, f"{format_path(spot.path)} can't be {word} in requests: it has variants")
            return False
        return True


def _only(step: str) -> Path:
    return (step,)


def _inherits(spot: Spot) -> bool:
    parent = spot.parent
    while parent is not None:
        if parent.whole:
            return True
        parent = parent.parent
    return False
