"""Computed members made up at random: expressions over an object of a made-up schema, each with the type that it gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from support.cel_by_hand import Tree, written

_KINDS = {"string": "string", "integer": "int", "number": "double", "boolean": "bool"}
_DECLARED = {kind: name for name, kind in _KINDS.items()}
SCALARS = tuple(_DECLARED)
_LONGEST = 900
_TEXTS = ("", "a", "v1", " x ", "é", "o'n\"e", "\\", "😀", "open", "cat")
_INTEGERS = (0, 1, 2, 3, -1, -7, 10, 100, 1_000_000, 2**53, 2**63 - 1, -(2**63))
_DOUBLES = (0.0, 1.0, -1.5, 0.5, 1.1, 1e3, 1e21, 2.5e-8)


@dataclass(frozen=True, slots=True)
class Member:
    """A member that expressions may read."""

    name: str
    type: str
    """As a tree's."""
    certain: bool
    """It always comes, and is never null."""
    hidden: bool
    """Its texts hold needles: nothing that is made of them may go out."""


def member_of(name: str, node: Mapping[str, Any], *, required: bool, hidden: bool) -> Member | None:
    """Return what is read of a member; None: it is no single value and no list of them, or of several types."""
    null = False
    if len(node.get("anyOf", ())) == 2 and node["anyOf"][1] == {"type": "null"}:
        node, null = node["anyOf"][0], True
    kind = node.get("type")
    if kind == ["string", "null"]:
        kind, null = "string", True
    if kind == "array":
        item = node["items"].get("type")
        found = f"list:{_KINDS[item]}" if isinstance(item, str) and item in _KINDS else None
    else:
        found = _KINDS.get(kind) if isinstance(kind, str) else None
    return None if found is None else Member(name, found, required and not null, hidden)


class ExpressionMaker:
    """Makes expressions over some members."""

    def __init__(self, chance: random.Random, members: Sequence[Member]) -> None:
        self._chance = chance
        self._members = members
        self._item: Tree | None = None

    def compute(self) -> tuple[dict[str, Any], Tree] | None:
        """Make what a contract says of a computed member, and its expression as a tree; None: it would be too long."""
        kind = self._chance.choice((*SCALARS, "string", "list:string", "list:int"))
        tree = self._make(kind, 3, told=True)
        text = written(tree, self._chance)
        if len(text) > _LONGEST:
            return None
        name = _DECLARED[kind.rpartition(":")[2]]
        schema: dict[str, Any] = {"type": "array", "items": {"type": name}} if ":" in kind else {"type": name}
        if self._chance.random() < 0.3:
            schema["type"] = [schema["type"], "null"]
        if self._chance.random() < 0.2:
            schema["description"] = "Worked out by the gateway."
        return {"expr": text, "schema": schema}, tree

    def _make(self, kind: str, depth: int, *, told: bool) -> Tree:
        """Make a tree of a type. `told`: texts of it may go out."""
        leaf = depth <= 0 or self._chance.random() < 0.2
        makers = [self._literal] if leaf else self._composed(kind)
        known = [one for one in self._members if one.type == kind and not (told and one.hidden and "string" in kind)]
        if known and self._chance.random() < (0.8 if leaf else 0.3):
            return self._read(self._chance.choice(known), told=told)
        if self._item is not None and self._item.type == kind and self._chance.random() < 0.6:
            return self._item
        return self._chance.choice(makers)(kind, depth - 1, told)

    def _read(self, member: Member, *, told: bool) -> Tree:
        read = Tree("self", member.type, member.name)
        if member.certain or self._chance.random() < 0.1:
            return read
        there = Tree("has", "bool", member.name)
        some = Tree("binary", "bool", "!=", (read, Tree("literal", "null")))
        both = Tree("binary", "bool", "&&", (there, some) if self._chance.random() < 0.8 else (some, there))
        return Tree("if", member.type, parts=(both, read, self._literal(member.type, 0, told)))

    def _literal(self, kind: str, depth: int, told: bool) -> Tree:
        if kind.startswith("list:"):
            item = kind.removeprefix("list:")
            count = self._chance.randint(1, 3)
            return Tree("list", kind, parts=tuple(self._make(item, depth, told=told) for _ in range(count)))
        values: dict[str, Sequence[Any]] = {
            "string": _TEXTS,
            "int": _INTEGERS,
            "double": _DOUBLES,
            "bool": (True, False),
        }
        return Tree("literal", kind, self._chance.choice(values[kind]))

    def _composed(self, kind: str) -> list[Callable[[str, int, bool], Tree]]:
        if kind.startswith("list:"):
            return [self._literal, self._filter, *([] if self._item else [self._map]), self._if]
        own: dict[str, list[Callable[[str, int, bool], Tree]]] = {
            "string": [self._added, self._as_text, self._cased, self._joined],
            "int": [self._counted, self._size, self._cut],
            "double": [self._counted, self._widened],
            "bool": [self._not, self._both, self._compared, self._equal, self._looked_for, self._tested, self._any_of],
        }
        return [*own[kind], self._if, self._index]

    def _if(self, kind: str, depth: int, told: bool) -> Tree:
        test = self._make("bool", depth, told=False)
        return Tree("if", kind, parts=(test, *(self._make(kind, depth, told=told) for _ in range(2))))

    def _index(self, kind: str, depth: int, told: bool) -> Tree:
        index = Tree("literal", "int", self._chance.choice((0, 0, 0, 1, -1)))
        return Tree("index", kind, parts=(self._make(f"list:{kind}", depth, told=told), index))

    def _added(self, kind: str, depth: int, told: bool) -> Tree:
        return Tree("binary", kind, "+", tuple(self._make(kind, depth, told=told) for _ in range(2)))

    def _as_text(self, kind: str, depth: int, told: bool) -> Tree:
        return Tree("call", kind, "string", (self._make(self._chance.choice(SCALARS), depth, told=told),))

    def _cased(self, kind: str, depth: int, told: bool) -> Tree:
        name = self._chance.choice(("lowerAscii", "upperAscii", "trim"))
        return Tree("method", kind, name, (self._make(kind, depth, told=told),))

    def _joined(self, kind: str, depth: int, told: bool) -> Tree:
        given = [self._make("string", 0, told=told)] if self._chance.random() < 0.7 else []
        return Tree("method", kind, "join", (self._make("list:string", depth, told=told), *given))

    def _counted(self, kind: str, depth: int, told: bool) -> Tree:
        if self._chance.random() < 0.15:
            return Tree("unary", kind, "-", (self._make(kind, depth, told=told),))
        operator = self._chance.choice("+-*/" if kind == "double" else "+-*/%")
        return Tree("binary", kind, operator, tuple(self._make(kind, depth, told=told) for _ in range(2)))

    def _size(self, kind: str, depth: int, _: bool) -> Tree:
        of = self._make(self._chance.choice(("string", "list:string", "list:int", "list:bool")), depth, told=False)
        return Tree(self._chance.choice(("call", "method")), kind, "size", (of,))

    def _cut(self, kind: str, depth: int, told: bool) -> Tree:
        return Tree("call", kind, "int", (self._make(self._chance.choice(("double", "int")), depth, told=told),))

    def _widened(self, kind: str, depth: int, told: bool) -> Tree:
        return Tree("call", kind, "double", (self._make(self._chance.choice(("double", "int")), depth, told=told),))

    def _not(self, kind: str, depth: int, told: bool) -> Tree:
        return Tree("unary", kind, "!", (self._make(kind, depth, told=told),))

    def _both(self, kind: str, depth: int, told: bool) -> Tree:
        operator = self._chance.choice(("&&", "||"))
        return Tree("binary", kind, operator, tuple(self._make(kind, depth, told=told) for _ in range(2)))

    def _pair(self, kinds: Sequence[str], depth: int) -> tuple[Tree, Tree]:
        one = self._chance.choice(kinds)
        other = self._chance.choice(("int", "double")) if one in ("int", "double") else one
        return self._make(one, depth, told=False), self._make(other, depth, told=False)

    def _compared(self, kind: str, depth: int, _: bool) -> Tree:
        operator = self._chance.choice(("<", "<=", ">", ">="))
        return Tree("binary", kind, operator, self._pair(("string", "int", "double"), depth))

    def _equal(self, kind: str, depth: int, _: bool) -> Tree:
        left, right = self._pair(SCALARS, depth)
        if self._chance.random() < 0.2:
            right = Tree("literal", "null")
        return Tree("binary", kind, self._chance.choice(("==", "!=")), (left, right))

    def _looked_for(self, kind: str, depth: int, _: bool) -> Tree:
        left, right = self._pair(SCALARS, depth)
        items = self._make(f"list:{right.type}", depth, told=False)
        return Tree("binary", kind, "in", (left, items))

    def _tested(self, kind: str, depth: int, _: bool) -> Tree:
        name = self._chance.choice(("contains", "startsWith", "endsWith"))
        return Tree("method", kind, name, tuple(self._make("string", depth, told=False) for _ in range(2)))

    def _any_of(self, kind: str, depth: int, told: bool) -> Tree:
        if self._item is not None:
            return self._not(kind, depth, told)
        of = self._chance.choice(SCALARS)
        items, body = self._over(of, "bool", depth, told=False)
        return Tree("macro", kind, self._chance.choice(("all", "exists", "exists_one")), (items, body))

    def _map(self, kind: str, depth: int, told: bool) -> Tree:
        of = self._chance.choice(SCALARS)
        return Tree("macro", kind, "map", self._over(of, kind.removeprefix("list:"), depth, told=told))

    def _filter(self, kind: str, depth: int, told: bool) -> Tree:
        if self._item is not None:
            return self._literal(kind, depth, told)
        return Tree("macro", kind, "filter", self._over(kind.removeprefix("list:"), "bool", depth, told=told))

    def _over(self, of: str, made: str, depth: int, *, told: bool) -> tuple[Tree, Tree]:
        """Make a list, and what is made of each of its items."""
        items = self._make(f"list:{of}", depth, told=told)
        self._item = Tree("item", of)
        body = self._make(made, depth, told=told)
        self._item = None
        return items, body
