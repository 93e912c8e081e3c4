"""A row of the lake as the record that it was, and a filter as conditions on the lake's columns."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from portazgo.faults.catalogue import by_code
from portazgo.lake.columns import COLUMNS, Kind
from portazgo.lake.differences import DIFFERENCES, members_of
from portazgo.traces.domain import Filter, OneOf, Record
from portazgo.traces.search.question import Condition

_COLUMN_OF = {"status": "status_sent"}
# Members of older records that the lake may not have, and what is told of them then.
_ABSENT: dict[str, Any] = {"client_address": None, "client_port": None, "user_agent": None}


def record_of(row: Sequence[Any]) -> Record:
    """Make a record of a row, whose values are in the order of the lake's columns."""
    values = {column.name: value for column, value in zip(COLUMNS, row, strict=True)}
    record: dict[str, Any] = dict(_ABSENT)
    for column in COLUMNS:
        if column.name not in DIFFERENCES:
            value = values[column.name]
            record[column.member] = (
                base64.b64decode(value) if column.kind is Kind.BYTES and value is not None else value
            )
    # The lake doesn't repeat a kid that was proven.
    record["claimed_kid"] = record["claimed_kid"] or record["kid"]
    return {**record, **members_of(values)}


def conditions(wanted: Filter) -> list[Condition]:
    """Say what rows must agree with."""
    return list(_conditions(wanted))


def _conditions(wanted: Filter) -> Iterator[Condition]:
    for name in ("partner", "application", "route", "fault", "secret_tag"):
        value: OneOf | None = getattr(wanted, name)
        if isinstance(value, tuple):
            yield Condition(name, "in", [one or None for one in value])
        elif value is not None:
            yield Condition(name, "is", value or None)
    for name in ("kid", "environment", "trace_id", "client_request_id", "billable", "status"):
        value = getattr(wanted, name)
        if value is not None:
            yield Condition(_COLUMN_OF.get(name, name), "is", None if value == "" else value)
    if wanted.slower_than_ms is not None:
        yield Condition("duration_us", "over", wanted.slower_than_ms * 1000)
    if wanted.blame is not None:
        faults = [fault.code for fault in by_code().values() if fault.blame == wanted.blame]
        yield Condition("fault", "in", faults if wanted.blame else [None])
