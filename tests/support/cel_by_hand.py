"""Expressions of computed members as trees: written as CEL, and evaluated a second time, by the specification and ADR 56.

It shares nothing with the compiler: no parser, no types of its. `cel-python` would do for a part only: it compares no integer
with a double, knows none of the functions on texts, and takes numbers as Python's `json` reads them, without their digits.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from portazgo.contracts.reference.documents import NUMBER, Number, Violation

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTEGERS = range(-(2**63), 2**63)
_EXACT = 2**53
_PRECEDENCE = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
}
_IF, _UNARY, _MEMBER = 0, 6, 7
_WHITE = "".join(map(chr, (9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F)))
_WHITE += "\u205f\u3000"


@dataclass(frozen=True, slots=True)
class Tree:
    """A part of an expression. `kind`: literal, self, item, has, unary, binary, if, call, method, macro, index, list."""

    kind: str
    type: str
    """int, double, string, bool, null, or `list:` and one of them."""
    word: Any = None
    parts: tuple[Tree, ...] = ()


Parts = tuple[Tree, ...]


# ------------------------------------------------------------------------------------------------------- as text


def written(tree: Tree, chance: random.Random) -> str:
    """Write an expression, with spaces, quotes and parentheses as they come."""
    return _Writing(chance).of(tree, _IF)


class _Writing:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def of(self, tree: Tree, level: int) -> str:
        """Write a part where what binds less tightly than `level` needs parentheses."""
        own, text = self._bare(tree)
        if own < level or self._chance.random() < 0.05:
            text = f"({self._space()}{text}{self._space()})"
        return text

    def _space(self) -> str:
        return self._chance.choice(("", "", "", " ", "\n", " // a remark\n"))

    def _bare(self, tree: Tree) -> tuple[int, str]:
        """Return how tightly a part binds, and its text."""
        found: tuple[int, str] = getattr(self, f"_{tree.kind}")(tree, tree.parts)
        return found

    def _literal(self, tree: Tree, _: Parts) -> tuple[int, str]:
        return _MEMBER, self._text(tree.word) if isinstance(tree.word, str) else json.dumps(tree.word)

    def _self(self, tree: Tree, _: Parts) -> tuple[int, str]:
        return _MEMBER, self._member(tree.word)

    def _item(self, *_: Any) -> tuple[int, str]:
        return _MEMBER, "x"

    def _has(self, tree: Tree, _: Parts) -> tuple[int, str]:
        if _PLAIN.fullmatch(tree.word) and self._chance.random() < 0.7:
            return _MEMBER, f"has(self.{tree.word})"
        return _PRECEDENCE["in"], f"{self._text(tree.word)} in self"

    def _unary(self, tree: Tree, parts: Parts) -> tuple[int, str]:
        return _UNARY, tree.word + self.of(parts[0], _UNARY)

    def _binary(self, tree: Tree, parts: Parts) -> tuple[int, str]:
        own = _PRECEDENCE[tree.word]
        return own, f"{self.of(parts[0], own)} {tree.word} {self._space()}{self.of(parts[1], own + 1)}"

    def _if(self, _: Tree, parts: Parts) -> tuple[int, str]:
        test, then, other = (self.of(part, level) for part, level in zip(parts, (1, 1, 0), strict=True))
        return _IF, f"{test} ? {then} : {other}"

    def _call(self, tree: Tree, parts: Parts) -> tuple[int, str]:
        return _MEMBER, f"{tree.word}({self.of(parts[0], _IF)})"

    def _method(self, tree: Tree, parts: Parts) -> tuple[int, str]:
        given = ", ".join(self.of(part, _IF) for part in parts[1:])
        return _MEMBER, f"{self.of(parts[0], _MEMBER)}.{tree.word}({given})"

    def _macro(self, tree: Tree, parts: Parts) -> tuple[int, str]:
        return _MEMBER, f"{self.of(parts[0], _MEMBER)}.{tree.word}(x, {self.of(parts[1], _IF)})"

    def _index(self, _: Tree, parts: Parts) -> tuple[int, str]:
        return _MEMBER, f"{self.of(parts[0], _MEMBER)}[{self.of(parts[1], _IF)}]"

    def _list(self, _: Tree, parts: Parts) -> tuple[int, str]:
        return _MEMBER, "[" + ", ".join(self.of(part, _IF) for part in parts) + "]"

    def _member(self, name: str) -> str:
        plain = _PLAIN.fullmatch(name) and self._chance.random() < 0.9
        return f"self.{name}" if plain else f"self[{self._text(name)}]"

    def _text(self, text: str) -> str:
        quote = self._chance.choice("'\"")
        return quote + "".join(self._letter(letter, quote) for letter in text) + quote

    def _letter(self, letter: str, quote: str) -> str:
        if letter in (quote, "\\") or not letter.isprintable() or self._chance.random() < 0.1:
            is_long = ord(letter) > 0xFFFF or self._chance.random() < 0.3
            return f"\\U{ord(letter):08x}" if is_long else f"\\u{ord(letter):04x}"
        return letter


# ------------------------------------------------------------------------------------------------------ its value


def computed(tree: Tree, declared: dict[str, Any], around: dict[str, Any]) -> Any:
    """Return what the partner reads: the value over the backend's object. Raises Violation."""
    value = _Evaluation(around).value(tree)
    kinds = declared["type"] if isinstance(declared["type"], list) else [declared["type"]]
    if value is None and "null" not in kinds:
        raise Violation("type")
    if isinstance(value, list) and None in value:
        raise Violation("type")
    return [_written(item) for item in value] if isinstance(value, list) else _written(value)


def _written(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return Number(str(value) if isinstance(value, int) else shortest(value))


def shortest(value: float) -> str:
    """Write a double with as few digits as tell it from its neighbours."""
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    exact = Decimal(repr(value)).normalize()
    if 1e-7 <= abs(value) < 1e21:
        return format(exact, "f")
    sign, digits, exponent = exact.as_tuple()
    assert isinstance(exponent, int)
    fraction = "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{digits[0]}{'.' + fraction if fraction else ''}e{exponent + len(digits) - 1}"


class _Evaluation:
    def __init__(self, around: dict[str, Any]) -> None:
        self._around = around
        self._at: Any = None

    def value(self, tree: Tree) -> Any:
        """Return a value; one that only passes is as the backend spelled it."""
        value: Any = getattr(self, f"_{tree.kind}")(tree)
        return value

    def own(self, tree: Tree) -> Any:
        """Return a value to compute with."""
        return _own(self.value(tree), tree.type)

    def known(self, tree: Tree) -> Any:
        """Return the same, where null is none."""
        value = self.own(tree)
        if value is None:
            raise Violation("value")
        return value

    def _literal(self, tree: Tree) -> Any:
        return tree.word

    def _self(self, tree: Tree) -> Any:
        if tree.word not in self._around:
            raise Violation("value")
        return self._around[tree.word]

    def _item(self, _: Tree) -> Any:
        return self._at

    def _has(self, tree: Tree) -> Any:
        return tree.word in self._around

    def _list(self, tree: Tree) -> Any:
        return [self.value(part) for part in tree.parts]

    def _if(self, tree: Tree) -> Any:
        return self.value(tree.parts[1] if self.known(tree.parts[0]) else tree.parts[2])

    def _index(self, tree: Tree) -> Any:
        items = self.known(tree.parts[0])
        index = self.known(tree.parts[1])
        if not 0 <= index < len(items):
            raise Violation("value")
        return items[index]

    def _unary(self, tree: Tree) -> Any:
        value = self.known(tree.parts[0])
        return not value if tree.word == "!" else _fitting(-value)

    def _call(self, tree: Tree) -> Any:
        value = self.known(tree.parts[0])
        if tree.word == "size":
            return len(value)
        if tree.word == "string":
            return _as_text(value)
        if tree.word == "double":
            return _as_double(value)
        if isinstance(value, str):
            if not re.fullmatch(r"-?(0|[1-9][0-9]*)", value):
                raise Violation("value")
            return _fitting(int(value))
        if isinstance(value, float) and abs(math.trunc(value)) > _EXACT:
            raise Violation("value")
        return math.trunc(value)

    def _method(self, tree: Tree) -> Any:
        of, *given = (self.known(part) for part in tree.parts)
        match tree.word:
            case "join":
                texts = [_own(item, "string") for item in of]
                if None in texts:
                    raise Violation("value")
                return (given[0] if given else "").join(texts)
            case "size":
                return len(of)
            case "trim":
                return of.strip(_WHITE)
            case "lowerAscii":
                return re.sub("[A-Z]+", lambda found: found[0].lower(), of)
            case "upperAscii":
                return re.sub("[a-z]+", lambda found: found[0].upper(), of)
            case _:
                test: dict[str, Callable[[str], bool]] = {
                    "contains": of.__contains__,
                    "startsWith": of.startswith,
                    "endsWith": of.endswith,
                }
                return test[tree.word](given[0])

    def _binary(self, tree: Tree) -> Any:
        left, right = tree.parts
        match tree.word:
            case "&&":
                return self._either(left, right, decides=False)
            case "||":
                return self._either(left, right, decides=True)
            case "in":
                wanted = self.own(left)
                items = self.known(right)
                kind = right.type.partition(":")[2]
                return any(_same(wanted, _own(item, kind)) for item in items)
            case "==":
                return _same(self.own(left), self.own(right))
            case "!=":
                return not _same(self.own(left), self.own(right))
            case _:
                return _combined(tree.word, self.known(left), self.known(right))

    def _either(self, left: Tree, right: Tree, *, decides: bool) -> bool:
        told: list[Any] = []
        for part in (left, right):
            try:
                told.append(self.known(part))
            except Violation:
                told.append(None)
        if decides in told:
            return decides
        if None in told:
            raise Violation("value")
        return not decides

    def _macro(self, tree: Tree) -> Any:
        items = self.known(tree.parts[0])
        told: list[Any] = []
        for item in items:
            self._at = item
            try:
                told.append(self.value(tree.parts[1]) if tree.word == "map" else self.known(tree.parts[1]))
            except Violation:
                if tree.word not in ("all", "exists"):
                    raise
                told.append(None)
        match tree.word:
            case "map":
                return told
            case "filter":
                return [item for item, holds in zip(items, told, strict=True) if holds]
            case "exists_one":
                return told.count(True) == 1
        decides = tree.word == "exists"
        if decides in told:
            return decides
        if None in told:
            raise Violation("value")
        return not decides


def _own(value: Any, kind: str) -> Any:
    if not isinstance(value, Number):
        return value
    if kind == "int":
        return _fitting(int(Decimal(value.lexeme)))
    return _exact(value.lexeme)


def _exact(lexeme: str) -> float:
    value = float(lexeme)
    if not math.isfinite(value) or Decimal(repr(value)) != Decimal(lexeme):
        raise Violation("value")
    return value


def _fitting(value: Any) -> Any:
    if isinstance(value, int) and value not in _INTEGERS:
        raise Violation("value")
    if isinstance(value, float) and not math.isfinite(value):
        raise Violation("value")
    return value


def _as_double(value: Any) -> float:
    if isinstance(value, str):
        if not NUMBER.fullmatch(value):
            raise Violation("value")
        return _exact(value)
    if isinstance(value, int) and abs(value) > _EXACT:
        raise Violation("value")
    return float(value)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return shortest(value)
    return str(value)


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Make both doubles where one is."""
    if isinstance(left, float) != isinstance(right, float):
        return _as_double(left), _as_double(right)
    return left, right


def _same(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    left, right = _alike(left, right)
    return bool(left == right)


def _combined(operator: str, left: Any, right: Any) -> Any:
    if operator in ("<", "<=", ">", ">="):
        left, right = _alike(left, right)
        holds: dict[str, bool] = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
        return holds[operator]
    if operator in ("/", "%"):
        if right == 0:
            raise Violation("value")
        if isinstance(left, float):
            return _fitting(left / right)
        quotient = _fitting(abs(left) // abs(right) * (-1 if (left < 0) != (right < 0) else 1))
        return quotient if operator == "/" else left - quotient * right
    try:
        return _fitting({"+": left.__add__, "-": getattr(left, "__sub__", None), "*": left.__mul__}[operator](right))
    except OverflowError:
        raise Violation("value") from None
