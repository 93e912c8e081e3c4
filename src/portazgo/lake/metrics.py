"""The lake as metrics of the control plane (docs/metrics.md): how much there is, and how far behind it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Max

from portazgo.lake.models import LakeFile
from portazgo.lake.service import lake
from portazgo.usage.models import LEDGER

if TYPE_CHECKING:
    from datetime import datetime


def exposition(now: datetime) -> str:
    """Write what follows the balance's metrics. The store is not asked."""
    found = lake()
    waits = found.waiting.oldest_ended_at
    age = 0.0 if waits is None else max(0.0, (now - waits).total_seconds())
    told = [
        ("files", "Files that the lake is made of.", sum(day.files for day in found.days)),
        ("bytes", "Bytes of these files.", sum(day.bytes for day in found.days)),
        ("records_waiting", "Records in the ledger that are not in the lake yet.", found.waiting.records),
        (
            "oldest_waiting_seconds",
            "Age of the oldest of these, since its call ended; 0: there are none.",
            round(age, 3),
        ),
    ]
    written = LakeFile.objects.using(LEDGER).aggregate(at=Max("written_at"))["at"]
    if written is not None:
        told.append(("last_written_timestamp_seconds", "When a file was written last.", round(written.timestamp(), 3)))
    return "".join(
        f"# HELP portazgo_lake_{name} {text}\n# TYPE portazgo_lake_{name} gauge\nportazgo_lake_{name} {value}\n"
        for name, text, value in told
    )
