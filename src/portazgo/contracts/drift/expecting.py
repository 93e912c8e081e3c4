"""From a backend's schema to what is expected of an operation's answers."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from portazgo.contracts.differences.flat import FlatShape, json_shape
from portazgo.contracts.drift.expectation import Expectation, Row
from portazgo.contracts.drift.finding import Finding, findings
from portazgo.contracts.schema.shapes import FREE

if TYPE_CHECKING:
    from portazgo.contracts.schema.shapes import Schema, SchemaOperation, Shape

ROWS_AT_MOST = 4_000
"""What lies deeper in a larger schema counts as anything."""


def expectation_of(schema: Schema, operation: SchemaOperation) -> Expectation:
    """Flatten what the schema says of an operation's answers."""
    rows = _Rows(schema)
    answers: dict[str, int | None] = {}
    for status, body in operation.answers.items():
        shape = json_shape(body)
        if shape is None and body.contents:
            shape = FREE
        answers[status] = None if shape is None else rows.number(shape)
    return Expectation(rows.made(), answers)


def drift(schema: Schema, operation: SchemaOperation, status: str, document: Any) -> frozenset[Finding]:
    """Compare a JSON answer of this status, as it was parsed, with the schema."""
    return findings(expectation_of(schema, operation), int(status), document)


class _Rows:
    """Numbers shapes as they are met, so that one that holds itself is one row."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._numbers: dict[int, int] = {}
        self._rows: list[Row | None] = []
        self._waiting: deque[tuple[int, Shape]] = deque()
        self._components: dict[str, int] = {}

    def number(self, shape: Shape) -> int:
        # A plain reference is one row wherever it stands; the shapes themselves outlive this.
        plain = shape.ref if shape.ref is not None and not shape.types else None
        known = self._components.get(plain) if plain is not None else self._numbers.get(id(shape))
        if known is not None:
            return known
        number = len(self._rows)
        self._rows.append(None)
        if plain is not None:
            self._components[plain] = number
        else:
            self._numbers[id(shape)] = number
        self._waiting.append((number, shape if number < ROWS_AT_MOST else FREE))
        return number

    def made(self) -> tuple[Row, ...]:
        while self._waiting:
            number, shape = self._waiting.popleft()
            flat = FlatShape(shape, self._schema)
            self._rows[number] = Row(
                types=frozenset(flat.types),
                members={name: (self.number(member), flat.required[name]) for name, member in flat.members.items()},
                items=None if flat.items is None else self.number(flat.items),
                others=None if flat.others is None else self.number(flat.others),
                words=frozenset(json.dumps(value) for value in (flat.enum or ())),
            )
        return tuple(row for row in self._rows if row is not None)
