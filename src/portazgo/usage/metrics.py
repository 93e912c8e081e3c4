"""The balance of records as metrics of the control plane (docs/metrics.md): sums over all nodes, no label of a partner's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from portazgo.usage.domain import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portazgo.usage.domain import Balance, Totals
    from portazgo.usage.spill_state import Waiting


def exposition(found: Sequence[Balance], totals: Totals, waiting: Waiting) -> str:
    """Write the page."""
    lines: list[str] = []

    def family(name: str, kind: str, told: str) -> None:
        lines.extend((f"# HELP {name} {told}", f"# TYPE {name} {kind}"))

    def one(name: str, kind: str, told: str, value: int) -> None:
        family(name, kind, told)
        lines.append(f"{name} {value}")

    one(
        "portazgo_ledger_records_journaled_total",
        "counter",
        "Records that nodes have numbered.",
        _sum(found, "journaled"),
    )
    one("portazgo_ledger_records_collected_total", "counter", "Records in the ledger.", _sum(found, "collected"))
    one("portazgo_ledger_records_rolled_up_total", "counter", "Records in the sums.", _sum(found, "rolled_up"))
    one(
        "portazgo_ledger_records_in_lake_total",
        "counter",
        "Records that were written to the lake.",
        _sum(found, "in_lake"),
    )
    one("portazgo_ledger_records_under_way", "gauge", "Records on the disks of living nodes.", _sum(found, "under_way"))
    one(
        "portazgo_ledger_records_missing",
        "gauge",
        "Records that are missing, accepted or not.",
        _sum(found, "missing_records"),
    )
    told = "Records that are acknowledged and in the object store only, until the worker brings them in."
    one("portazgo_ledger_records_spilled", "gauge", told, waiting.records)
    told = "Spilled segments that can't come into the ledger."
    one("portazgo_ledger_segments_set_aside", "gauge", told, waiting.set_aside)
    name = "portazgo_ledger_epochs"
    family(name, "gauge", "Process lives of nodes, by what is to be said of their records.")
    verdicts = Counter(one.verdict for one in found)
    lines.extend(f'{name}{{verdict="{verdict.value}"}} {verdicts[verdict]}' for verdict in Verdict)
    told = "1 while no record is missing that nobody has accepted, and the sums are those of the records."
    one("portazgo_ledger_balanced", "gauge", told, int(totals.balanced and all(one.verdict.balances for one in found)))
    return "\n".join(lines) + "\n"


def _sum(found: Sequence[Balance], member: str) -> int:
    return sum(getattr(one, member) for one in found)
