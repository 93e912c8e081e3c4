"""Reading lists of operators from the author's form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from portazgo.backends.claims import check_fill
from portazgo.contracts.language.operators import (
    GENERATED,
    MOMENTS,
    OTHERWISE,
    SCALAR,
    STYLES,
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
    Result,
    RewriteUrl,
    Select,
    Unknown,
    Unwrap,
    Value,
    Wrap,
)
from portazgo.contracts.language.paths import Path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.refused import nearest
from portazgo.routes.openapi.places import escape

Direction = Literal["request", "answer"]
OPERATORS_AT_MOST = 1000
VALUES_AT_MOST = 50_000
"""In all operators; those of a mapping count again wherever it is used. A long text counts for several."""
EXPRESSIONS_AT_MOST = 100_000
"""Characters of all expressions, counted likewise: each takes a thousand times what a character of a name takes."""
_CHARACTERS_OF_A_VALUE = 64
DEEPEST_OPERATOR = 64
"""Of constants, above all: whatever goes through them, here and in partners' programs, has an end somewhere."""
_AT_EACH_USE = "those of a mapping at each use of it"
_PAIR = 2
LONGEST_WORDS = 2000
_ONLY: Mapping[str, Direction] = {
    "const": "answer",
    "compute": "answer",
    "rewrite_url": "answer",
    "fill": "request",
    "unknown": "request",
}


class OperatorReader:
    """Reads operators. `mappings` are the contract's lists for re-use, which operators `use`."""

    def __init__(self, mappings: Mapping[str, Any], problems: Problems) -> None:
        self._mappings = mappings
        self._problems = problems
        self._using: list[str] = []
        self._operators = _Room(OPERATORS_AT_MOST, "operators", problems)
        self._values = _Room(VALUES_AT_MOST, f"values in its operators, {_AT_EACH_USE}", problems)
        self._expressions = _Room(EXPRESSIONS_AT_MOST, f"characters in its expressions, {_AT_EACH_USE}", problems)
        self._readers: dict[str, Callable[[Any, str, Path, Direction], Iterator[Operator]]] = {
            "select": self._select,
            "rename": self._rename,
            "move": self._move,
            "wrap": self._wrap,
            "unwrap": self._unwrap,
            "const": self._const,
            "compute": self._compute,
            "fill": self._fill,
            "default": self._default,
            "map_value": self._map_value,
            "coerce": self._coerce,
            "drop_null": self._drop_null,
            "case": self._case,
            "describe": self._describe,
            "rewrite_url": self._rewrite_url,
            "use": self._use,
            "unknown": self._unknown,
        }

    def read(self, value: object, pointer: str, direction: Direction, scope: Path = ()) -> list[Operator]:
        """Read a list of operators; what is wrong with it is noted and left out. Raises ContractRefused beyond the bounds."""
        if not isinstance(value, list):
            self._problems.add(pointer, "this must be a list of operators, such as [{select: [id, name]}]")
            return []
        operators: list[Operator] = []
        for index, item in enumerate(value):
            operators += self._operator(item, f"{pointer}/{index}", scope, direction)
        return operators

    def _operator(self, item: object, pointer: str, scope: Path, direction: Direction) -> list[Operator]:
        self._operators.take(1, pointer)
        size, depth = _measure(item)
        self._values.take(size, pointer)
        if depth > DEEPEST_OPERATOR:
            self._problems.add(pointer, f"an operator is at most {DEEPEST_OPERATOR} lists and mappings deep")
            return []
        members = self._problems.mapping(item, pointer)
        if len(members) != 1:
            if members or isinstance(item, Mapping):
                self._problems.add(pointer, f"an operator has one name, this has {len(members)}")
            return []
        [(name, value)] = members.items()
        place = f"{pointer}/{escape(name)}"
        if name not in self._readers:
            self._problems.unknown(place, "there is no operator", name, self._readers)
            return []
        if _ONLY.get(name, direction) != direction:
            where = "requests" if _ONLY[name] == "request" else "answers"
            self._problems.add(place, f"{name} is for {where}", "fill" if name == "const" else None)
            return []
        return list(self._readers[name](value, place, scope, direction))

    def _select(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for place, path in self._paths(value, at, scope):
            yield Select(place, path)

    def _rename(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for place, path, name in self._by_path(value, at, scope):
            if isinstance(name, str) and name:
                yield Rename(place, path, name)
            else:
                self._problems.add(place, "the new name is a text")

    def _move(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for place, path, target in self._by_path(value, at, scope):
            parsed = self._problems.path(target, place)
            if parsed is not None and self._is_target(parsed, place):
                yield Move(place, scope, path, parsed)

    def _wrap(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        members = self._problems.members(value, at, ("into", "fields"))
        into = self._problems.path(members.get("into"), _place(at, "into", members))
        fields = list(self._paths(members.get("fields", []), f"{at}/fields", scope))
        if not fields:
            self._problems.add(at, "wrap names the fields that it takes: {into: address, fields: [street, city]}")
        elif len({path[:-1] for _, path in fields}) > 1:
            self._problems.add(f"{at}/fields", "the fields of a wrap stand side by side in one object")
        elif into is not None and self._is_target(into, f"{at}/into"):
            yield Wrap(at, into, tuple(path for _, path in fields))

    def _unwrap(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for place, path in self._paths(value, at, scope):
            yield Unwrap(place, path)

    def _const(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for name, content in self._problems.mapping(value, at).items():
            place = f"{at}/{escape(name)}"
            target = self._problems.path(name, place)
            if target is not None and self._is_target(target, place):
                yield Const(place, scope, target, content)

    def _compute(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for name, content in self._problems.mapping(value, at).items():
            place = f"{at}/{escape(name)}"
            target = self._problems.path(name, place)
            members = self._problems.members(content, place, ("expr", "schema"))
            if not isinstance(content, Mapping):
                continue
            expr = members.get("expr")
            if not isinstance(expr, str) or not expr.strip():
                self._problems.add(
                    _place(place, "expr", members),
                    'compute has an expression and what it gives: {expr: "self.first + self.last", schema: {type: string}}',
                )
                continue
            self._expressions.take(len(expr), place)
            if target is not None and self._is_target(target, place):
                result = read_result(members.get("schema"), _place(place, "schema", members), self._problems)
                if result is not None:
                    yield Compute(place, scope, target, expr, result)

    def _fill(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for place, path, content in self._by_path(value, at, scope):
            filled = read_value(content, place, self._problems)
            if filled is not None:
                yield Fill(place, path, filled)

    def _default(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for place, path, content in self._by_path(value, at, scope):
            yield Default(place, path, content)

    def _map_value(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for place, path, content in self._by_path(value, at, scope):
            yield from self.mapped(content, place, path)

    def mapped(self, content: object, at: str, path: Path) -> Iterator[MapValue]:
        """Read what a map of values says of one place."""
        members = self._problems.members(content, at, ("values", "otherwise"))
        otherwise = "fail"
        if "otherwise" in members:
            otherwise = self._problems.word(members["otherwise"], f"{at}/otherwise", OTHERWISE) or "fail"
        values = members.get("values")
        if isinstance(values, Mapping) and values:
            named = self._problems.mapping(values, f"{at}/values")
            yield MapValue(at, path, tuple(named.items()), otherwise, by_text=True)  # type: ignore[arg-type]
        elif (
            isinstance(values, list)
            and values
            and all(isinstance(pair, list) and len(pair) == _PAIR for pair in values)
        ):
            pairs = tuple((backend, partner) for backend, partner in values)
            yield MapValue(at, path, pairs, otherwise, by_text=False)  # type: ignore[arg-type]
        elif isinstance(content, Mapping):
            self._problems.add(at, "map_value has values: {backend's value: partner's value}")

    def _coerce(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for place, path, content in self._by_path(value, at, scope):
            yield from self.coerced(content, place, path)

    def coerced(self, content: object, at: str, path: Path) -> Iterator[Coerce | CoerceMoment]:
        """Read which type or form one place is to have for the partner."""
        if isinstance(content, Mapping):
            members = self._problems.members(content, at, ("from", "to"))
            lacking = [name for name in ("from", "to") if name not in members]
            if lacking:
                told = "a date is coerced from the backend's form to the partner's: {from: date-time, to: unix}"
                self._problems.add(at, f"{' and '.join(lacking)} is missing: {told}")
                return
            backend = self._problems.word(members["from"], f"{at}/from", MOMENTS)
            partner = self._problems.word(members["to"], f"{at}/to", MOMENTS)
            if backend and partner:
                yield CoerceMoment(at, path, backend, partner)
        else:
            to = self._problems.word(content, at, SCALAR)
            if to:
                yield Coerce(at, path, to)

    def _drop_null(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        if value is True and not scope:
            yield DropNull(at, None)
        elif value is True:
            self._problems.add(
                at, "drop_null: true is for a whole body: name the paths in a mapping that is used below"
            )
        else:
            for place, path in self._paths(value, at, scope):
                yield DropNull(place, path)

    def _describe(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        for place, path, content in self._by_path(value, at, scope):
            text = read_words(content, place, self._problems)
            if text is not None:
                yield Describe(place, path, text)

    def _case(self, value: Any, at: str, _scope: Path, _: Direction) -> Iterator[Operator]:
        style = self._problems.word(value, at, STYLES)
        if style is not None:
            yield Case(at, style)

    def _rewrite_url(self, value: Any, at: str, scope: Path, _: Direction) -> Iterator[Operator]:
        if isinstance(value, Mapping):
            for place, path, word in self._by_path(value, at, scope):
                otherwise = self._problems.word(word, place, ("null", "omit", "fail"))
                if otherwise:
                    yield RewriteUrl(place, path, otherwise)
        else:
            for place, path in self._paths(value, at, scope):
                yield RewriteUrl(place, path, None)

    def _unknown(self, value: Any, at: str, _scope: Path, _: Direction) -> Iterator[Operator]:
        policy = self._problems.word(value, at, ("refuse", "drop"))
        if policy is not None:
            yield Unknown(at, policy)

    def _use(self, value: Any, at: str, scope: Path, direction: Direction) -> Iterator[Operator]:
        name, below = value, scope
        if isinstance(value, Mapping):
            members = self._problems.members(value, at, ("mapping", "at"))
            name = members.get("mapping")
            if "at" in members:
                path = self._problems.path(members["at"], f"{at}/at")
                if path is None:
                    return
                below = scope + path
        if not isinstance(name, str) or name not in self._mappings:
            near = nearest(name, self._mappings) if isinstance(name, str) else None
            self._problems.add(at, f"there is no mapping {name!r}", near)
        elif name in self._using:
            circle = " → ".join([*self._using[self._using.index(name) :], name])
            self._problems.add(at, f"the mapping uses itself: {circle}")
        else:
            self._using.append(name)
            yield from self.read(self._mappings[name], f"/mappings/{escape(name)}", direction, below)
            self._using.pop()

    def _paths(self, value: object, at: str, scope: Path) -> Iterator[tuple[str, Path]]:
        for place, text in self._problems.texts(value, at):
            path = self._problems.path(text, place)
            if path is not None:
                yield place, scope + path

    def _by_path(self, value: object, at: str, scope: Path) -> Iterator[tuple[str, Path, Any]]:
        for text, content in self._problems.mapping(value, at).items():
            place = f"{at}/{escape(text)}"
            path = self._problems.path(text, place)
            if path is not None:
                yield place, scope + path, content

    def _is_target(self, target: Path, at: str) -> bool:
        if target and not {"*", "**"} & set(target):
            return True
        self._problems.add(at, "a target is made of names, and `*` is none")
        return False


class _Room:
    """How much a contract may still say."""

    def __init__(self, most: int, what: str, problems: Problems) -> None:
        self._most = self._left = most
        self._what = what
        self._problems = problems

    def take(self, size: int, at: str) -> None:
        """Take some of it. Raises ContractRefused where it is not there: to go on would cost what the bound is to save."""
        self._left -= size
        if self._left < 0:
            self._problems.add(at, f"a contract has at most {self._most} {self._what}")
            self._problems.check()


def _measure(value: object) -> tuple[int, int]:
    """Count the values, lists and names in a value, and how deep they lie; of one that is too large only what shows it."""
    level, size, depth = [value], 0, 0
    while level and size <= VALUES_AT_MOST:
        inside: list[object] = []
        for one in level:
            size += 1
            if isinstance(one, Mapping):
                inside += [*one, *one.values()]
            elif isinstance(one, list):
                inside += one
            elif isinstance(one, str):
                size += len(one) // _CHARACTERS_OF_A_VALUE
        level, depth = inside, depth + 1
    return size, depth


def read_words(content: object, at: str, problems: Problems) -> str | None:
    """Read what the author says to partners."""
    if isinstance(content, str) and content.strip() and len(content) <= LONGEST_WORDS:
        return content.strip()
    problems.add(at, f"this must be a text for partners, of at most {LONGEST_WORDS} characters")
    return None


def _place(at: str, name: str, members: Mapping[str, Any]) -> str:
    """Point at a member, or where it is missing."""
    return f"{at}/{name}" if name in members else at


def read_result(content: object, at: str, problems: Problems) -> Result | None:
    """Read the schema of a computed member: a type, `[type, "null"]`, or `array` with `items` of a type."""
    if content is None:
        problems.add(at, "a computed member declares what it is: schema: {type: string}")
        return None
    members = problems.members(content, at, ("type", "items", "description"))
    described = members.get("description")
    words = None if described is None else read_words(described, f"{at}/description", problems)
    kinds = members.get("type")
    listed = list(kinds) if isinstance(kinds, list) else [kinds]
    null = "null" in listed
    named = [kind for kind in listed if kind != "null"]
    if len(named) != 1 or "type" not in members:
        problems.add(_place(at, "type", members), 'type is one type, or one and "null"')
        return None
    kind = problems.word(named[0], f"{at}/type", (*SCALAR, "array"))
    if kind is None:
        return None
    if kind != "array":
        if "items" in members:
            problems.add(f"{at}/items", "items stand beside type: array")
        return Result(kind, null=null, description=words)
    place = _place(at, "items", members)
    item = problems.word(problems.members(members.get("items", {}), place, ("type",)).get("type"), place, SCALAR)
    return None if item is None else Result(item, is_list=True, null=null, description=words)


def read_value(content: Any, at: str, problems: Problems) -> Value | None:
    """Read what fills a member: a text with templates, `{const: …}` or `{generate: uuid}`."""
    if isinstance(content, str):
        try:
            check_fill(content)
        except ValueError as problem:
            problems.add(at, f"the template can't be read: {problem}")
            return None
        return Value("template", content)
    if isinstance(content, Mapping) and set(content) == {"const"}:
        return Value("const", content["const"])
    if isinstance(content, Mapping) and set(content) == {"generate"}:
        word = problems.word(content["generate"], f"{at}/generate", GENERATED)
        return Value("generate", word) if word else None
    problems.add(at, 'this must be a text such as "{partner.metadata.tenant}", {const: …} or {generate: uuid}')
    return None
