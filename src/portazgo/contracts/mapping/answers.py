"""From views of answers to ANSWER_PROGRAM (docs/programs.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from portazgo.contracts.language.operators import Coerce, CoerceMoment, MapValue, RewriteUrl
from portazgo.contracts.language.paths import Path
from portazgo.contracts.mapping.actions import pairs_of
from portazgo.contracts.mapping.layout import url_otherwise
from portazgo.contracts.mapping.nodes import HOLD_BYTES, Nodes
from portazgo.contracts.mapping.spots import Computed
from portazgo.contracts.mapping.tree import Branch, arrange
from portazgo.contracts.mapping.urls import Urls
from portazgo.contracts.mapping.views import Leaf, ObjectView, View
from portazgo.contracts.schema.merging import in_order
from portazgo.contracts.schema.normalising import type_of
from portazgo.contracts.schema.shapes import Type


class AnswerProgram(Nodes):
    """The nodes of a route's answers."""

    def __init__(self, urls: Urls) -> None:
        super().__init__()
        self._urls = urls
        self._any: int | None = None

    def written(self) -> dict[str, Any]:
        """Return the program."""
        written = super().written()
        return {**written, "urls": self._urls.written} if self._urls.written else written

    def _write(self, node: dict[str, Any], view: View) -> None:
        if view.free:
            node["any"] = True
            return
        if view.null:
            node["null"] = True
        for kind in in_order(view.scalars):
            node[kind] = self._action(view, kind)
        if view.is_list and view.items is not None:
            node["array"] = self.node(view.items)
        if view.object is not None:
            node["object"] = self._object(view.object)

    def _raw(self) -> int:
        """Return the node of what is kept as it was received."""
        if self._any is None:
            self._any = self._add({"any": True})
        return self._any

    def _action(self, view: View, kind: Type) -> Any:
        action = view.action
        if isinstance(action, MapValue):
            pairs = [
                [backend, partner]
                for backend, partner in pairs_of(action, view.scalars, view.shape)
                if type_of(backend) == kind or (kind == "number" and type_of(backend) == "integer")
            ]
            return {"map": pairs, "otherwise": action.otherwise}
        if isinstance(action, Coerce):
            return True if action.to == kind else {"to": action.to}
        if isinstance(action, CoerceMoment):
            return {"date": {"from": action.backend, "to": action.partner}}
        if isinstance(action, RewriteUrl):
            return {"url": self._urls.index(url_otherwise(action, view.shape))}
        return True

    def _object(self, laid: ObjectView) -> dict[str, Any]:
        written = self._streamed(laid) if _streams(laid) and not laid.computed else self._held(laid)
        if laid.others is not None:
            written["others"] = self.node(laid.others)
        return written

    def _streamed(self, laid: ObjectView) -> dict[str, Any]:
        tree = arrange((leaf.backend, leaf) for leaf in laid.leaves)
        written: dict[str, Any] = {"members": self._members(laid, tree, (), self._plain)}
        consts: dict[str, Any] = {}
        for path, value in laid.consts:
            inner = consts
            for step in path[:-1]:
                inner = inner.setdefault(step, {})
            inner[path[-1]] = value
        if consts:
            written["consts"] = [[name, value] for name, value in consts.items()]
        return written

    def _held(self, laid: ObjectView) -> dict[str, Any]:
        slots = {id(leaf): number for number, leaf in enumerate(laid.leaves)}

        def kept(leaf: Leaf) -> dict[str, Any]:
            return {"slot": slots[id(leaf)]}

        tree = arrange((leaf.backend, leaf) for leaf in laid.leaves)
        members = self._members(laid, tree, (), kept)
        late = _dropped_late(laid)
        parts = [(leaf.partner, _part(leaf, slots[id(leaf)], late)) for leaf in laid.leaves]
        parts += [(path, {"const": value}) for path, value in laid.consts]
        for member in members:
            if member["in"] in late:
                del member["drop_null"]
        numbers = {leaf.backend[0]: slots[id(leaf)] for leaf in laid.leaves if len(leaf.backend) == 1}
        hidden = dict.fromkeys(name for one in laid.computed for name in one.checked.inputs if name not in numbers)
        for slot, name in enumerate(hidden, len(slots)):
            # Kept as it comes, for expressions alone.
            numbers[name] = slot
            members.append({"in": name, "node": self._raw(), "slot": slot})
        for one in laid.computed:
            parts.append((one.path, {"compute": _computed(one, [numbers[name] for name in one.checked.inputs])}))
        return {"members": members, "hold": {"bytes": HOLD_BYTES, "members": template(arrange(parts))}}

    def _members(
        self, laid: ObjectView, tree: Branch, above: Path, placed: Callable[[Leaf], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        members = []
        for step, below in tree.items():
            if isinstance(below, Leaf):
                members.append(self._member(below, step, placed(below)))
                continue
            path = (*above, step)
            inner = laid.inner[path]
            inside: dict[str, Any] = {"object": {"members": self._members(laid, below, path, placed)}}
            if inner.null:
                inside["null"] = True
            member: dict[str, Any] = {"in": step, "node": self._add(inside)}
            member["inline" if placed == self._plain else "scatter"] = True
            if inner.required:
                member["required"] = True
            members.append(member)
        return members

    @staticmethod
    def _plain(leaf: Leaf) -> dict[str, Any]:
        placed: dict[str, Any] = {"out": leaf.partner[-1]}
        if len(leaf.partner) > 1:
            placed["wrap"] = list(leaf.partner[:-1])
        return placed


def _part(leaf: Leaf, slot: int, late: set[str]) -> dict[str, Any]:
    part: dict[str, Any] = {"slot": slot}
    if leaf.has_default_in_part:
        part["default"] = leaf.default
    if leaf.backend[0] in late:
        part["drop_null"] = True
    return part


def _dropped_late(laid: ObjectView) -> set[str]:
    """Name the members whose null expressions read and partners don't: it is dropped when the template is written."""
    read = {name for one in laid.computed for name in one.checked.inputs}
    return {leaf.backend[0] for leaf in laid.leaves if leaf.backend[0] in read and leaf.drop_null and leaf.view.null}


def _computed(one: Computed, slots: list[int]) -> dict[str, Any]:
    """Write a computed member as COMPUTE."""
    written: dict[str, Any] = {"expr": one.checked.program, "inputs": slots, "type": one.result.type}
    if one.result.is_list:
        written["list"] = True
    if one.result.null:
        written["null"] = True
    return written


def template(tree: Branch) -> list[dict[str, Any]]:
    """Write the parts of a template."""
    parts: list[dict[str, Any]] = []
    for name, below in tree.items():
        if isinstance(below, Branch):
            parts.append({"out": name, "members": template(below)})
        else:
            parts.append({"out": name, **below})
    return parts


def _streams(laid: ObjectView) -> bool:
    """Tell whether every member can be written when it comes: nothing else goes into the same object of the partner's."""
    heads: dict[str, int] = {}
    places: Sequence[Path] = [*(leaf.partner for leaf in laid.leaves), *_heads_of(laid)]
    for path in places:
        heads[path[0]] = heads.get(path[0], 0) + 1
    return all(
        (len(leaf.backend) == 1 and (len(leaf.partner) == 1 or heads[leaf.partner[0]] == 1)) or len(leaf.partner) == 1
        for leaf in laid.leaves
    )


def _heads_of(laid: ObjectView) -> list[Path]:
    return list(dict.fromkeys((path[0],) for path, _ in laid.consts))
