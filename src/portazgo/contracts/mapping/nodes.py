"""The nodes of a program: one for each view, by its place in a list (docs/programs.md)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from portazgo.contracts.mapping.views import Leaf, View

DEPTH = 64
HOLD_BYTES = 262_144


class Nodes(ABC):
    """A program as it is being written."""

    def __init__(self) -> None:
        self._nodes: list[dict[str, Any]] = []
        self._known: dict[int, int] = {}
        self._kept: list[View] = []  # so that no other view gets the identity of one that is known

    def written(self) -> dict[str, Any]:
        """Return the program."""
        return {"nodes": self._nodes, "depth": DEPTH}

    def node(self, view: View) -> int:
        """Return the index of the view's node."""
        if id(view) in self._known:
            return self._known[id(view)]
        index = self._add({})
        # Known before it is written: what is in it may lead back here.
        self._known[id(view)] = index
        self._kept.append(view)
        self._write(self._nodes[index], view)
        return index

    @abstractmethod
    def _write(self, node: dict[str, Any], view: View) -> None:
        """Write a view's node."""

    def _add(self, node: dict[str, Any]) -> int:
        self._nodes.append(node)
        return len(self._nodes) - 1

    def _member(self, leaf: Leaf, step: str, placed: dict[str, Any]) -> dict[str, Any]:
        member: dict[str, Any] = {"in": step, "node": self.node(leaf.view), **placed}
        if leaf.required:
            member["required"] = True
        if leaf.has_default and not ("slot" in placed and leaf.has_default_in_part):
            member["default"] = leaf.default
        if leaf.drop_null:
            member["drop_null"] = True
        return member
