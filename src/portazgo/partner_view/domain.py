"""What of a record or a sum a partner may see: two lists of what is shown. What is not named here does not exist. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from portazgo.faults.catalogue import by_code

Document = Mapping[str, Any]

SHOWN_OF_A_CALL = (
    "request_id",
    "trace_id",
    "client_request_id",
    "started_at",
    "duration_ms",
    "application",
    "application_name",
    "environment",
    "kid",
    "secret_slot",
    "route",
    "route_name",
    "method",
    "delivery",
    "retryable",
    "billable",
    "billable_reason",
    "units",
    "bytes_in",
    "bytes_out",
)
SHOWN_OF_A_SUM = (
    "period",
    "since",
    "until",
    "application",
    "application_name",
    "environment",
    "kid",
    "route",
    "route_name",
    "billable",
    "code",
    "requests",
    "units",
    "bytes_in",
    "bytes_out",
    "duration_us_sum",
)
SUMMED = ("requests", "units", "bytes_in", "bytes_out", "duration_us_sum")
_THEIR_MOVE = frozenset({"partner", "partner_network", "policy"})
NOT_TOLD_APART = "key_invalid"
"""Why a key is not valid is for the operator."""


def call_for_partner(told: Document) -> dict[str, Any]:
    """Make a partner's view of a call that was told for operators (traces/service.py)."""
    return {name: told[name] for name in SHOWN_OF_A_CALL} | {"status": told["status_sent"]} | _outcome(told)


def _outcome(told: Document) -> dict[str, Any]:
    """Say what went wrong as the answer did: a public code, the sentence for partners, and what is theirs to do."""
    if told["fault"] is None:
        return {"code": None, "blame": None, "sentence": _went_well(told), "next_step": None}
    fault = by_code()[told["fault"]]
    theirs = fault.blame in _THEIR_MOVE and fault.public_code != NOT_TOLD_APART
    return {
        "code": fault.public_code,
        "blame": _told_blame(fault.code),
        "sentence": fault.partner,
        "next_step": fault.next_step if theirs else None,
    }


def _went_well(told: Document) -> str:
    if told["delivery"] == "complete":
        return f"Answered {told['status_sent']} in {told['duration_ms']:.1f} ms."
    return f"Answered {told['status_sent']}; delivery {told['delivery']}."


def sums_for_partner(rows: Iterable[Document]) -> list[dict[str, Any]]:
    """Make a partner's view of sums: faults that have one public code are one."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        shown = {name: value for name, value in _with_code(row).items() if name in SHOWN_OF_A_SUM}
        key = tuple(value for name, value in shown.items() if name not in SUMMED)
        there = merged.setdefault(key, {**shown, **dict.fromkeys(SUMMED, 0)})
        for name in SUMMED:
            there[name] += shown[name]
    return list(merged.values())


def _with_code(row: Document) -> dict[str, Any]:
    if "fault" not in row:
        return dict(row)
    known = by_code().get(row["fault"])
    return {**row, "code": "" if known is None else known.public_code}


def faults_of(code: str) -> tuple[str, ...]:
    """List the faults of a public code; "" is what went well. Nothing has a code that there isn't."""
    if not code:
        return ("",)
    return tuple(fault.code for fault in by_code().values() if fault.public_code == code)


def faults_of_blame(blame: str) -> tuple[str, ...]:
    """List the faults that a partner is told are somebody's."""
    if not blame:
        return ("",)
    return tuple(fault.code for fault in by_code().values() if _told_blame(fault.code) == blame)


def _told_blame(code: str) -> str:
    fault = by_code()[code]
    return "partner" if fault.public_code == NOT_TOLD_APART else fault.blame
