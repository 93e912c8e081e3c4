"""Types of expressions, and what data planes run for them (docs/programs.md, COMPUTE)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from portazgo.contracts.expressions.syntax import DEEPEST_TREE, Expr, parse
from portazgo.contracts.expressions.tokens import ExpressionRefused
from portazgo.contracts.language.paths import Path
from portazgo.contracts.language.refused import nearest

SELF = "self"
_MOST_PARTS = 512
_SCALARS = ("int", "double", "string", "bool")
_MACROS = ("all", "exists", "exists_one", "map", "filter")
_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod"}
_ORDER = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_EQUALITY = {"==": "eq", "!=": "ne"}
_CALLS = ("size", "string", "int", "double", "has")
_OF_TEXT = {"contains": "contains", "startsWith": "starts_with", "endsWith": "ends_with"}
_OF_CASE = {"lowerAscii": "lower", "upperAscii": "upper", "trim": "trim"}
_METHODS = (*_MACROS, *_OF_TEXT, *_OF_CASE, "join", "size")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: int, double, string, bool, null, list or object; any of them may be null when it comes."""

    name: str
    item: Kind | None = None
    """A list's; None: it is `[]`."""
    shape: Any = None
    """An object's, as the schema has it."""
    path: Path | None = None
    """Where it comes from."""

    @property
    def read(self) -> str:
        """How data planes read it."""
        return self.name if self.name in _SCALARS else "any"

    def __str__(self) -> str:
        return f"list({self.item})" if self.item is not None else self.name

    @property
    def innermost(self) -> Kind:
        """What stands in the list, however deep; of anything else itself."""
        return self.item.innermost if self.item is not None else self


class Members(Protocol):
    """What the schema knows of objects."""

    def kind(self, shape: Any, name: str, path: Path) -> Kind | str | None:
        """Return what a member is, or why it can't be read; None: there is none."""

    def names(self, shape: Any) -> list[str]:
        """Name the members of an object."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that can run."""

    program: list[Any]
    kind: Kind
    inputs: tuple[str, ...]
    """The members of the object that it reads, in the order of their numbers."""
    reads: tuple[Path, ...]
    """From where, from the object, each value comes that it reads."""


def check(text: str, shape: Any, members: Members) -> Checked:
    """Read an expression over an object of this shape. Raises ExpressionRefused."""
    checker = _Checker(shape, members)
    program, kind = checker.expr(parse(text))
    checker.note(kind)
    _check_size(program)
    read = {path[0] for path in checker.reads}
    reads = [*checker.reads, *((name,) for name in checker.inputs if name not in read)]
    return Checked(program, kind, tuple(checker.inputs), tuple(dict.fromkeys(reads)))


class _Checker:
    def __init__(self, shape: Any, members: Members) -> None:
        self._self = Kind("object", shape=shape, path=())
        self._members = members
        self._item: tuple[str, Kind] | None = None
        self.inputs: list[str] = []
        self.reads: list[Path] = []

    def expr(self, expr: Expr) -> tuple[list[Any], Kind]:
        """Return what is run, and what comes of it."""
        program, kind = getattr(self, f"_{expr.kind}")(expr)
        return program, kind

    def note(self, kind: Kind | None) -> None:
        """Note that a value is read."""
        while kind is not None and kind.name == "list" and kind.path is not None and kind.item is not None:
            kind = kind.item
        if kind is not None and kind.path and kind.name != "object":
            self.reads.append(kind.path)

    def _literal(self, expr: Expr) -> tuple[list[Any], Kind]:
        value = expr.word
        if value is None:
            return ["null"], Kind("null")
        if isinstance(value, bool):
            return ["true" if value else "false"], Kind("bool")
        if isinstance(value, int):
            return ["int", str(value)], Kind("int")
        if isinstance(value, float):
            return ["double", repr(value)], Kind("double")
        return ["text", value], Kind("string")

    def _list(self, expr: Expr) -> tuple[list[Any], Kind]:
        made = [self._scalar(part) for part in expr.parts]
        kinds = {kind.name for _, kind in made}
        if len(kinds) > 1:
            raise ExpressionRefused(f"the items of a list are of one type, and here are {_listed(kinds)}", expr.at)
        item = Kind(kinds.pop()) if kinds else None
        return ["list", *(program for program, _ in made)], Kind("list", item)

    def _name(self, expr: Expr) -> tuple[list[Any], Kind]:
        if self._item is not None and expr.word == self._item[0]:
            kind = self._item[1]
            return ["item", kind.read], kind
        if expr.word == SELF:
            raise ExpressionRefused("the object itself is no value: name a member of it, such as self.name", expr.at)
        known = [SELF, *([self._item[0]] if self._item else [])]
        near = f"self.{expr.word}" if expr.word in self._members.names(self._self.shape) else nearest(expr.word, known)
        raise ExpressionRefused(f"there is no {expr.word!r} here", expr.at, near)

    def _member(self, of: Kind, expr: Expr) -> Kind:
        if of.name != "object":
            raise ExpressionRefused(f"{of} has no members, so there is no {expr.word!r} in it", expr.at)
        found = self._members.kind(of.shape, expr.word, (*(of.path or ()), expr.word))
        if found is None:
            near = nearest(expr.word, self._members.names(of.shape))
            raise ExpressionRefused(f"the schema has no member {expr.word!r} there", expr.at, near)
        if isinstance(found, str):
            raise ExpressionRefused(f"{expr.word} {found}", expr.at)
        return found

    def _input(self, expr: Expr) -> int:
        if expr.word not in self.inputs:
            self.inputs.append(expr.word)
        return self.inputs.index(expr.word)

    def _is_self(self, expr: Expr) -> bool:
        return expr.kind == "name" and expr.word == SELF and (self._item is None or self._item[0] != SELF)

    def _select(self, expr: Expr) -> tuple[list[Any], Kind]:
        [of] = expr.parts
        if self._is_self(of):
            kind = self._member(self._self, expr)
            return ["input", kind.read, self._input(expr)], kind
        program, around = self.expr(of)
        kind = self._member(around, expr)
        return ["field", kind.read, program, expr.word], kind

    def _has(self, expr: Expr) -> tuple[list[Any], Kind]:
        if len(expr.parts) != 1 or expr.parts[0].kind != "select":
            raise ExpressionRefused("has asks for one member, such as has(self.name)", expr.at)
        return self._there(expr.parts[0])

    def _there(self, asked: Expr) -> tuple[list[Any], Kind]:
        [of] = asked.parts
        if self._is_self(of):
            self._member(self._self, asked)
            return ["has_input", self._input(asked)], Kind("bool")
        program, around = self.expr(of)
        self._member(around, asked)
        return ["has", program, asked.word], Kind("bool")

    def _index(self, expr: Expr) -> tuple[list[Any], Kind]:
        of, index = expr.parts
        if index.kind == "literal" and isinstance(index.word, str):
            return self._select(Expr("select", index.at, index.word, (of,)))
        program, kind = self.expr(of)
        if kind.name != "list" or kind.item is None:
            raise ExpressionRefused(f"{kind} has no items that a number could name", expr.at)
        number, _ = self._of(index, "int")
        return ["index", kind.item.read, program, number], kind.item

    def _scalar(self, expr: Expr) -> tuple[list[Any], Kind]:
        program, kind = self.expr(expr)
        if kind.name not in (*_SCALARS, "null"):
            raise ExpressionRefused(f"a single value is needed here, and this is {kind}", expr.at)
        self.note(kind)
        return program, replace(kind, path=None)

    def _of(self, expr: Expr, *names: str) -> tuple[list[Any], Kind]:
        program, kind = self.expr(expr)
        _check_is(kind, expr.at, *names)
        self.note(kind)
        return program, kind

    def _unary(self, expr: Expr) -> tuple[list[Any], Kind]:
        [of] = expr.parts
        if expr.word == "!":
            return ["not", self._of(of, "bool")[0]], Kind("bool")
        program, kind = self._of(of, "int", "double")
        return ["neg", program], Kind(kind.name)

    def _binary(self, expr: Expr) -> tuple[list[Any], Kind]:
        left, right = expr.parts
        if expr.word in ("&&", "||"):
            name = "and" if expr.word == "&&" else "or"
            return [name, self._of(left, "bool")[0], self._of(right, "bool")[0]], Kind("bool")
        if expr.word == "in":
            return self._in(expr, left, right)
        if expr.word in _EQUALITY:
            return self._equality(expr, left, right)
        (one, kind), (two, other) = self._scalar(left), self._scalar(right)
        if expr.word in _ORDER:
            _check_comparable(kind, other, expr.at)
            if "bool" in (kind.name, other.name):
                raise ExpressionRefused("neither of true and false comes first", expr.at)
            return [_ORDER[expr.word], one, two], Kind("bool")
        able = {"+": ("int", "double", "string"), "%": ("int",)}.get(expr.word, ("int", "double"))
        if kind.name != other.name or kind.name not in able:
            hint = ""
            if {kind.name, other.name} == {"int", "double"}:
                hint = ": write 2.0 for 2, or double(…) around what is an integer"
            raise ExpressionRefused(f"{kind} {expr.word} {other} is not defined{hint}", expr.at)
        return [_ARITHMETIC[expr.word], one, two], Kind(kind.name)

    def _equality(self, expr: Expr, left: Expr, right: Expr) -> tuple[list[Any], Kind]:
        # Whether it is null can be asked of anything.
        of_null = any(part.kind == "literal" and part.word is None for part in (left, right))
        (one, kind), (two, other) = (self.expr(part) if of_null else self._scalar(part) for part in (left, right))
        if of_null:
            self.note(kind)
            self.note(other)
        elif "null" not in (kind.name, other.name):
            _check_comparable(kind, other, expr.at)
        return [_EQUALITY[expr.word], one, two], Kind("bool")

    def _in(self, expr: Expr, left: Expr, right: Expr) -> tuple[list[Any], Kind]:
        names = left.kind == "literal" and isinstance(left.word, str)
        if names and self._is_self(right):
            return self._there(Expr("select", left.at, left.word, (right,)))
        one, kind = self._scalar(left)
        # Once: such expressions lie in each other, and each look at this one would double the work for those in it.
        two, of = self.expr(right)
        if names and of.name == "object":
            self._member(of, Expr("select", left.at, left.word))
            return ["has", two, left.word], Kind("bool")
        _check_is(of, right.at, "list")
        self.note(of)
        if of.item is None or of.item.name not in _SCALARS:
            raise ExpressionRefused(f"nothing can be looked for in {of}", expr.at)
        _check_comparable(kind, of.item, expr.at)
        return ["in", of.item.read, one, two], Kind("bool")

    def _if(self, expr: Expr) -> tuple[list[Any], Kind]:
        test, then, other = expr.parts
        program, _ = self._of(test, "bool")
        (one, kind), (two, otherwise) = self.expr(then), self.expr(other)
        self.note(kind)
        self.note(otherwise)
        result = _common(kind, otherwise)
        if result is None:
            raise ExpressionRefused(
                f"one of {kind} and {otherwise} would come out: both have to be of one type", expr.at
            )
        if result.innermost.name == "object":
            # What is read of it further on would have come from either.
            raise ExpressionRefused("an object can't come out: name a member of it", expr.at)
        return ["if", program, one, two], replace(result, path=None)

    def _call(self, expr: Expr) -> tuple[list[Any], Kind]:
        if expr.word == "has":
            return self._has(expr)
        if expr.word not in _CALLS:
            raise ExpressionRefused(f"there is no function {expr.word!r} here", expr.at, nearest(expr.word, _CALLS))
        if len(expr.parts) != 1:
            raise ExpressionRefused(f"{expr.word} takes one value", expr.at)
        [of] = expr.parts
        if expr.word == "size":
            return self._size(of)
        able = {"string": _SCALARS, "int": ("int", "double", "string"), "double": ("int", "double", "string")}
        program, _ = self._of(of, *able[expr.word])
        name = {"string": "string", "int": "to_int", "double": "to_double"}[expr.word]
        return [name, program], Kind(expr.word)

    def _size(self, of: Expr) -> tuple[list[Any], Kind]:
        program, _ = self._of(of, "string", "list")
        return ["size", program], Kind("int")

    def _method(self, expr: Expr) -> tuple[list[Any], Kind]:
        of, *given = expr.parts
        name = expr.word
        if name in _MACROS:
            return self._macro(expr, of, given)
        count = {"join": (0, 1), "size": (0,), **dict.fromkeys(_OF_TEXT, (1,)), **dict.fromkeys(_OF_CASE, (0,))}
        if name not in count:
            raise ExpressionRefused(f"there is no function {name!r} here", expr.at, nearest(name, _METHODS))
        if len(given) not in count[name]:
            raise ExpressionRefused(f"{name} takes {count[name][-1]} value{'s' * (count[name][-1] != 1)}", expr.at)
        if name == "size":
            return self._size(of)
        if name in _OF_CASE:
            return [_OF_CASE[name], self._of(of, "string")[0]], Kind("string")
        if name in _OF_TEXT:
            return [_OF_TEXT[name], self._of(of, "string")[0], self._of(given[0], "string")[0]], Kind("bool")
        program, kind = self._of(of, "list")
        if kind.item is None or kind.item.name != "string":
            raise ExpressionRefused(f"texts can be joined, and this is {kind}", expr.at)
        separator = self._of(given[0], "string")[0] if given else ["text", ""]
        return ["join", program, separator], Kind("string")

    def _macro(self, expr: Expr, of: Expr, given: list[Expr]) -> tuple[list[Any], Kind]:
        if self._item is not None:
            raise ExpressionRefused(f"{expr.word} can't stand within another that goes over a list", expr.at)
        if len(given) != 2 or given[0].kind != "name":  # noqa: PLR2004 - a name and what is done with it
            raise ExpressionRefused(f"{expr.word} takes a name and an expression: list.{expr.word}(x, …)", expr.at)
        program, kind = self.expr(of)
        if kind.name != "list" or kind.item is None:
            raise ExpressionRefused(f"{expr.word} goes over a list, and this is {kind}", expr.at)
        self._item = (given[0].word, kind.item)
        if expr.word == "map":
            body, made = self._scalar(given[1])
            result = Kind("list", made)
        else:
            body, _ = self._of(given[1], "bool")
            result = kind if expr.word == "filter" else Kind("bool")
        self._item = None
        return [expr.word, program, body], result


def _common(one: Kind, other: Kind) -> Kind | None:
    """Return what either of two is; None: they are of two types."""
    if one.name == "null" or (str(one) == "list" and other.name == "list"):
        return other
    if other.name == "null" or (str(other) == "list" and one.name == "list"):
        return one
    return one if str(one) == str(other) else None


def _check_is(kind: Kind, at: int, *names: str) -> None:
    if kind.name not in names:
        raise ExpressionRefused(f"{_listed(names)} is needed here, and this is {kind}", at)


def _check_comparable(kind: Kind, other: Kind, at: int) -> None:
    if kind.name != other.name and {kind.name, other.name} != {"int", "double"}:
        raise ExpressionRefused(f"{kind} and {other} can't be compared", at)


def _check_size(program: list[Any]) -> None:
    """Refuse what data planes would: level by level, since there may be many."""
    level, parts, depth = [program], 0, 0
    while level:
        parts, depth = parts + len(level), depth + 1
        if parts > _MOST_PARTS or depth > DEEPEST_TREE:
            raise ExpressionRefused(f"an expression has at most {_MOST_PARTS} parts, {DEEPEST_TREE} in each other", 0)
        level = [part for one in level for part in one if isinstance(part, list)]


def _listed(names: Any) -> str:
    return " or ".join(sorted(names))
