"""What a list of records may be narrowed by, and how a record is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from portazgo.faults.catalogue import by_code

Record = Mapping[str, Any]


OneOf = str | tuple[str, ...]
"""A value, or several of which one must be it; "" agrees with what has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Every member that is not None must agree; "" agrees with what has none."""

    partner: OneOf | None = None
    application: OneOf | None = None
    kid: str | None = None
    route: OneOf | None = None
    environment: str | None = None
    fault: OneOf | None = None
    blame: str | None = None
    billable: bool | None = None
    trace_id: str | None = None
    client_request_id: str | None = None
    secret_tag: OneOf | None = None
    status: int | None = None
    slower_than_ms: int | None = None

    def admits(self, record: Record) -> bool:
        """Tell whether a record agrees."""
        for entry in fields(self):
            wanted = getattr(self, entry.name)
            if wanted is not None and not _agrees(entry.name, wanted, record):
                return False
        return True


def _agrees(name: str, wanted: Any, record: Record) -> bool:
    match name:
        case "status":
            return bool(record["status_sent"] == wanted)
        case "blame":
            return bool(wanted == (by_code()[record["fault"]].blame if record["fault"] is not None else ""))
        case "slower_than_ms":
            return duration_us(record) > int(wanted) * 1000
        case _:
            value = "" if record[name] is None else record[name]
            return any(value == one for one in (wanted if isinstance(wanted, tuple) else (wanted,)))


def duration_us(record: Record) -> int:
    """How long the call took, microseconds."""
    return max(0, int(record["finished_at_us"]) - int(record["started_at_us"]))


def place(record: Record) -> tuple[int, str]:
    """Where a record stands among all, in time."""
    return int(record["started_at_us"]), str(record["request_id"])


def sentence(record: Record) -> str:
    """Say in one sentence what became of the call."""
    if record["fault"] is not None:
        return by_code()[record["fault"]].operator
    if record["delivery"] == "complete":
        return f"Answered {record['status_sent']} in {duration_us(record) / 1000:.1f} ms."
    return f"Answered {record['status_sent']}; delivery {record['delivery']}."
