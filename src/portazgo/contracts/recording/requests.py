"""Takes the values out of a request that a version of a contract let pass; what is left, it lets pass as well.

Names are the partner's, as the version's program of requests has them. It also says which values may stand in a place, so a
value is replaced by one that keeps the same rules: of the same form where that will do, else one that the rules lead to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, localcontext
from functools import lru_cache
from typing import Any, Protocol

from portazgo.contracts.recording.forms import (
    DEPTH_AT_MOST,
    ITEMS_AT_MOST,
    LONGEST_SCALAR,
    LONGEST_TEXT,
    VALUES_AT_MOST,
    NotRecorded,
    Number,
    as_number,
    is_marked,
    number_form,
    read_document,
    text_form,
    word,
    write_document,
)

NO_VALUES = b"{}"
_CHECKS_AT_MOST = 400
"""So often values of one request are held against rules: some take a millisecond to be compiled."""
_TIMES_AT_MOST = 4
_ITEMS_EVER = 200
_MOST_DIGITS = 40
_SAMPLES = {
    "time": "00:00:00Z",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "email": "somebody@example.com",
    "uri": "https://example.com/",
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_ALPHABETS = (("A", "a", "1"), ("X", "x", "7"), ("F", "f", "0"), ("B", "b", "2"))
"""What stands for a large letter, a small one and a digit, where a pattern is to be kept."""
_LITERAL = re.compile(r"[A-Za-z0-9_]+")
_CLASSES, _SYNTAX = re.compile(r"\[(?:\\.|[^\]\\])*\]"), re.compile(r"\\.|\(\?[a-zA-Z:=!<]*|\{[0-9,]*\}")


class Engine(Protocol):
    """What runs programs (docs/programs.md): the data plane's own code."""

    def rewrite(self, program: bytes, root: int, body: bytes, values: bytes, /) -> bytes:
        """Rewrite a request. Raises ValueError: it is refused."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a version's program says of the JSON bodies of a route, without what it fills in of callers."""

    root: int
    program: Mapping[str, Any]

    def written(self) -> dict[str, Any]:
        """Give the form that crosses the wire (docs/wire.md, section 3)."""
        return {"root": self.root, "program": dict(self.program)}


def read_rules(told: Mapping[str, Any]) -> Rules:
    """Read what `written` gave. Raises KeyError or TypeError for anything else; the engine checks the program."""
    rules = Rules(told["root"], told["program"])
    if type(rules.root) is not int or not isinstance(rules.program, Mapping):
        raise TypeError("these are no rules")
    return rules


def rules_of(request: Mapping[str, Any]) -> Rules | None:
    """Find them in the `request` of a ROUTE (docs/programs.md). None: it takes no JSON."""
    body = request.get("body")
    if body is None or body["kind"] != "json":
        return None
    return Rules(body["root"], without_callers(request["program"]))


def without_callers(program: Mapping[str, Any]) -> dict[str, Any]:
    """Give the program with a text in place of what it fills in of the caller, or by chance: `{partner.id}`, `{uuid}`.

    So it needs no caller, and makes the same of a request each time.
    """
    return {**program, "nodes": [_without_callers(node) for node in program["nodes"]]}


def _without_callers(node: Mapping[str, Any]) -> dict[str, Any]:
    told = node.get("object")
    if not isinstance(told, Mapping):
        return dict(node)
    made = dict(told)
    if "fill" in told:
        made["fill"] = [_constant(one) for one in told["fill"]]
    if "template" in told:
        made["template"] = _constant(told["template"])
    return {**node, "object": made}


def _constant(part: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(part)
    value = part.get("value")
    if isinstance(value, Mapping) and "template" in value:
        made["value"] = {"const": value["template"]}
    elif isinstance(value, Mapping) and "generate" in value:
        made["value"] = {"const": "{" + value["generate"] + "}"}
    if "members" in part:
        made["members"] = [_constant(one) for one in part["members"]]
    return made


def redact_request(rules: Rules, body: bytes, engine: Engine) -> str:
    """Give a request as JSON without its values; once more gives the same.

    Raises NotRecorded: the rules refuse it, or nothing was found that keeps them in its place.
    """
    redaction = _Redaction(rules, engine, json.dumps(rules.program).encode())
    if not redaction.passes(body):
        raise NotRecorded
    text = redaction.once(body)
    for _ in range(_TIMES_AT_MOST):
        again = redaction.once(text.encode())
        if again == text:
            break
        text = again
    else:
        raise NotRecorded
    if not redaction.passes(text.encode()):
        raise NotRecorded
    return text


Place = frozenset[int]
"""Nodes that a value may stand by: of a choice, all of them. Empty: nothing is said of the value."""


@dataclass(slots=True)
class _Redaction:
    rules: Rules
    engine: Engine
    program: bytes
    left: int = VALUES_AT_MOST
    kept: dict[tuple[str, int, str], bool] = field(default_factory=dict)
    """By kind, rule and value: what is known of rules that were looked at."""
    nodes: list[Mapping[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = self.rules.program["nodes"]

    def passes(self, body: bytes) -> bool:
        return self._passes(self.program, self.rules.root, body)

    def _passes(self, program: bytes, root: int, body: bytes) -> bool:
        try:
            self.engine.rewrite(program, root, body, NO_VALUES)
        except ValueError:
            return False
        return True

    def once(self, body: bytes) -> str:
        self.left = VALUES_AT_MOST
        return write_document(self._value(frozenset({self.rules.root}), read_document(body), frozenset(), 0))

    def _value(self, place: Place, value: Any, words: frozenset[str], depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth > DEPTH_AT_MOST:
            raise NotRecorded
        match value:
            case None:
                return None
            case dict():
                return self._object(place, value, depth)
            case list():
                return self._list(place, value, depth)
            case bool():
                return self._scalar(place, "boolean", word(value), words) == "true"
            case Number():
                return as_number(self._scalar(place, "number", str(value), words))
            case _:
                return json.loads(self._scalar(place, "string", word(value), words))

    def _object(self, place: Place, value: Mapping[str, Any], depth: int) -> dict[str, Any]:
        plain, told_by = self._plain(place)
        objects = [node["object"] for node in plain if "object" in node]
        made: dict[str, Any] = {}
        strangers = 0
        for name, inner in value.items():
            named, others = _member(objects, name)
            words = frozenset(told_by.get(name, ()))
            if (named or words) and not is_marked(name):  # else it would be taken for a number
                made[name] = self._value(named | others, inner, words, depth + 1)
            elif strangers < ITEMS_AT_MOST:
                strangers += 1
                made[f"*{strangers}"] = self._value(others, inner, frozenset(), depth + 1)
        return made

    def _list(self, place: Place, value: list[Any], depth: int) -> list[Any]:
        arrays = [node["array"] for node in self._plain(place)[0] if "array" in node]
        items = frozenset(array["items"] for array in arrays)
        least = max((array.get("min", 0) for array in arrays), default=0)
        made = [
            self._value(items, item, frozenset(), depth + 1)
            for item in value[: min(max(ITEMS_AT_MOST, least), _ITEMS_EVER)]
        ]
        if any(array.get("unique") for array in arrays):
            # What differed in values alone is the same now.
            made = list({word(item): item for item in made}.values())
        return made

    def _scalar(self, place: Place, kind: str, text: str, words: frozenset[str]) -> str:
        """Give the JSON of what stands in its place: it keeps what rules the value keeps, and no others."""
        if len(text) > LONGEST_SCALAR:
            raise NotRecorded
        plain, _ = self._plain(place)
        kinds = ("integer", "number") if kind == "number" else (kind,)
        checks = [(one, node[one]) for node in plain for one in kinds if one in node]
        told = [check for _, check in checks if isinstance(check, Mapping)]
        said = _of_kind(kind, words | {word(value) for check in told for value in _listed(check)})
        if text in said:
            return text
        # An integer may be spelt 1.0: only then its form could be none.
        if not any(told) and (kind != "number" or text.removeprefix("-").isdigit()):
            return _form(kind, text)
        whole = len(checks) == 1 and len(plain) == 1
        wanted = [whole or self._keeps(one, check, text) for one, check in checks]
        for candidate in _candidates(kind, text, told, said):
            if [self._keeps(one, check, candidate) for one, check in checks] == wanted:
                return candidate
        raise NotRecorded

    def _keeps(self, kind: str, check: Any, text: str) -> bool:
        if kind != "integer" and not isinstance(check, Mapping):
            return True
        known = self.kept.get((kind, id(check), text))
        if known is None:
            if len(self.kept) >= _CHECKS_AT_MOST:
                raise NotRecorded
            program = json.dumps({"nodes": [{kind: check}], "depth": 1}).encode()
            known = self.kept[kind, id(check), text] = self._passes(program, 0, text.encode())
        return known

    def _plain(self, place: Place) -> tuple[list[Mapping[str, Any]], dict[str, set[str]]]:
        """The nodes of a place, choices opened, and by name the values that tell variants apart."""
        plain: list[Mapping[str, Any]] = []
        told_by: dict[str, set[str]] = {}
        seen: set[int] = set()
        waiting = sorted(place)
        while waiting:
            number = waiting.pop(0)
            if number in seen:
                continue
            seen.add(number)
            node = self.nodes[number]
            choice = node.get("one_of")
            if choice is None:
                plain.append(node)
                continue
            for variant in choice["variants"]:
                waiting.append(variant["node"])
                if choice["discriminator"] is not None and variant["value"] is not None:
                    told_by.setdefault(choice["discriminator"], set()).add(word(variant["value"]))
        return plain, told_by


def _member(objects: Iterable[Mapping[str, Any]], name: str) -> tuple[Place, Place]:
    """Find what a member may be where it is named, and where it is one of others."""
    named: set[int] = set()
    others: set[int] = set()
    for told in objects:
        found = [member["node"] for member in told.get("members", ()) if member["in"] == name]
        named.update(found)
        if not found and isinstance(told.get("unknown"), int):
            others.add(told["unknown"])
    return frozenset(named), frozenset(others)


def _of_kind(kind: str, words: Iterable[str]) -> frozenset[str]:
    """Those of some words that are of the kind; none that would be taken for a number is."""
    match kind:
        case "string":
            return frozenset(one for one in words if one.startswith('"') and not is_marked(json.loads(one)))
        case "boolean":
            return frozenset(words) & {"true", "false"}
        case _:
            return frozenset(one for one in words if one[0] in "-0123456789")


def _listed(check: Mapping[str, Any]) -> Iterator[Any]:
    yield from check.get("enum", ())
    yield from (pair[0] for pair in check.get("map", ()))


def _form(kind: str, text: str) -> str:
    match kind:
        case "boolean":
            return "true"
        case "number":
            return number_form(text)
        case _:
            return word(text_form(json.loads(text)))


def _candidates(kind: str, text: str, checks: list[Mapping[str, Any]], said: frozenset[str]) -> Iterator[str]:
    """What may stand for a value, the one that says least of it first."""
    yield _form(kind, text)
    match kind:
        case "boolean":
            yield "false"
        case "number":
            yield from _numbers(checks, has_fraction="." in text)
        case _:
            yield from _texts(json.loads(text), checks)
    yield from sorted(said)


def _texts(text: str, checks: list[Mapping[str, Any]]) -> Iterator[str]:
    formats = [_SAMPLES[check["format"]] for check in checks if check.get("format") in _SAMPLES]
    yield from (word(sample) for sample in formats)
    for check in checks:
        yield from (
            word("x" * length)
            for length in (check.get("min_length"), check.get("max_length"))
            if length is not None and length <= LONGEST_SCALAR
        )
    patterns = [pattern for check in checks for pattern in _patterns(check)]
    if not patterns:
        return
    # A pattern that lists words is the operator's own, as a list of values is.
    literals = frozenset[str]().union(*(_literals(pattern) for pattern in patterns))
    if text in literals:
        yield word(text)
    if len(text) <= LONGEST_TEXT:
        yield from (word(_of_alphabet(text, alphabet, frozenset())) for alphabet in _ALPHABETS)
        yield from (word(_of_alphabet(text, alphabet, literals)) for alphabet in _ALPHABETS)


def _patterns(check: Mapping[str, Any]) -> list[str]:
    told = check.get("pattern", ())
    return [told] if isinstance(told, str) else list(told)


@lru_cache(maxsize=256)
def _literals(pattern: str) -> frozenset[str]:
    return frozenset(_LITERAL.findall(_SYNTAX.sub(" ", _CLASSES.sub(" ", pattern))))


def _of_alphabet(text: str, alphabet: tuple[str, str, str], literals: frozenset[str]) -> str:
    """Give a text with each letter and digit replaced by one of its kind; signs stay, and the first of each literal.

    A literal of one character stays at the beginning alone: elsewhere it would say too much of the text.
    """
    large, small, digit = alphabet
    made, place, left = [], 0, set(literals)
    while place < len(text):
        known = [one for one in left if text.startswith(one, place) and (len(one) > 1 or place == 0)]
        if known:
            longest = max(known, key=len)
            left.remove(longest)
            made.append(longest)
            place += len(longest)
            continue
        one = text[place]
        place += 1
        is_letter = one.isalpha() or not one.isascii()
        made.append(digit if one.isdigit() else large if one.isupper() else small if is_letter else one)
    return "".join(made)


def _numbers(checks: list[Mapping[str, Any]], *, has_fraction: bool) -> Iterator[str]:
    """Numbers at and beside the bounds, and multiples of what they must be multiples of."""
    bounds = [
        found
        for check in checks
        for name in ("min", "max", "above", "below")
        if (found := _decimal(check.get(name))) is not None
    ]
    steps = [found for check in checks if (found := _decimal(check.get("multiple_of"))) is not None and found > 0]
    fractions = [Decimal("0.1"), Decimal("0.01")] if has_fraction else []
    around = [Decimal(0), *bounds]
    made: dict[str, None] = {}
    with localcontext(prec=4 * _MOST_DIGITS):
        for step in (*fractions, *steps, Decimal(1)):
            for bound in around:
                nearest = bound // step * step
                for one in (nearest, nearest + step, nearest - step, bound + step, bound - step, bound):
                    made.setdefault(_lexeme(one))
    yield from (lexeme for lexeme in made if "." in lexeme or not has_fraction)
    if has_fraction:
        yield from (lexeme for lexeme in made if "." not in lexeme)


def _decimal(text: object) -> Decimal | None:
    if not isinstance(text, str):
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    # Beyond, it would be a page of digits.
    return found if found.is_finite() and (not found or abs(found.adjusted()) < _MOST_DIGITS) else None


def _lexeme(number: Decimal) -> str:
    text = format(number.normalize(), "f")
    return "0" if text == "-0" else text
