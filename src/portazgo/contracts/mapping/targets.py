"""Where a move, or a constant, lands: paths in the partner's names, found among the backend's."""

from __future__ import annotations

from collections.abc import Callable

from portazgo.contracts.language.operators import Compute, Const
from portazgo.contracts.language.paths import ANY, Path, format_path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.mapping.places import Places
from portazgo.contracts.mapping.spots import Plan, Spot, child_of

CanDissolve = Callable[[Spot, str, str], bool]


def partner_path(plan: Plan, spot: Spot) -> Path:
    """Return where the partner finds a spot. Arrays are transparent."""
    if spot.parent is None:
        return ()
    if spot.target is not None:
        holder, path = spot.target
        return partner_path(plan, holder) + path
    above = partner_path(plan, spot.parent)
    if spot.unwrap:
        return above
    if spot.step == ANY:
        return (*above, ANY)
    return (*above, *spot.wrap, plan.partner_name(spot.step, spot))


def place_move(
    plan: Plan, spot: Spot, scope: Spot, target: Path, can_dissolve: CanDissolve, problems: Problems
) -> None:
    """Note where a member goes: below the nearest object around it that the target lies in too."""
    at = spot.at["move"]
    wanted = partner_path(plan, scope) + target
    holder = spot.parent
    while holder is not None:
        place = partner_path(plan, holder)
        if not holder.unwrap and wanted[: len(place)] == place and len(wanted) > len(place):
            spot.target = (holder, wanted[len(place) :])
            return
        if holder.step == ANY:
            problems.add(at, f"{format_path(spot.path)} can't leave the map {format_path(holder.path[:-1])}")
            return
        # Everything between the member and the object that it moves in is taken apart; a list can't be.
        if not can_dissolve(holder, at, f"left by {format_path(spot.path)}"):
            return
        holder.dissolved = True
        holder = holder.parent


def place_const(plan: Plan, places: Places, scope: Spot, operator: Const, problems: Problems) -> None:
    """Note a constant at the object that holds it."""
    found = holder_of(plan, places, scope, operator, problems)
    if found is not None:
        spot, rest = found
        spot.consts.append((rest, operator.value))
        spot.at["const"] = operator.at


def holder_of(
    plan: Plan, places: Places, scope: Spot, operator: Const | Compute, problems: Problems
) -> tuple[Spot, Path] | None:
    """Return the object that holds what is added, the deepest of the answer's own on the way to the target, and the rest."""
    spot, rest = scope, operator.target
    while len(rest) > 1:
        below = _named(plan, places, spot, rest[0])
        if below is None or not any("object" in one.types for one in places.below(below.shape)):
            break
        spot, rest = below, rest[1:]
    if not any("object" in one.types for one in places.below(spot.shape)):
        problems.add(operator.at, f"{format_path(spot.path)} is no object that could hold {format_path(rest)}")
        return None
    return spot, rest


def _named(plan: Plan, places: Places, spot: Spot, name: str) -> Spot | None:
    """Return the spot of the member that the partner knows by the name, where it is one of the object's own."""
    for step in dict.fromkeys(places.names(spot.shape)):
        child = child_of(spot, step)
        if child is None:
            continue
        if child.target is None and not child.wrap and not child.dissolved and plan.partner_name(step, child) == name:
            if step not in spot.children:
                shape = places.child(spot.shape, step)
                if shape is None:
                    return None
                spot.children[step] = Spot(step=step, parent=spot, shape=shape, whole=True)
            return spot.children[step]
    return None
