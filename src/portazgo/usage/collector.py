"""Takes segments and the ends of epochs from nodes: one transaction on `ledger` each; sending twice changes nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, DataError, InterfaceError, OperationalError, connections, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest

from portazgo import _native
from portazgo.kit.errors import Conflict, Forbidden, Invalid, Problem
from portazgo.nodes.epochs import of_another_node
from portazgo.usage import models
from portazgo.usage.adding import add_fresh, added_up, note_uses
from portazgo.usage.contents import keep_content
from portazgo.usage.models import EpochAccount, EpochEnd, Manifest, RefusedKeyUse
from portazgo.usage.overlapping import overlaps
from portazgo.usage.told import add_told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

logger = logging.getLogger(__name__)

LEDGER = models.LEDGER
REFUSED_KEY = "key_disabled"
"""What nodes say of canaries, and of keys that were disabled: the keys of such calls stand in a summary as `refused`."""
LARGEST_WAL_BYTES = 64 * 1024 * 1024
LATEST_US = 7_258_118_400_000_000
"""The year 2200: a node's clock may be wrong, and its records count all the same."""
MOST_OF_A_CALL = 2**45
"""Units, bytes, or microseconds: a year, or 35 TB. A segment may hold as much for each of its records."""

# Who used a retiring secret: sums, and of the last use where it came from. Mostly there is none in a segment.
_USE_KEY = ("kid", "day_us", "caller", "refused")
_LAST = ("last_at_us", "address", "user_agent", "personal", "personal_key", "epoch", "route")
_ADD_USE = (
    f"INSERT INTO usage_retiring ({', '.join((*_USE_KEY, 'requests', 'first_at_us', *_LAST))}) "  # noqa: S608 - names of our own
    f"VALUES ({', '.join(['%s'] * (len(_USE_KEY) + 2 + len(_LAST)))}) ON CONFLICT ({', '.join(_USE_KEY)}) DO UPDATE SET "
    "requests = usage_retiring.requests + excluded.requests, "
    "first_at_us = CASE WHEN excluded.first_at_us < usage_retiring.first_at_us "
    "THEN excluded.first_at_us ELSE usage_retiring.first_at_us END, "
    + ", ".join(
        f"{name} = CASE WHEN excluded.last_at_us >= usage_retiring.last_at_us "
        f"THEN excluded.{name} ELSE usage_retiring.{name} END"
        for name in _LAST
    )
)


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of a segment: stored now, or had already."""

    stored: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed segment that verifies, and belongs where it says."""

    node: UUID
    epoch: UUID
    content: bytes
    summary: Mapping[str, Any]
    """What the native module tells of it: first, last, count, sha256, sums …"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A segment, and the object that holds its bytes; "": the ledger is to hold them."""

    segment: Segment
    place: str


def collect(node: UUID, epoch: UUID, first: int, body: bytes) -> Collected:
    """Verify a sealed segment and keep it. Raises what `verify` and `keep` raise."""
    return keep(verify(node, epoch, first, body))


def verify(node: UUID, epoch: UUID, first: int, body: bytes) -> Segment:
    """Verify a sealed segment, without the database.

    Raises Invalid (`segment_invalid`, 422) for bytes that don't verify or belong elsewhere.
    """
    return Segment(node, epoch, body, _verified(node, epoch, first, body))


def keep(segment: Segment, place: str = "") -> Collected:
    """Keep a segment: bytes (or their object's name), manifest, sums, uses of retiring secrets, all or nothing.

    Raises Conflict: `segment_differs` when the same place of the epoch already holds other bytes, `segment_unfit` when the
    ledger can't hold its values. Raises Forbidden where the epoch is known as another node's.
    """
    try:
        (outcome,) = _kept([Placed(segment, place)])
    except DataError as problem:
        # It fails each time that it comes, and must not hold up those behind it.
        logger.exception("the ledger can't hold the values of a segment", extra={"epoch": str(segment.epoch)})
        raise Conflict(f"the ledger can't hold its values: {problem}", code="segment_unfit") from None
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


def keep_together(placed: Sequence[Placed]) -> list[Collected | Exception]:
    """Keep several segments in one transaction: one commit for all. Gives for each what `keep` gives or raises for it.

    Raises OperationalError and InterfaceError when the database is busy or away: then it has none of them.
    """
    try:
        return list(_kept(placed))
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError:
        # Whichever it was that failed, the others must not fail with it.
        return [_alone(one) for one in placed]


def _alone(one: Placed) -> Collected | Exception:
    try:
        return keep(one.segment, one.place)
    except (Problem, DatabaseError) as problem:
        return problem


def _kept(placed: Sequence[Placed]) -> list[Collected | Problem]:
    outcomes: list[Collected | Problem] = []
    fresh: list[tuple[Manifest, Mapping[str, Any]]] = []
    with transaction.atomic(using=LEDGER):
        for one in placed:
            try:
                manifest = _stored(one)
            except (Conflict, Forbidden) as problem:
                outcomes.append(problem)
                continue
            if manifest is not None:
                fresh.append((manifest, one.segment.summary))
            outcomes.append(Collected(stored=manifest is not None))
        _add_up(fresh)
    return outcomes


def _stored(one: Placed) -> Manifest | None:
    """Write down a segment's bytes and manifest, without its sums; None: it is here already. Raises Conflict, Forbidden."""
    node, epoch, summary = one.segment.node, one.segment.epoch, one.segment.summary
    first = summary["first"]
    _refuse_foreign(node, epoch)
    known = Manifest.objects.using(LEDGER).filter(epoch=epoch, first_sequence=first).first()
    if known is not None:
        if known.sha256 != summary["sha256"]:
            raise Conflict(
                f"records {first} … of epoch {epoch} are here already, with other bytes", code="segment_differs"
            )
        return None
    if overlaps(epoch, summary):
        raise Conflict(
            f"some of records {first} to {summary['last']} of epoch {epoch} are here already", code="segment_overlaps"
        )
    manifest = _keep(node, epoch, summary, len(one.segment.content))
    keep_content(manifest, one.segment.content, one.place)
    return manifest


def _add_up(fresh: Sequence[tuple[Manifest, Mapping[str, Any]]]) -> None:
    """Add up what is new: tables in one order, and each in that of its keys, so that two collectors never wait in turns."""
    if not fresh:
        return
    summaries = [summary for _, summary in fresh]
    add_fresh(added_up(summaries))
    note_uses(summaries)
    _add_uses([{**use, "epoch": summary["epoch"]} for summary in summaries for use in summary["retiring"]])
    add_told([row for summary in summaries for row in summary["told"]])
    refused = [RefusedKeyUse(manifest=manifest, kid=kid) for manifest, summary in fresh for kid in summary["refused"]]
    if refused:
        RefusedKeyUse.objects.using(LEDGER).bulk_create(refused)
    # Last: two collectors of one epoch wait for each other here, and nowhere else.
    for manifest, _ in sorted(fresh, key=lambda one: (one[0].epoch, one[0].first_sequence)):
        add_to_account(manifest)


def report_epoch(report: Mapping[str, Any]) -> None:
    """Keep how an epoch ended; the node's first report counts, and more than what a person has declared.

    Raises Forbidden where the epoch is known as another node's.
    """
    node, epoch = report["node"], report["epoch"]
    with transaction.atomic(using=LEDGER):
        _refuse_foreign(node, epoch)
        ends = EpochEnd.objects.using(LEDGER)
        end, made = ends.get_or_create(epoch=epoch, defaults=dict(report))
        if made:
            return
        if end.node != node and not _has_account(node, epoch):
            raise of_another_node(epoch)
        ends.filter(~Q(node=node) | Q(declared=True), epoch=epoch).update(**report, declared=False)


def add_to_account(manifest: Manifest) -> None:
    """Add a segment to its epoch's account, within the segment's transaction."""
    accounts = EpochAccount.objects.using(LEDGER)
    of_epoch = accounts.filter(epoch=manifest.epoch, node=manifest.node)
    added = {
        "last_sequence": Greatest("last_sequence", manifest.last_sequence),
        "collected": F("collected") + manifest.count,
        "rolled_up": F("rolled_up") + manifest.rolled_up,
        "requests": F("requests") + manifest.requests,
        "ended_at_us": Greatest("ended_at_us", manifest.ended_at_us),
    }
    if not of_epoch.update(**added):
        # Another collector may be making it too.
        accounts.bulk_create([EpochAccount(epoch=manifest.epoch, node=manifest.node)], ignore_conflicts=True)
        of_epoch.update(**added)


def checkpoint(ledger_file: Path) -> bool:
    """Fold SQLite's write-ahead log back when it has grown past 64 MiB. Returns whether it was done."""
    log = ledger_file.with_name(ledger_file.name + "-wal")
    if not log.exists() or log.stat().st_size < LARGEST_WAL_BYTES:
        return False
    with connections[LEDGER].cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return True


def _verified(node: UUID, epoch: UUID, first: int, body: bytes) -> dict[str, Any]:
    try:
        summary = _native.summarize_segment(body)
    except ValueError as problem:
        raise Invalid.at("", f"the segment does not verify: {problem}", code="segment_invalid") from None
    if not _is_plausible(summary):
        raise Invalid.at("", "the segment holds times or amounts that no call has", code="segment_invalid")
    if (summary["node"], summary["epoch"], summary["first"]) != (str(node), str(epoch), first):
        raise Invalid.at("", "the segment belongs to another node, epoch or place than it says", code="segment_invalid")
    return summary


def _is_plausible(summary: Mapping[str, Any]) -> bool:
    """Tell whether it can be shown and added to others: times that no calendar has would fail whoever reads them, for ever."""
    moments = [summary["started_at_us"], summary["ended_at_us"], *(summary["minutes"] or ())]
    moments += [row["day_us"] for row in summary["told"]]
    if min(moments) < 0 or max(moments) >= LATEST_US:
        return False
    return bool(max(summary["totals"]) <= summary["count"] * MOST_OF_A_CALL)  # none is below zero: they are counted so


def _refuse_foreign(node: UUID, epoch: UUID) -> None:
    """Refuse an epoch of which there are records of another node, and none of this one."""
    nodes = set(EpochAccount.objects.using(LEDGER).filter(epoch=epoch).values_list("node", flat=True))
    if nodes and node not in nodes:
        raise of_another_node(epoch)


def _has_account(node: UUID, epoch: UUID) -> bool:
    return EpochAccount.objects.using(LEDGER).filter(node=node, epoch=epoch).exists()


def _keep(node: UUID, epoch: UUID, summary: Mapping[str, Any], size: int) -> Manifest:
    return Manifest.objects.using(LEDGER).create(
        node=node,
        epoch=epoch,
        first_sequence=summary["first"],
        last_sequence=summary["last"],
        count=summary["count"],
        sha256=summary["sha256"],
        started_at_us=summary["started_at_us"],
        ended_at_us=summary["ended_at_us"],
        content_bytes=size,
        rolled_up=summary["count"],
        requests=summary["totals"][0],
    )


def _add_uses(uses: Sequence[Mapping[str, Any]]) -> None:
    """Add what segments tell of retiring secrets: a row for each key and caller in them, never one for each call."""
    if uses:
        members = (*_USE_KEY, "requests", "first_at_us", *_LAST)
        rows = sorted([_value(use, name) for name in members] for use in uses)
        with connections[LEDGER].cursor() as cursor:
            cursor.executemany(_ADD_USE, rows)


def _value(row: Mapping[str, Any], name: str) -> str | int | bytes:
    value: str | int | bytes | None = row[name]
    if value is None:
        return b"" if name == "personal" else ""
    return value
