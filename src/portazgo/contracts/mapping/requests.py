"""From views of requests to REQUEST_PROGRAM (docs/programs.md)."""

from __future__ import annotations

import json
from typing import Any

from portazgo.contracts.language.operators import Coerce, CoerceMoment, MapValue
from portazgo.contracts.language.paths import Path
from portazgo.contracts.mapping.actions import pairs_of, request_pairs
from portazgo.contracts.mapping.filling import write_value
from portazgo.contracts.mapping.nodes import HOLD_BYTES, Nodes
from portazgo.contracts.mapping.partner import Partner
from portazgo.contracts.mapping.tree import Branch, arrange
from portazgo.contracts.mapping.views import Leaf, ObjectView, View
from portazgo.contracts.schema.merging import in_order
from portazgo.contracts.schema.normalising import type_of
from portazgo.contracts.schema.patterns import unsearchable
from portazgo.contracts.schema.shapes import SCALARS, Shape, Type

_TOO_LARGE = "too large when it is compiled"
_BOUNDS = (
    ("min", "minimum"),
    ("max", "maximum"),
    ("above", "above"),
    ("below", "below"),
    ("multiple_of", "multiple_of"),
)


class RequestProgram(Nodes):
    """The nodes of a route's request: of its body and of its parameters."""

    def __init__(self, partner: Partner) -> None:
        super().__init__()
        self._partner = partner
        self._unknown = "refuse"
        self.refused: dict[str, None] = {}
        """What the backend's schema says and no node can check: sentences."""

    def body(self, view: View, unknown: str) -> int:
        """Return the node of a body; `unknown` says what becomes of members that are not selected."""
        self._unknown = unknown
        return self.node(view)

    def _write(self, node: dict[str, Any], view: View) -> None:
        if view.free:
            node["any"] = True
        elif view.alternatives:
            node["one_of"] = self._one_of(view)
        else:
            self._write_one(node, view)

    def _one_of(self, view: View) -> dict[str, Any]:
        told = all(isinstance(alternative.value, str) for alternative in view.alternatives)
        # null says nothing that tells variants apart: the first that fits is taken then.
        by_name = view.discriminator if told and not view.null else None
        variants = [
            {"value": alternative.value if by_name is not None else None, "node": self.node(alternative.view)}
            for alternative in view.alternatives
        ]
        if view.null:
            variants.append({"value": None, "node": self._add({"null": True})})
        return {"discriminator": by_name, "variants": variants}

    def _write_one(self, node: dict[str, Any], view: View) -> None:
        if view.null:
            node["null"] = True
        for shape in self._partner.scalars(view):
            for kind in in_order(shape.types):
                if kind in SCALARS:
                    node[kind] = self._check(view, shape, kind)
        if view.is_list and view.items is not None:
            array: dict[str, Any] = {"items": self.node(view.items)}
            _put(array, "min", view.shape.min_items)
            _put(array, "max", view.shape.max_items)
            if view.shape.unique:
                array["unique"] = True
            node["array"] = array
        if view.object is not None:
            node["object"] = self._object(view, view.object)

    def _check(self, view: View, shape: Shape, kind: Type) -> Any:
        check: dict[str, Any] = {}
        if shape.unheld is not None:
            self.refused[shape.unheld] = None
        if kind in ("integer", "number"):
            for name, attribute in _BOUNDS:
                bound = getattr(shape, attribute)
                _put(check, name, None if bound is None else json.dumps(bound))
        if kind == "string":
            _put(check, "min_length", shape.min_length)
            _put(check, "max_length", shape.max_length)
            patterns = [pattern for pattern in (shape.pattern, *shape.more_patterns) if pattern and self._runs(pattern)]
            _put(check, "pattern", patterns[0] if len(patterns) == 1 else patterns or None)
            _put(check, "format", shape.format)
        if shape.enum is not None:
            check["enum"] = [value for value in shape.enum if _is_of(value, kind)]
        return {**check, **self._action(view, kind)} or True

    def _runs(self, pattern: str) -> bool:
        """Tell whether the data plane searches a pattern. One that goes back (look-ahead) stays the backend's to check."""
        why = unsearchable(pattern)
        if why is not None and _TOO_LARGE in why:
            self.refused[why] = None
        return why is None

    def _action(self, view: View, kind: Type) -> dict[str, Any]:
        action = view.action
        if isinstance(action, MapValue):
            pairs = request_pairs(pairs_of(action, view.scalars, view.shape))
            return {
                "map": [[partner, backend] for partner, backend in pairs if _is_of(partner, kind)],
                "otherwise": action.otherwise,
            }
        if isinstance(action, CoerceMoment):
            return {"date": {"from": action.partner, "to": action.backend}}
        if isinstance(action, Coerce):
            [backend] = view.scalars
            return {} if backend == kind else {"to": backend}
        return {}

    def _object(self, view: View, laid: ObjectView) -> dict[str, Any]:
        unknown = self._unknown if laid.others is None else self.node(laid.others)
        written = self._plain(laid) if laid.is_plain else self._arranged(laid)
        written["unknown"] = unknown
        if not laid.leaves:
            _put(written, "min", view.shape.min_members)
            _put(written, "max", view.shape.max_members)
        return written

    def _plain(self, laid: ObjectView) -> dict[str, Any]:
        written: dict[str, Any] = {
            "members": [self._member(leaf, leaf.partner[0], {"out": leaf.backend[0]}) for leaf in laid.leaves]
        }
        if laid.fills:
            written["fill"] = [
                {"out": fill.backend[0], "value": write_value(fill.value, fill.type)} for fill in laid.fills
            ]
        return written

    def _arranged(self, laid: ObjectView) -> dict[str, Any]:
        slots = {id(leaf): number for number, leaf in enumerate(laid.leaves)}
        tree = arrange((leaf.partner, leaf) for leaf in laid.leaves)
        parts: list[tuple[Path, Any]] = []
        for leaf in laid.leaves:
            part = {"slot": slots[id(leaf)]}
            parts.append((leaf.backend, {**part, "default": leaf.default} if leaf.has_default_in_part else part))
        parts += [(fill.backend, {"value": write_value(fill.value, fill.type)}) for fill in laid.fills]
        return {
            "members": self._scattered(tree, slots),
            "template": {"bytes": HOLD_BYTES, "members": _template(_whole(arrange(parts), laid), laid, ())},
        }

    def _scattered(self, tree: Branch, slots: dict[int, int]) -> list[dict[str, Any]]:
        members = []
        for step, below in tree.items():
            if isinstance(below, Leaf):
                members.append(self._member(below, step, {"slot": slots[id(below)]}))
                continue
            inside: dict[str, Any] = {"members": self._scattered(below, slots), "unknown": self._unknown}
            member: dict[str, Any] = {"in": step, "node": self._add({"object": inside}), "scatter": True}
            if any(inner.get("required") for inner in inside["members"]):
                member["required"] = True
            members.append(member)
        return members


def _whole(tree: Branch, laid: ObjectView) -> Branch:
    """Add the objects that the backend requires and of which nothing is sent."""
    for path, inner in laid.inner.items():
        branch: Any = tree
        for step in path if inner.required else ():
            branch = branch.setdefault(step, Branch())
    return tree


def _template(tree: Branch, laid: ObjectView, above: Path) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for name, below in tree.items():
        if not isinstance(below, Branch):
            parts.append({"out": name, **below})
            continue
        path = (*above, name)
        part: dict[str, Any] = {"out": name, "members": _template(below, laid, path)}
        inner = laid.inner.get(path)
        if inner is not None and inner.required:
            part["always"] = True
        parts.append(part)
    return parts


def _is_of(value: object, kind: Type) -> bool:
    return type_of(value) == kind or (kind == "number" and type_of(value) == "integer")


def _put(written: dict[str, Any], name: str, value: object) -> None:
    if value is not None:
        written[name] = value
