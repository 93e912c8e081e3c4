"""Computed members: an expression over an object of the backend's, checked against the schema."""

from __future__ import annotations

from portazgo.contracts.expressions.checking import Kind, check
from portazgo.contracts.expressions.tokens import ExpressionRefused
from portazgo.contracts.language.operators import Compute, Result
from portazgo.contracts.language.paths import Path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.mapping.places import Places
from portazgo.contracts.mapping.spots import Computed, Plan, Spot
from portazgo.contracts.mapping.targets import holder_of
from portazgo.contracts.schema.shapes import Shape

_KINDS = {"string": "string", "integer": "int", "number": "double", "boolean": "bool"}
_LISTS_AT_MOST = 8
_FREE = "is free-form: the schema does not say what it holds"
_DECLARED = {"string": "string", "int": "integer", "double": "number", "bool": "boolean"}


def place_compute(plan: Plan, places: Places, scope: Spot, operator: Compute, problems: Problems) -> None:
    """Note a computed member at the object that holds it, which is `self` of its expression."""
    found = holder_of(plan, places, scope, operator, problems)
    if found is None:
        return
    spot, rest = found
    try:
        checked = check(operator.expr, spot.shape, _Members(places))
    except ExpressionRefused as refused:
        line = operator.expr.count("\n", 0, refused.at) + 1
        column = refused.at - (operator.expr.rfind("\n", 0, refused.at) + 1) + 1
        where = f"line {line}, character {column}" if "\n" in operator.expr.strip() else f"character {column}"
        problems.add(f"{operator.at}/expr", f"{refused.why} (at {where} of the expression)", refused.near)
        return
    why = _misfit(checked.kind, operator.result)
    if why is not None:
        problems.add(f"{operator.at}/schema", why[0], why[1])
        return
    spot.computed.append(Computed(rest, checked, operator.result, operator.at))
    spot.at["compute"] = operator.at


def _misfit(kind: Kind, result: Result) -> tuple[str, str | None] | None:
    """Say why what comes out is not what was declared, and what it is; None: it is."""
    declared = f"a list of {result.type}" if result.is_list else result.type
    if kind.name == "null":
        return None if result.null else ("the expression is null, and the schema has no null", None)
    if str(kind) == "list" and result.is_list:
        return None
    one = kind.item if kind.name == "list" else kind
    name = None if one is None else _DECLARED.get(one.name)
    if name is None:
        return (f"the expression gives {kind}: only single values and lists of them can be declared", None)
    if (kind.name == "list") != result.is_list or (
        name != result.type and (name, result.type) != ("integer", "number")
    ):
        what = f"a list of {name}" if kind.name == "list" else name
        return (f"the expression gives {what}, and the schema says {declared}", None if kind.name == "list" else name)
    return None


class _Members:
    """What the schema knows of the members that an expression may name."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def names(self, shape: Shape) -> list[str]:
        """Name the members of an object."""
        return self._places.names(shape)

    def kind(self, shape: Shape, name: str, path: Path) -> Kind | str | None:
        """Return what a member is, or why it can't be read; None: there is none."""
        child = self._places.child(shape, name)
        return None if child is None else self._kind(child, path)

    def _kind(self, shape: Shape, path: Path, around: int = 0) -> Kind | str:
        if around > _LISTS_AT_MOST:
            return "is a list of lists without end"
        one = self._places.united(shape)
        types = set(one.types) - {"null"}
        if one.free or not types:
            return _FREE
        if types == {"integer", "number"}:
            types = {"number"}
        if len(types) > 1:
            return f"is {' or '.join(sorted(types))}: an expression reads what is of one type"
        [name] = types
        if name == "array":
            item = _FREE if one.items is None else self._kind(one.items, path, around + 1)
            return item if isinstance(item, str) else Kind("list", item, path=path)
        if name != "object":
            return Kind(_KINDS[name], path=path)
        return _FREE if self._places.is_free(one) else Kind("object", shape=shape, path=path)
