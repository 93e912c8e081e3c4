"""Two JSON schemas of one value, compared: each difference by the rule that it falls under."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any

from portazgo.contracts.differences.forms import (
    FREE,
    TYPES,
    Components,
    Form,
    JsonSchema,
    allowed_values,
    forms,
    others,
    properties,
    required,
    type_of,
)
from portazgo.contracts.differences.rules import Side
from portazgo.contracts.language.paths import ANY, Path, format_path

Report = Callable[[str, str, str], None]
"""Takes the rule's name, the path in the partner's names, and what changed."""

_VALUES_SHOWN = 8
_TEXT_SHOWN = 80


@dataclass(slots=True)
class Comparison:
    """Compares schemas of values that travel one way."""

    side: Side
    old: Components
    new: Components
    report: Report
    _seen: set[tuple[str | int, str | int]] = field(default_factory=set)
    """Pairs that are compared already: recursive schemas have an end, and what two components differ in is told once."""

    def compare(self, old: JsonSchema, new: JsonSchema, path: Path = ()) -> None:
        """Report every difference of the two, and of what lies below."""
        if self._was_compared(old, new):
            return
        before, after = forms(old, self.old), forms(new, self.new)
        self._types(before, after, path)
        self._default(old, new, path)
        for kind in TYPES:
            if kind == "integer" and before.get("number") and after.get("number"):
                continue
            if kind in before and kind in after:
                self._forms(kind, before[kind], after[kind], path)

    def _was_compared(self, old: JsonSchema, new: JsonSchema) -> bool:
        pair = (_identity(old), _identity(new))
        if pair in self._seen:
            return True
        self._seen.add(pair)
        return False

    def _types(self, before: Mapping[str, list[Form]], after: Mapping[str, list[Form]], path: Path) -> None:
        gone, come = (
            [k for k in TYPES if k in before and k not in after],
            [k for k in TYPES if k in after and k not in before],
        )
        for turn, kinds in (("narrowed", gone), ("widened", come)):
            if "null" in kinds:
                self._turned("null", turn, path, "null no longer fits" if turn == "narrowed" else "null fits")
        gone, come = [k for k in gone if k != "null"], [k for k in come if k != "null"]
        said = f"{_kinds(before)} became {_kinds(after)}"
        if gone:
            self._turned("type", "narrowed", path, said)
        if come:
            self._turned("type", "widened", path, said)

    def _default(self, old: JsonSchema, new: JsonSchema, path: Path) -> None:
        # A default that comes with the member is told by the member; here it was there, or is, without it.
        before, after = old.get("default", _NONE), new.get("default", _NONE)
        if not _same(before, after):
            self._tell(f"{self.side}-default-changed", path, f"the default was {_value(before)} and is {_value(after)}")

    def _forms(self, kind: str, before: list[Form], after: list[Form], path: Path) -> None:
        if kind in {"null", "boolean"} or (len(before) == 1 and len(after) == 1):
            if kind != "null":
                self._form(kind, before[0], after[0], path)
            return
        if merged := _as_lists(before, after):
            self._form(kind, *merged, path)
            return
        self._variants(kind, before, after, path)

    def _variants(self, kind: str, before: list[Form], after: list[Form], path: Path) -> None:
        left = list(after)
        for form in before:
            match = next((other for other in left if other.key == form.key), None)
            if match is None:
                self._turned("variant", "narrowed", path, f"the {kind} {form.key or 'without a name'} is gone")
                continue
            left.remove(match)
            self._form(kind, form, match, path)
        for form in left:
            self._turned("variant", "widened", path, f"the {kind} {form.key or 'without a name'} is new")

    def _form(self, kind: str, before: Form, after: Form, path: Path) -> None:
        old, new = before.schema, after.schema
        self._list(kind, old, new, path)
        match kind:
            case "integer" | "number":
                self._bounds("range", _NUMBER, old, new, path)
                self._multiple(old, new, path)
            case "string":
                self._bounds("length", _LENGTH, old, new, path)
                self._said("pattern", old, new, path)
                self._said("format", old, new, path)
            case "array":
                self._bounds("count", _ITEMS, old, new, path)
                self._flag("count", "uniqueItems", old, new, path)
                self.compare(old.get("items", FREE), new.get("items", FREE), path)
            case "object":
                self._bounds("count", _MEMBERS, old, new, path)
                self._members(old, new, path)

    def _list(self, kind: str, old: JsonSchema, new: JsonSchema, path: Path) -> None:
        before, after = _values_of(kind, old), _values_of(kind, new)
        if before is None and after is None:
            return
        if before is None:
            self._turned("enum", "narrowed", path, f"only {_values(after or [])} fit")
        elif after is None:
            self._turned("enum", "widened", path, "any value fits, where there was a list")
        else:
            if gone := [value for value in before if not _among(value, after)]:
                self._turned("enum", "narrowed", path, f"{_values(gone)} no longer fit")
            if come := [value for value in after if not _among(value, before)]:
                self._turned("enum", "widened", path, f"{_values(come)} fit now")

    def _bounds(self, subject: str, words: _Bounds, old: JsonSchema, new: JsonSchema, path: Path) -> None:
        turns = {
            _turn(words.lowest(old), words.lowest(new)),
            _turn(_negated(words.highest(old)), _negated(words.highest(new))),
        }
        said = f"{words.said(old)} became {words.said(new)}"
        for turn in sorted(turns - {""}):
            self._turned(subject, turn, path, said)

    def _multiple(self, old: JsonSchema, new: JsonSchema, path: Path) -> None:
        before, after = old.get("multipleOf"), new.get("multipleOf")
        if before == after:
            return
        said = f"multiples of {_shown(before or 'nothing')} became multiples of {_shown(after or 'nothing')}"
        for turn, one, two in (("narrowed", after, before), ("widened", before, after)):
            # Whatever is a multiple of two is one of one: nothing is lost in this direction.
            if one is not None and (two is None or (Fraction(str(two)) % Fraction(str(one))) != 0):
                self._turned("range", turn, path, said)

    def _said(self, word: str, old: JsonSchema, new: JsonSchema, path: Path) -> None:
        before, after = old.get(word), new.get(word)
        if before == after:
            return
        said = f"the {word} {_shown(before)} became {_shown(after)}"
        # Of two patterns nobody can say here which one takes more: both ways are told.
        if after is not None:
            self._turned(word, "narrowed", path, said)
        if before is not None:
            self._turned(word, "widened", path, said)

    def _flag(self, subject: str, word: str, old: JsonSchema, new: JsonSchema, path: Path) -> None:
        before, after = bool(old.get(word)), bool(new.get(word))
        if before != after:
            turn = "narrowed" if after else "widened"
            self._turned(subject, turn, path, f"items {'must differ' if after else 'may repeat'}")

    def _members(self, old: JsonSchema, new: JsonSchema, path: Path) -> None:
        before, after = properties(old), properties(new)
        for name in before:
            if name not in after:
                self._tell(f"{self.side}-field-removed", (*path, name), "the member is gone")
        for name, schema in after.items():
            if name not in before:
                self._come(name, new, path)
            else:
                self._need(name, name in required(old), name in required(new), path)
                self.compare(before[name], schema, (*path, name))
        self._others(old, new, path)

    def _come(self, name: str, schema: JsonSchema, path: Path) -> None:
        needed = self.side is Side.REQUEST and name in required(schema)
        rule = f"{self.side}-field-added" + ("-required" if needed else "")
        self._tell(rule, (*path, name), "the member is new" + (" and must be sent" if needed else ""))

    def _need(self, name: str, before: bool, after: bool, path: Path) -> None:  # noqa: FBT001 - was and is required
        if before != after:
            turn = "required" if after else "optional"
            self._tell(f"{self.side}-field-became-{turn}", (*path, name), f"the member is {turn} now")

    def _others(self, old: JsonSchema, new: JsonSchema, path: Path) -> None:
        before, after = others(old), others(new)
        if before is None and after is not None:
            self._turned("members", "widened", path, "members without a name in the contract fit")
        elif before is not None and after is None:
            self._turned("members", "narrowed", path, "members without a name in the contract no longer fit")
        elif before is not None and after is not None:
            self.compare(before, after, (*path, ANY))

    def _tell(self, rule: str, path: Path, detail: str) -> None:
        self.report(rule, format_path(path) if path else "", detail)

    def _turned(self, subject: str, turn: str, path: Path, said: str) -> None:
        self._tell(f"{self.side}-{subject}-{turn}", path, said)


def _identity(schema: JsonSchema) -> str | int:
    """What a schema is known by while two versions are compared: both live on, so that no other gets its id."""
    if schema.keys() == {"$ref"}:
        return str(schema["$ref"])
    return id(schema) if schema else "free"


class _None:
    """There is no value."""


_NONE = _None()


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The words for the least and the most of something; the exclusive ones are of numbers only."""

    what: str
    least: str
    most: str
    above: str = ""
    below: str = ""

    def lowest(self, schema: JsonSchema) -> tuple[Fraction, bool] | None:
        """The least that fits, and whether it lies above the bound itself."""
        return max(
            ((bound, word == self.above) for word, bound in _exact(schema, self.least, self.above)), default=None
        )

    def highest(self, schema: JsonSchema) -> tuple[Fraction, bool] | None:
        """The most that fits, likewise."""
        found = [(bound, word != self.below) for word, bound in _exact(schema, self.most, self.below)]
        if not found:
            return None
        bound, inclusive = min(found)
        return bound, not inclusive

    def said(self, schema: JsonSchema) -> str:
        """The bounds for a person."""
        words = {self.least: "≥", self.most: "≤", self.above: ">", self.below: "<"}
        bounds = [f"{sign} {_value(schema[word])}" for word, sign in words.items() if word in schema]
        return f"{self.what} {' and '.join(bounds)}" if bounds else f"any {self.what}"


_NUMBER = _Bounds("number", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_LENGTH = _Bounds("length", "minLength", "maxLength")
_ITEMS = _Bounds("number of items", "minItems", "maxItems")
_MEMBERS = _Bounds("number of members", "minProperties", "maxProperties")


def _exact(schema: JsonSchema, *words: str) -> Iterator[tuple[str, Fraction]]:
    """The bounds as exact numbers; an infinite one is none."""
    for word in words:
        if word in schema and (isinstance(schema[word], int) or isfinite(schema[word])):
            yield word, Fraction(str(schema[word]))


def _turn(before: tuple[Fraction, bool] | None, after: tuple[Fraction, bool] | None) -> str:
    """What a lower bound did; an upper one is a lower one of the negated numbers."""
    if before == after:
        return ""
    if before is None:
        return "narrowed"
    if after is None:
        return "widened"
    return "narrowed" if after > before else "widened"


def _negated(bound: tuple[Fraction, bool] | None) -> tuple[Fraction, bool] | None:
    return None if bound is None else (-bound[0], bound[1])


def _as_lists(before: list[Form], after: list[Form]) -> tuple[Form, Form] | None:
    """Join variants that are lists of scalar values, as a nullable or blank enumeration is written by drf-spectacular."""
    joined = []
    for several in (before, after):
        values = [allowed_values(form.schema) for form in several]
        if not all(value is not None for value in values):
            return None
        joined.append(Form({"enum": [value for some in values for value in some or ()]}, ""))
    return joined[0], joined[1]


def _values_of(kind: str, schema: JsonSchema) -> list[Any] | None:
    values = allowed_values(schema)
    if values is None:
        return None
    fitting = {"integer", "number"} if kind == "number" else {kind}
    return [value for value in values if type_of(value) in fitting]


def _among(value: object, values: list[Any]) -> bool:
    return any(_same(value, other) for other in values)


def _same(one: object, two: object) -> bool:
    # True is 1 for Python and not for JSON.
    return one == two and isinstance(one, bool) == isinstance(two, bool)


def _kinds(kinds: Mapping[str, list[Form]]) -> str:
    shown = [kind for kind in TYPES if kind in kinds and not (kind == "integer" and "number" in kinds)]
    return " or ".join(shown) or "no value"


def _values(values: list[Any]) -> str:
    shown = ", ".join(_value(value) for value in values[:_VALUES_SHOWN])
    more = len(values) - _VALUES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _value(value: object) -> str:
    return "none" if isinstance(value, _None) else _shown(json.dumps(value, ensure_ascii=False))


def _shown(text: object) -> str:
    if text is None:
        return "none"
    said = str(text)
    return said if len(said) <= _TEXT_SHOWN else said[: _TEXT_SHOWN - 1] + "…"
